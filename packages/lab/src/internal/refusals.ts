/**
 * What a recording cannot answer: a typed refusal each, that says what to record.
 */
import * as BackendError from "@mulligan/core/BackendError"
import type { Draft, Recording } from "../Recording.ts"

export const NAME = "replay"

const refusal = (problem: string, advice: string): BackendError.BackendError =>
  BackendError.unsupported(NAME, "recorded", problem, advice)

const listed = (values: Iterable<number>): string => [...new Set(values)].toSorted((a, b) => a - b).join(", ")

export const noPrompt = (problems: number) =>
  refusal(`This prompt is none of the ${problems} that were recorded.`, "Record it: name it in `prompts`.")

export const otherSampling = (difference: string) =>
  refusal(`The recording was drawn otherwise: ${difference}.`, "Ask as it was recorded, or record into another file.")

export const otherMeasures = (difference: string) =>
  refusal(`In the recording ${difference}.`, "Ask for what was recorded, or record with it into another file.")

export const noDraft = (
  { seed, temperature }: Pick<Draft, "seed" | "temperature">,
  drafts: ReadonlyArray<Draft>,
  seeds: Iterable<number>
) => {
  const alike = drafts.filter((draft) => draft.temperature === temperature)
  if (alike.length === 0)
    return refusal(
      `No draft of this prompt was recorded at temperature ${temperature}, but at ${listed(drafts.map((d) => d.temperature)) || "none"}.`,
      `Record with temperature ${temperature} (an annealing, if that is what gives it).`
    )
  return refusal(
    `No draft of this prompt was recorded at temperature ${temperature} with seed ${seed}; there are ${alike.length}, of a run with seed ${listed(seeds)}.`,
    "Give `fromPrompt` the seed of that run, record with this one's, or record with a higher count."
  )
}

export const otherPrefix = (length: number) =>
  refusal(
    `The ${length} tokens to go on from are not those of the recorded draft with this seed and temperature.`,
    "Continue only what was drawn from this recording, by the same seed and at the same temperature."
  )

export const tooShort = (length: number) =>
  refusal(
    `Of this draft ${length} tokens were recorded, and it had not ended.`,
    `Record with maxTokens above ${length}, or end the recording that was broken off; the same file is gone on with.`
  )

export const noQuestion = ({ questions }: Recording) =>
  refusal(
    `These labels after this question are none of the ${questions.length} pairs that were recorded.`,
    "Record it: name question and labels in `readings`."
  )

export const noRoom = (length: number) =>
  BackendError.overContext(
    NAME,
    `The question has no room after these ${length} tokens: the draft fills the model's context.`,
    "Record with a lower maxTokens into another file, or ask earlier: with fewer `tokens` in `readings`, and maxTokens as low on replay."
  )

export const noReading = (length: number, depths: Iterable<number>) =>
  refusal(
    `The question was not asked after these ${length} tokens; of this prompt's drafts it was after ${listed(depths) || "none"}.`,
    `Record with \`readings\` that have \`tokens: [${length}]\`, or 1 in \`shares\` where this is a draft's end.`
  )
