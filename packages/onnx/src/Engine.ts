/**
 * Whoever wants to know what may follow some tokens asks; everybody who asks at the same time is served by the same forward
 * pass (continuous batching). Rows join and leave between steps.
 */
import type * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import type { Driver, Reading } from "./Driver.ts"
import type { ModelConfig } from "./ModelConfig.ts"
import type { Request } from "./Request.ts"
import { Scheduler } from "./Scheduler.ts"

export interface EngineOptions {
  /**
   * Memory for keys and values. Default 512 MiB. Where it is full, the longest unused give way and are read again when they
   * are wanted; where even the rows that draw do not fit, the youngest wait.
   */
  readonly cacheBytes?: number | undefined
  /** Padded tokens of one forward pass at most. Default 4096. */
  readonly maxBatchTokens?: number | undefined
  /** Tokens of a long prompt that are read at once, between the steps of others; more take more memory. Default 256. */
  readonly prefillChunk?: number | undefined
}

export interface Stats {
  /** Forward passes so far. */
  readonly steps: number
  /** Requests that wait for a step. */
  readonly waiting: number
  /** Drafts, and prompts, whose keys and values are kept. */
  readonly rows: number
  readonly prompts: number
  readonly bytes: number
  /** Milliseconds in ONNX Runtime, and in our own code around it (scheduler and driver). */
  readonly runTime: number
  readonly ownTime: number
}

export interface Engine {
  /**
   * What follows some tokens, or the log-probabilities of labels there; read-only, it may be shared. Interrupting takes the
   * request out of the queue; a step under way runs to its end, unless nobody waits for it any more and the driver can end it.
   */
  readonly read: (request: Request) => Effect.Effect<Reading, BackendError.BackendError>
  readonly stats: () => Stats
}

export const make = (config: ModelConfig, driver: Driver, options: EngineOptions = {}): Engine =>
  new Scheduler(config, driver, options)
