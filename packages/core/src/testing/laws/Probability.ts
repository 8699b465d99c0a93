import * as Effect from "effect/Effect"
import type { LogProbs } from "../../Backend.ts"
import type { Token } from "../../Token.ts"
import type { Law } from "../Law.ts"
import type { Subject } from "../Subject.ts"
import { ask, draft, draw, passed, unless, violated } from "./trial.ts"

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

/** What is wrong with these bounds, whatever the truth. */
const problemOf = ({ labels, over }: LogProbs, asked: ReadonlyArray<string>, tolerance: number): string | undefined => {
  if (labels.length !== asked.length) return `${labels.length} bounds came for ${asked.length} labels.`
  const bad = labels.findIndex(({ lower, upper }) => !(lower <= upper && upper <= 0))
  if (bad >= 0) return `${asked[bad]} is bounded by ${labels[bad]?.lower} and ${labels[bad]?.upper}.`
  const least = sum(labels.map(({ lower }) => Math.exp(lower)))
  return over === "vocabulary" && least > 1 + tolerance ? `the labels' probabilities add up to ${least}.` : undefined
}

/** Bounds of each probability, of the whole vocabulary's or, where no more is known, of the labels'. */
const intervals = ({ labels, over }: LogProbs): ReadonlyArray<readonly [least: number, most: number]> => {
  const least = labels.map(({ lower }) => Math.exp(lower))
  const most = labels.map(({ upper }) => Math.exp(upper))
  if (over === "vocabulary") return least.map((p, i) => [p, most[i] ?? NaN])
  return least.map((p, i) => {
    const q = most[i] ?? NaN
    return [p / (p + sum(most) - q), q / (q + sum(least) - p)]
  })
}

/** How far each probability is outside its interval; 0: inside. */
const misses = (answer: LogProbs, probabilities: ReadonlyArray<number>): ReadonlyArray<number> => {
  const whole = answer.over === "vocabulary" ? 1 : sum(probabilities)
  const bounds = intervals(answer)
  return probabilities.map((p, i) => {
    const [least, most] = bounds[i] ?? [NaN, NaN]
    return Math.max(0, least - p / whole, p / whole - most)
  })
}

const asked = (prefix: ReadonlyArray<Token>, subject: Subject) =>
  Effect.gen(function* () {
    const answer = yield* ask(subject, subject.prompt, prefix)
    const problem = problemOf(answer, subject.labels, subject.tolerance ?? 1e-4)
    return problem === undefined ? answer : yield* violated(problem)
  })

const check = (subject: Subject) =>
  Effect.gen(function* () {
    const { labels, reference, tolerance = 1e-4 } = subject
    const known = reference?.labels ?? []
    const maxTokens = Math.max(draft(subject).maxTokens, ...known.map(({ after }) => after))
    const answer = yield* draw(draft(subject, { temperature: 0, maxTokens }))
    yield* Effect.forEach([0, 3, answer.length], (after) => asked(answer.slice(0, after), subject))
    let most = 0
    for (const { after, probabilities } of known) {
      const missed = misses(yield* asked(answer.slice(0, after), subject), probabilities)
      const at = missed.findIndex((miss) => !(miss <= tolerance))
      yield* unless(at === -1, `${labels[at]} after ${after} tokens is off by ${missed[at]}.`)
      most = Math.max(most, ...missed)
    }
    const detail = `off the reference by at most ${most.toExponential(1)} after ${known.map(({ after }) => after).join(", ")} tokens.`
    if (known.length > 0) return passed(detail)
    return {
      outcome: "unsupported",
      detail: "Well-formed bounds; there is no reference to compare them with."
    } as const
  })

export const probability: Law = {
  number: 5,
  name: "probability",
  promise: "Labels' probabilities equal the reference's softmax to 1e-4; intervals contain it.",
  check
}
