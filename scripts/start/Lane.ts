/**
 * One draft of a race as it is shown: a score as a bar, and as much of the newest text as fits.
 */
import { styleText } from "node:util"
import type { Fact } from "@mulligan/core"

export interface Lane {
  readonly text: string
  readonly score: number | undefined
  readonly state: "waiting" | "drawing" | "pruned" | "chosen"
}

export const empty: Lane = { text: "", score: undefined, state: "waiting" }

/** What a fact makes of a lane that it is about. */
export const follow = (lane: Lane, fact: Fact.Fact): Lane => {
  if (fact._tag === "Drawn") return { ...lane, text: lane.text + fact.token.text, state: "drawing" }
  if (fact._tag === "Scored") return { ...lane, score: fact.score.value }
  if (fact._tag === "Pruned") return { ...lane, state: "pruned" }
  return fact._tag === "Chosen" ? { ...lane, state: "chosen" } : lane
}

const BAR = 10

/** A number from 0 to 1 as ten cells. */
export const bar = (score: number): string => {
  const full = Math.round(score * BAR)
  return "█".repeat(full) + "░".repeat(BAR - full)
}

/** ".93", short as a caption wants it; no score is certain, so none reads as 1. */
export const brief = (score: number): string => Math.min(0.99, score).toFixed(2).slice(1)

/** At most `width` characters; the newest stay. */
export const fitted = (text: string, width: number): string =>
  text.length <= width ? text : `…${text.slice(text.length - Math.max(0, width - 1))}`

/** Without a width, for a pipe: whole, and in words what a terminal says by colour. */
export const line = ({ score, state, text }: Lane, index: number, width?: number): string => {
  const mark = state === "chosen" ? "★" : state === "pruned" ? "✂" : " "
  const judged = score === undefined ? " ".repeat(BAR + 4) : `${bar(score)} ${brief(score)}`
  const head = `${mark} ${String(index + 1).padStart(2)}  ${judged}  `
  const said = text.trimStart()
  if (width === undefined) return `${head}${said}${state === "pruned" ? " (pruned)" : ""}`
  const whole = head + fitted(said, width - head.length)
  return state === "drawing" ? whole : styleText(state === "chosen" ? ["green", "bold"] : ["gray"], whole)
}
