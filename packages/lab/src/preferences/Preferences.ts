/**
 * Makes the data that a model is trained on to judge its own drafts: real prompts, on-policy drafts of any backend, rewards,
 * and for each draft the share of its siblings that it wins or ties against.
 */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { join } from "node:path"
import type { Backend } from "@mulligan/core/Backend"
import { type JobOptions, type Summary, through, withDefaults } from "./internal/pipeline.ts"
import { type Failure, workOn } from "./internal/work.ts"
import type * as Reward from "./Reward.ts"
import * as Settings from "./Settings.ts"
import { fromSql } from "./Store.ts"
import * as Sqlite from "./Sqlite.ts"

export { type JobOptions, type Progress, type Summary } from "./internal/pipeline.ts"
export type { Failure } from "./internal/work.ts"

export interface Options<E = never, R = never> extends JobOptions {
  readonly reward: Reward.Model<E, R>
  /** Prompts at once, each with all its drafts at once. Default 4. */
  readonly concurrency?: number | undefined
}

/** As `run`, on the database around: any that Effect has a client for, which may hold other jobs too. */
export const runOn = <E, R>(options: Options<E, R>): Effect.Effect<Summary, Failure, Backend | R | SqlClient> => {
  const known = withDefaults(options, options.concurrency ?? 4)
  const work = { drawing: Settings.drawingOf(options), reward: options.reward, ...known }
  return through(options, known, options.reward.name, (store, id) => workOn(store, id, work))
}

/**
 * Reads prompts, draws and judges drafts, and writes `preferences.jsonl` and a data card into a folder; what is done so far
 * is in `job.sqlite` there. The same call goes on after an interruption or a `kill -9`: no draft that was stored is drawn
 * again, and the same rows come out. More `drafts`, another reward, margin, truncation, balance or question take what is
 * there and add what is missing; other prompts or another way of drawing fail with `OtherJob`.
 *
 * The result depends on nothing but the options: not on `concurrency`, and as far as the backend obeys its laws, not on the
 * machine. A prompt that the backend or the reward model refuses is left out and counted; a failure that may pass is tried
 * again, and then ends the call. Throws a `RangeError` for options that cannot be meant.
 */
export const run = <E, R>(options: Options<E, R>): Effect.Effect<Summary, Failure, Backend | Exclude<R, SqlClient>> =>
  runOn(options).pipe(
    Effect.provide(Sqlite.layer(join(options.folder, "job.sqlite"))),
    Effect.catchTag("SqlError", (error) => Effect.fail(fromSql(error)))
  ) as Effect.Effect<Summary, Failure, Backend | Exclude<R, SqlClient>>
