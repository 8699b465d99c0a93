/**
 * A backend on Hugging Face endpoints and providers, and on any server that speaks as one of the known engines does.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Backend } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Abilities } from "./Dialect.ts"
import { ask } from "./internal/ask.ts"
import { generate } from "./internal/generate.ts"
import { open } from "./internal/Model.ts"
import type { Options } from "./Options.ts"

export type { Options } from "./Options.ts"

/** What this backend speaks to, and what that can do. */
export interface Description {
  readonly dialect: string
  readonly model: string
  readonly can: Abilities
  /** Whether a draft that is continued keeps its tokens: `prefix not guaranteed` where messages are rendered elsewhere. */
  readonly prefix: "same tokens" | "same text" | "prefix not guaranteed" | "no continuation"
  readonly context: number | undefined
  readonly version: string | undefined
  readonly servers: ReadonlyArray<{
    readonly origin: string
    readonly isAside: boolean
    readonly requests: number
    /** Requests under way. */
    readonly open: number
  }>
  /** Answers being drawn. */
  readonly drawing: number
}

/** The backend's own word about itself, beside the contract. */
export class HuggingFace extends Context.Service<HuggingFace, { readonly describe: Effect.Effect<Description> }>()(
  "@mulligan/huggingface/HuggingFace"
) {}

const prefixes = {
  ids: "same tokens",
  text: "same text",
  chat: "prefix not guaranteed",
  none: "no continuation"
} as const

const make = (options: Options) =>
  Effect.gen(function* () {
    const model = yield* open(options)
    let drawing = 0
    const counted = Effect.acquireRelease(
      Effect.sync(() => void drawing++),
      () => Effect.sync(() => void drawing--)
    )
    const describe = Effect.map(model.replicas.state, (servers): Description => {
      const { can, dialect, server } = model
      const { context, version } = server
      const prefix = prefixes[can.continues]
      return { dialect: dialect.name, model: model.options.model, can, prefix, context, version, servers, drawing }
    })
    return Context.make(Backend, {
      generate: (request) => Stream.unwrap(Effect.as(counted, generate(model, request))),
      logProbs: (request) => ask(model, request)
    }).pipe(Context.add(HuggingFace, { describe }))
  })

/**
 * Finds out what answers at the address, reads the model's tokenizer where it is needed, and serves. Fails with one
 * sentence on how to mend it if address, token, model or engine are wrong; closing the scope ends every request.
 */
export const layer = (options: Options): Layer.Layer<Backend | HuggingFace, BackendError> =>
  Layer.effectContext(make(options))

type Configured = { readonly [K in keyof Options]: Options[K] | Config.Config<Exclude<Options[K], undefined>> }

/** The same, any option from `Config`: `{ model: "…", accessToken: Config.Redacted("HF_TOKEN") }`. */
export const layerConfig = (
  options: Configured
): Layer.Layer<Backend | HuggingFace, BackendError | Config.ConfigError> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const entries = yield* Effect.forEach(Object.entries(options), ([name, value]) =>
        Effect.map(Config.isConfig(value) ? value : Effect.succeed(value), (known) => [name, known] as const)
      )
      return yield* make(Object.fromEntries(entries) as unknown as Options)
    })
  )
