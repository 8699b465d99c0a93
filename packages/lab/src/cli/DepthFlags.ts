/**
 * Where in a draft the model is asked, and what.
 */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Question from "@mulligan/self-evaluator/Question"
import type { Asked } from "../Record.ts"
import * as Problem from "./Problem.ts"

/** Where a draft is asked: after shares of its own length, after numbers of tokens. */
export interface Depths {
  readonly shares: ReadonlyArray<number>
  readonly tokens: ReadonlyArray<number>
}

const expected = "depths with commas between them: shares such as 25%, tokens such as 32t"

/** "25%,50%,32t,100%" */
export const parseDepths = (text: string): Depths | undefined => {
  const words = text.split(",").map((word) => /^\s*(\d+(?:\.\d+)?)(%|t)\s*$/.exec(word))
  const depths = words.map((word) => ({ unit: word?.[2], value: Number(word?.[1]) }))
  const isFine = depths.every(({ unit, value }) => (unit === "%" ? value <= 100 : Number.isInteger(value)))
  if (!isFine) return undefined
  return {
    shares: depths.flatMap(({ unit, value }) => (unit === "%" ? [value / 100] : [])),
    tokens: depths.flatMap(({ unit, value }) => (unit === "t" ? [value] : []))
  }
}

type Asking = Pick<Asked, "question" | "labels">

/** "Is this right? [Yes/No]": the reply that keeps the draft first. Without brackets the paper's replies. */
export const parseQuestion = (text: string): Asking | undefined => {
  const [, asked = "", keep, restart] = /^(.*?)\s*(?:\[([^/\]]+)\/([^/\]]+)\])?\s*$/s.exec(text) ?? []
  const labels = keep === undefined || restart === undefined ? undefined : [keep.trim(), restart.trim()]
  if (asked.trim() === "") return labels === undefined ? undefined : { labels }
  return { question: asked.trim(), labels: labels ?? [Question.yesNo.keep, Question.yesNo.restart] }
}

const refused = (name: string, text: string, expected: string) => Effect.fail(Problem.invalidFlag(name, text, expected))

export const flags = {
  depths: Flag.String("depths").pipe(
    Flag.withMetavar("D,D,…"),
    Flag.mapEffect((text) => {
      const depths = parseDepths(text)
      return depths === undefined ? refused("depths", text, expected) : Effect.succeed(depths)
    }),
    Flag.withDescription("where the model is asked: 25% of a draft, 32t for 32 tokens; default 100%, its end"),
    Flag.withDefault({ shares: [1], tokens: [] })
  ),
  question: Flag.String("question").pipe(
    Flag.withMetavar("TEXT"),
    Flag.mapEffect((text) => {
      const question = parseQuestion(text)
      return question === undefined
        ? refused("question", text, "a question and, in brackets, the replies: keep/restart")
        : Effect.succeed(question)
    }),
    Flag.withDescription('what is asked, several if given often: "Is this right? [Yes/No]"; default: the paper\'s'),
    Flag.atLeast(0)
  )
}

const paper: Asking = { question: Question.paper, labels: [Question.yesNo.keep, Question.yesNo.restart] }

export interface Flags {
  readonly depths: Depths
  readonly question: ReadonlyArray<Asking>
}

export const readingsOf = (given: Flags): ReadonlyArray<Asked> =>
  (given.question.length === 0 ? [paper] : given.question).map((question) => ({ ...question, ...given.depths }))
