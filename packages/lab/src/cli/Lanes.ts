/**
 * The drafts of one question side by side, as they are drawn, judged and dropped.
 */
import type { Fact } from "@mulligan/core/Fact"
import type { End } from "@mulligan/core/Token"
import type { Screen } from "./Screen.ts"
import { brief } from "./Summary.ts"

export interface Lane {
  readonly index: number
  readonly text: string
  readonly tokens: number
  readonly end: End | undefined
  readonly score: number | undefined
  readonly state: "drawn" | "pruned" | "cancelled" | "failed" | "chosen"
}

const begun = (index: number): Lane => ({
  index,
  text: "",
  tokens: 0,
  end: undefined,
  score: undefined,
  state: "drawn"
})

const states = { Pruned: "pruned", Cancelled: "cancelled", Failed: "failed", Chosen: "chosen" } as const

const after = (lane: Lane, fact: Fact): Lane => {
  switch (fact._tag) {
    case "Drawn":
      return { ...lane, text: lane.text + fact.token.text, tokens: lane.tokens + 1, end: fact.token.end }
    case "Scored":
      return { ...lane, score: fact.score.value }
    case "Stopped":
      return lane
    default:
      return { ...lane, state: states[fact._tag] }
  }
}

const BAR = 10

/** From 0 to 1 as ten cells. */
const bar = (score: number): string => {
  const full = Math.round(score * BAR)
  return "█".repeat(full) + "░".repeat(BAR - full)
}

/** A score that may be any number has no bar. */
const judged = (score: number | undefined, isBounded: boolean): string => {
  const number = score === undefined ? "" : brief(score)
  if (!isBounded) return number.padStart(7)
  return (score === undefined ? "" : `${bar(score)}  ${number}`).padEnd(BAR + 6)
}

const marks = { drawn: " ", pruned: "✂", cancelled: "✕", failed: "!", chosen: "★" } as const

const control = /\p{Cc}+|\s+/gu

/** The newest that fits; line breaks and control characters become spaces. */
const newest = (text: string, width: number): string => {
  const flat = text.replace(control, " ").trimStart()
  return flat.length <= width ? flat : `…${flat.slice(flat.length - Math.max(0, width - 1))}`
}

export class Lanes {
  readonly #lanes = new Map<number, Lane>()
  readonly #isBounded: boolean
  constructor(isBounded: boolean) {
    this.#isBounded = isBounded
  }
  /** Takes a fact in, and gives the lane that it is about. */
  readonly follow = (fact: Fact): Lane => {
    const lane = after(this.#lanes.get(fact.index) ?? begun(fact.index), fact)
    this.#lanes.set(fact.index, lane)
    return lane
  }
  /** In the order of the index. */
  get all(): ReadonlyArray<Lane> {
    return [...this.#lanes.values()].toSorted((a, b) => a.index - b.index)
  }
  #line(lane: Lane, screen: Screen): string {
    const head = `${marks[lane.state]} ${String(lane.index + 1).padStart(3)}  ${judged(lane.score, this.#isBounded)}  `
    // One column stays free: a full line would wrap on some terminals.
    const line = head + newest(lane.text, screen.width - head.length - 1)
    if (lane.state === "chosen") return screen.paint(["green", "bold"], line)
    return lane.state === "drawn" ? line : screen.paint("gray", line)
  }
  /** The newest drafts, where the window is too low for all. */
  readonly picture = (screen: Screen): string =>
    this.all
      .slice(-Math.max(1, screen.height - 2))
      .map((lane) => this.#line(lane, screen))
      .join("\n")
}
