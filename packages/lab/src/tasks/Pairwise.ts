/**
 * A model's verdict on which of two outputs is better, as AlpacaEval 2 asks for it: the two are called `m` and `M`, and the
 * probabilities of these two replies are read (weighted_alpaca_eval_gpt4_turbo in tatsu-lab/alpaca_eval; Dubois et al.,
 * arXiv 2404.04475).
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import type * as Backend from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Message, Prompt } from "@mulligan/core/Prompt"
import { malformed, ungraded } from "./internal/errors.ts"
import * as Judge from "./Judge.ts"
import type { JudgedTask, Problem } from "./Task.ts"
import type { TaskError } from "./TaskError.ts"

export interface Options {
  /**
   * What the judge is asked, with `{instruction}`, `{output_1}` and `{output_2}` in it, once each: chat messages, or a text in
   * ChatML such as AlpacaEval's own `alpaca_eval_clf.txt`, needed to compare with its leaderboard; any other text is a
   * user's message. It must call the outputs `m` and `M`, and have one of these as its answer. Default: `messages`.
   */
  readonly template?: Prompt | undefined
  /** Decides, with the instruction, which output is shown first. Default 0. */
  readonly seed?: number | undefined
}

/** A template in words of ours. */
export const messages: ReadonlyArray<Message> = [
  { role: "system", content: "You compare the outputs of two language models, as a careful human reader would." },
  {
    role: "user",
    content: `Two models, m and M, were given the same instruction. Their order means nothing.

<instruction>
{instruction}
</instruction>

<output model="m">
{output_1}
</output>

<output model="M">
{output_2}
</output>

Which output would people prefer: the more helpful, correct and relevant one? Answer with that model's name alone, m or M.`
  }
]

const LABELS = ["m", "M"]
const SLOTS = ["instruction", "output_1", "output_2"] as const
type Values = Readonly<Record<(typeof SLOTS)[number], string>>

const chatml = /<\|im_start\|>(system|user|assistant)\n([\s\S]*?)<\|im_end\|>/g

const parse = (template: Prompt): ReadonlyArray<Message> => {
  if (typeof template !== "string") return template
  const found = [...template.matchAll(chatml)].map(([, role, content = ""]) => ({
    role: role as Message["role"],
    content: content.trim()
  }))
  return found.length > 0 ? found : [{ role: "user", content: template.trim() }]
}

/** Fails with `Malformed` unless the template has each slot once. */
export const check = (template: Prompt): Effect.Effect<void, TaskError> => {
  const text = parse(template)
    .map(({ content }) => content)
    .join("\n")
  const wrong = SLOTS.find((slot) => text.split(`{${slot}}`).length !== 2)
  return wrong === undefined
    ? Effect.void
    : malformed("The judge's template", `It has {${wrong}} not exactly once.`, "Put it where it belongs, once.")
}

/** In one go, so that a slot's name in an output stays what it is. */
const fill = (template: ReadonlyArray<Message>, values: Values): Prompt =>
  template.map(({ content, role }) => ({
    role,
    content: content.replaceAll(/\{(instruction|output_1|output_2)\}/g, (_, slot: keyof Values) => values[slot])
  }))

/** The last that the user said. */
const instructionOf = (prompt: Prompt): string =>
  typeof prompt === "string" ? prompt : (prompt.findLast(({ role }) => role === "user")?.content ?? "")

const referenceIsFirst = (seed: number, instruction: string): boolean =>
  (createHash("sha256").update(`${seed}\n${instruction}`).digest()[0] ?? 0) % 2 === 1

/** P(one) / (P(one) + P(other)) from their logarithms; NaN where neither is possible. */
const share = (one: number, other: number): number => 1 / (1 + Math.exp(other - one))

/** Probability that `m` is better; halfway where the backend only bounds it, undefined where it knows nothing. */
const preference = ({ labels: [m, M] }: Backend.LogProbs): number | undefined => {
  if (m === undefined || M === undefined) return undefined
  const [lower, upper] = [share(m.lower, M.upper), share(m.upper, M.lower)]
  return upper - lower < 1 ? (lower + upper) / 2 : undefined
}

const verdict = (prompt: Prompt) =>
  Effect.flatMap(Judge.Judge, (judge) => judge.logProbs({ prompt, prefix: [], labels: LABELS })).pipe(
    Effect.map(preference)
  )

/**
 * Grades a draft by the probability that the judge prefers it to the problem's reference, 0 to 1; the mean of the grades is
 * the (weighted) win rate. Which of the two is shown first is drawn by seed and instruction, the last that the prompt's user
 * says. A draft that equals the reference is a draw, 0.5, and costs nothing.
 *
 * Cost: one reading of instruction and both outputs by the judge, charged to whoever grades. Fails as the judge's `logProbs`
 * fails, with `Malformed` for a template without its slots, and with `Ungraded` where a problem has no reference, or the
 * judge says nothing of `m` and `M`.
 *
 * Gotcha: judges prefer long outputs. AlpacaEval's length-controlled win rate corrects that by a regression over many
 * models' verdicts (arXiv 2404.04475), which is not done here.
 */
export const judge = (options: Options = {}): JudgedTask<BackendError | TaskError, Judge.Judge>["judge"] => {
  const { seed = 0, template = messages } = options
  const asked = parse(template)
  return ({ id, prompt, reference }: Problem, text) =>
    Effect.gen(function* () {
      yield* check(template)
      const source = `Problem ${id}`
      if (reference === undefined)
        return yield* ungraded(source, "It has no output to compare with.", "Give one as its reference.")
      if (text === reference) return 0.5
      const instruction = instructionOf(prompt)
      const isSwitched = referenceIsFirst(seed, instruction)
      const [output_1, output_2] = isSwitched ? [reference, text] : [text, reference]
      const first = yield* verdict(fill(asked, { instruction, output_1, output_2 }))
      if (first === undefined)
        return yield* ungraded(
          source,
          "The judge says nothing of m and M.",
          "Use another judge, or another `template`."
        )
      return isSwitched ? 1 - first : first
    })
}
