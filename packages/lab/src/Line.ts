/**
 * What a recording is made of: each line of its file is one of these, as JSON. `docs/recording.md` describes the format.
 */
import * as Schema from "effect/Schema"
import { Prompt } from "@mulligan/core/Prompt"
import * as SchemaVersion from "@mulligan/core/SchemaVersion"
import { End } from "@mulligan/core/Token"

/** How every draft of a file was drawn, temperature apart; a knob left out is off. */
export const Sampling = Schema.Struct({
  topP: Schema.optionalKey(Schema.Finite),
  topK: Schema.optionalKey(Schema.Int),
  minP: Schema.optionalKey(Schema.Finite),
  repetitionPenalty: Schema.optionalKey(Schema.Finite),
  stop: Schema.optionalKey(Schema.Array(Schema.String))
})
export interface Sampling extends Schema.Schema.Type<typeof Sampling> {}

/** What was told of every token beside its log-probability; what was not asked for is left out. */
export const Measures = Schema.Struct({
  confidence: Schema.optionalKey(Schema.Int),
  certainty: Schema.optionalKey(Schema.Literal(true))
})
export interface Measures extends Schema.Schema.Type<typeof Measures> {}

/** What was asked about drafts. */
export const Question = Schema.Struct({
  /** Left out: read at the draft's own next position. */
  question: Schema.optionalKey(Schema.String),
  labels: Schema.Array(Schema.String)
})
export interface Question extends Schema.Schema.Type<typeof Question> {}

/**
 * `id` counts the lines of its kind from 0, and other lines refer to it; what is referred to stands further up. Columns
 * of tokens and labels have one entry for each, null where the backend gave none; a column of nothing else is left out.
 */
export const Line = Schema.TaggedUnion({
  /** The first line, and only that. */
  Model: { model: Schema.String, sampling: Sampling, measures: Schema.optionalKey(Measures) },
  /** `seed` is that of the run: the drafts' own seeds come from it and their index, as in `Candidates.fromPrompt`. */
  Prompt: { id: Schema.Natural, prompt: Prompt, seed: Schema.Int },
  Question: { id: Schema.Natural, ...Question.fields },
  /** A draft begins. */
  Draft: {
    id: Schema.Natural,
    prompt: Schema.Natural,
    index: Schema.Natural,
    seed: Schema.Int,
    temperature: Schema.Finite
  },
  /** The draft's next tokens. With `from` below the tokens that it has, those from there on were thrown away. */
  Tokens: {
    draft: Schema.Natural,
    from: Schema.Natural,
    texts: Schema.Array(Schema.String),
    ids: Schema.optionalKey(Schema.Array(Schema.NullOr(Schema.Int))),
    logProbs: Schema.optionalKey(Schema.Array(Schema.NullOr(Schema.Number))),
    confidences: Schema.optionalKey(Schema.Array(Schema.NullOr(Schema.Number))),
    certainties: Schema.optionalKey(Schema.Array(Schema.NullOr(Schema.Number))),
    processed: Schema.optionalKey(Schema.Array(Schema.NullOr(Schema.Literal(true)))),
    /** Of the last of these tokens. */
    end: Schema.optionalKey(End),
    /** Read before these tokens could be drawn. */
    promptTokens: Schema.Natural,
    /** Since the draft was begun or gone on with, or since its tokens before these. */
    seconds: Schema.Finite
  },
  /** What the model said of a draft's first `after` tokens: bounds of the labels' log-probabilities. */
  Reading: {
    draft: Schema.Natural,
    question: Schema.Natural,
    after: Schema.Natural,
    lower: Schema.Array(Schema.Number),
    upper: Schema.Array(Schema.Number),
    over: Schema.Literals(["vocabulary", "labels"]),
    readTokens: Schema.Natural,
    seconds: Schema.Finite
  },
  /** A question that does not fit behind a draft's first `after` tokens: the draft fills the model's context, or nearly. */
  Unread: { draft: Schema.Natural, question: Schema.Natural, after: Schema.Natural }
})
export type Line = typeof Line.Type

export const LineJson = SchemaVersion.versioned("Recording", Line)
