/**
 * What decides which prompts a job has and which drafts are drawn of them: stored with the job, so that what was drawn in
 * one way never mixes with what is drawn in another.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { stat } from "node:fs/promises"
import { basename } from "node:path"
import type * as Backend from "@mulligan/core/Backend"
import * as Duplicates from "./Duplicates.ts"
import type * as Filter from "./Filter.ts"
import { attempt } from "./internal/errors.ts"
import type { Licence } from "./Licence.ts"
import * as PersonalData from "./PersonalData.ts"
import { otherJob, type PreferencesError } from "./PreferencesError.ts"

/** Where prompts come from. */
export interface Source {
  readonly file: string
  /** The data set's name; left out: told by its rows (LMSYS-Chat-1M, WildChat), else the file's name. */
  readonly dataset?: string | undefined
  /** Needed for a data set that is not known; a known one's own is printed where this is left out. */
  readonly licence?: Licence | undefined
}

export interface PromptOptions {
  readonly sources: ReadonlyArray<Source>
  readonly filter?: Filter.Options | undefined
  readonly duplicates?: Duplicates.Options | undefined
  /** A prompt goes to the last of at most so many user turns, with what was said between them. Default 1. */
  readonly turns?: number | undefined
  /** Prompts taken, the first that pass; left out: all. */
  readonly prompts?: number | undefined
}

export interface DrawOptions extends Backend.Sampling {
  /** The model that draws, in your words: its name and revision. A backend does not tell. */
  readonly model: string
  /** Default 1: the model's own distribution. */
  readonly temperature?: number | undefined
  /** Left out: until the model stops, or its context is full. */
  readonly maxTokens?: number | undefined
  /** The same seed draws the same drafts, and cuts them alike. Default 0. */
  readonly seed?: number | undefined
}

const Sampling = Schema.Struct({
  topP: Schema.optionalKey(Schema.Finite),
  topK: Schema.optionalKey(Schema.Finite),
  minP: Schema.optionalKey(Schema.Finite),
  repetitionPenalty: Schema.optionalKey(Schema.Finite),
  stop: Schema.optionalKey(Schema.Array(Schema.String))
})

/** How drafts are drawn. */
export const Drawing = Schema.Struct({
  model: Schema.String,
  temperature: Schema.Finite,
  maxTokens: Schema.optionalKey(Schema.Int),
  seed: Schema.Int,
  sampling: Sampling
})
export interface Drawing extends Schema.Schema.Type<typeof Drawing> {}

export const Settings = Schema.Struct({
  ...Drawing.fields,
  sources: Schema.Array(
    Schema.Struct({ file: Schema.String, bytes: Schema.Int, dataset: Schema.optionalKey(Schema.String) })
  ),
  turns: Schema.Int,
  prompts: Schema.optionalKey(Schema.Int),
  languages: Schema.optionalKey(Schema.Array(Schema.String)),
  redacted: Schema.Boolean,
  flagged: Schema.Boolean,
  /** By name and pattern. */
  personalData: Schema.Array(Schema.Tuple([Schema.String, Schema.String])),
  threshold: Schema.Finite
})
export interface Settings extends Schema.Schema.Type<typeof Settings> {}

const codec = Schema.fromJsonString(Settings)
export const encode = Schema.encodeSync(codec)
export const decode = Schema.decodeSync(codec)

const defined = <A extends object>(fields: A) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof A]: Exclude<A[K], undefined>
  }

export const drawingOf = (options: DrawOptions): Drawing => {
  const { maxTokens, minP, model, repetitionPenalty, seed = 0, stop, temperature = 1, topK, topP } = options
  const sampling = defined({ topP, topK, minP, repetitionPenalty, stop })
  return { model, temperature, seed, sampling, ...defined({ maxTokens }) } as Drawing
}

const sourceOf = ({ dataset, file }: Source) =>
  Effect.map(
    attempt(file, () => stat(file)),
    ({ size }) => ({ file: basename(file), bytes: size, ...defined({ dataset }) })
  )

/** Fails with `Inaccessible` where a source is missing. */
export const of = (options: PromptOptions & DrawOptions): Effect.Effect<Settings, PreferencesError> =>
  Effect.gen(function* () {
    const { duplicates, filter = {}, prompts, turns = 1 } = options
    const { flagged = false, languages, personalData = PersonalData.kinds, redacted = false } = filter
    return {
      ...drawingOf(options),
      sources: yield* Effect.forEach(options.sources, sourceOf),
      turns,
      redacted,
      flagged,
      personalData: personalData.map(({ name, pattern }) => [name, String(pattern)] as const),
      threshold: duplicates?.threshold ?? Duplicates.THRESHOLD,
      ...defined({ prompts, languages })
    } as Settings
  })

/** Fails with `OtherJob`, naming what differs. */
export const agree = (job: string, stored: Settings, own: Settings): Effect.Effect<void, PreferencesError> => {
  const names = Object.keys({ ...stored, ...own }) as ReadonlyArray<keyof Settings>
  const differing = names.filter((name) => JSON.stringify(stored[name]) !== JSON.stringify(own[name]))
  return differing.length === 0
    ? Effect.void
    : otherJob({
        problem: `The job ${job} was begun with other settings: ${differing.join(", ")}.`,
        advice: "Go on with those, or give another job name or folder."
      })
}
