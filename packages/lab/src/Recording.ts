/**
 * What a model drew and what it said of it, read from a file: plain data, on which strategies run again (`Replay`) or are
 * decided by arithmetic (`Offline`).
 */
import * as Effect from "effect/Effect"
import { open } from "node:fs/promises"
import type * as Backend from "@mulligan/core/Backend"
import type { Prompt } from "@mulligan/core/Prompt"
import type { Token } from "@mulligan/core/Token"
import { Builder } from "./internal/Builder.ts"
import { attempt } from "./internal/errors.ts"
import { load } from "./internal/load.ts"
import type { Measures, Question, Sampling } from "./Line.ts"
import type { RecordingError } from "./RecordingError.ts"

/** What the model said of a draft's first `after` tokens. */
export interface Reading {
  readonly question: Question
  readonly after: number
  /** As the backend gave it, in the order of the question's labels; any label set and calibration can be applied to it. */
  readonly answer: Backend.LogProbs
  readonly readTokens: number
  /** Wall time, beside whatever else was under way. */
  readonly seconds: number
}

/** A question that does not fit behind a draft's first `after` tokens: the draft fills the model's context, or nearly. */
export interface Unread {
  readonly question: Question
  readonly after: number
}

export interface Draft {
  /** Among the drafts of its problem at its temperature, from 0. */
  readonly index: number
  readonly seed: number
  readonly temperature: number
  /** Without an `end` on the last it was cut by `maxTokens`, or its recording was broken off. */
  readonly tokens: ReadonlyArray<Token>
  readonly readings: ReadonlyArray<Reading>
  readonly unread: ReadonlyArray<Unread>
  /** Read before it could be drawn, as the backend charged it: of drafts drawn together perhaps only the first. */
  readonly promptTokens: number
  /** Wall time of drawing, beside whatever else was under way. */
  readonly seconds: number
}

/** A prompt and the drafts that a run with this seed draws. */
export interface Problem {
  readonly prompt: Prompt
  readonly seed: number
  readonly drafts: ReadonlyArray<Draft>
}

export interface Recording {
  /** What was recorded, in the words of whoever did. */
  readonly model: string
  readonly sampling: Sampling
  readonly measures: Measures
  readonly questions: ReadonlyArray<Question>
  readonly problems: ReadonlyArray<Problem>
}

/**
 * Reads a recording, also one that is being written or was broken off: what was flushed is there. Fails with
 * `Inaccessible` or `Unreadable`.
 */
export const read = (file: string): Effect.Effect<Recording, RecordingError> =>
  Effect.acquireUseRelease(
    attempt(file, () => open(file, "r")),
    (handle) => {
      const builder = new Builder()
      return Effect.as(
        attempt(file, () => load(file, handle, builder)),
        builder.recording
      )
    },
    (handle) => Effect.promise(() => handle.close())
  )
