import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Options } from "../Options.ts"
import { invalid } from "./errors.ts"

const isCount = (value: number | undefined, least: number): boolean =>
  value === undefined || value === Infinity || (Number.isInteger(value) && value >= least)

const isDuration = (value: Duration.Input | undefined): boolean =>
  value === undefined || Duration.fromInput(value)._tag === "Some"

/** What is wrong with an option whatever the server, before one is asked. */
export const checkOptions = (options: Options): Effect.Effect<void, BackendError> => {
  const { concurrency, idleTimeout, longestWait, requestsPerMinute = 0, retries, retryWait, stepTokens } = options
  if (options.model.trim() === "") return invalid("model is empty.", "Name the model as the server calls it.")
  if (!isCount(stepTokens, 1)) return invalid(`stepTokens is ${stepTokens}.`, "Use a whole number from 1.")
  if (!isCount(concurrency, 1)) return invalid(`concurrency is ${concurrency}.`, "Use a whole number from 1.")
  if (!isCount(retries, 0)) return invalid(`retries is ${retries}.`, "Use a whole number from 0.")
  if (!(requestsPerMinute >= 0))
    return invalid(`requestsPerMinute is ${requestsPerMinute}.`, "Use a number from 0 (off).")
  const bad = Object.entries({ idleTimeout, longestWait, retryWait }).find(([, value]) => !isDuration(value))
  if (bad !== undefined) return invalid(`${bad[0]} is no duration.`, 'Write it as "2 minutes" or in milliseconds.')
  return Effect.void
}
