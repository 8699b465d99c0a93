/**
 * What the main thread and the worker that owns the session tell each other.
 */
import type { Abilities, Handle, Step, Stepped } from "../Driver.ts"
import type { ModelConfig } from "../ModelConfig.ts"
import type { DriverOptions } from "./Open.ts"
import type { Problem } from "./Problem.ts"

export type ToWorker =
  | { readonly type: "load"; readonly config: ModelConfig; readonly options: DriverOptions }
  | {
      readonly type: "open"
      readonly prefix: Handle
      readonly capacity: number
      readonly like: { readonly prefix: Handle; readonly length: number } | undefined
    }
  | { readonly type: "fork"; readonly from: Handle; readonly to: Handle; readonly length: number }
  | { readonly type: "drop"; readonly handles: ReadonlyArray<Handle> }
  | { readonly type: "step"; readonly step: Step }
  | { readonly type: "close" }

export type FromWorker =
  | { readonly type: "loaded"; readonly abilities: Abilities }
  | { readonly type: "refused"; readonly problem: Problem }
  | { readonly type: "stepped"; readonly stepped: Stepped }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "closed" }
