/**
 * A model behind its servers: what they are, how they are spoken to, and the tokenizer that is ours.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { BackendError } from "@mulligan/core/BackendError"
import * as ChatTemplate from "@mulligan/tokenizer/ChatTemplate"
import * as Tokenizer from "@mulligan/tokenizer/Tokenizer"
import type { Abilities, Dialect, Server } from "../Dialect.ts"
import type { Options } from "../Options.ts"
import * as Address from "./Address.ts"
import { checkOptions } from "./checkOptions.ts"
import { invalid } from "./errors.ts"
import * as Hub from "./Hub.ts"
import { identify } from "./identify.ts"
import { startOf, type Text } from "./Render.ts"
import { Replicas, replica } from "./Replicas.ts"
import * as Retry from "./Retry.ts"
import * as Wire from "./Wire.ts"

export interface Model {
  readonly options: Options
  readonly dialect: Dialect
  readonly can: Abilities
  readonly server: Server
  readonly text: Text | undefined
  readonly replicas: Replicas
  /** Of the backend: whatever is under way when it is closed ends. */
  readonly scope: Scope.Scope
}

const ROUTER = "https://router.huggingface.co"
const HUB = "https://huggingface.co"
const CONCURRENCY = 64
const LINE = 2 ** 20
const BODY = 32 * 2 ** 20
const STREAM = 2 ** 31

/** A token with a line break in it would be quoted by the error of whoever builds the header. */
const secret = (token: Options["accessToken"]): Effect.Effect<string | undefined, BackendError> => {
  const value = Redacted.isRedacted(token) ? (Redacted.value(token) as string) : token
  if (value === undefined || /^[\x21-\x7e]+$/.test(value)) return Effect.succeed(value)
  return invalid("accessToken is empty or holds characters that no token has.", "Check how it was read: no line break.")
}

const addresses = (endpointUrl: Options["endpointUrl"]) => {
  const urls = endpointUrl === undefined ? [ROUTER] : typeof endpointUrl === "string" ? [endpointUrl] : endpointUrl
  if (urls.length === 0) return invalid("endpointUrl is an empty list.", "Name at least one server, or leave it out.")
  return Effect.forEach(urls, Address.make)
}

/** The token taken out, also as JSON writes it. */
const scrubbed = (words: string, token: string | undefined) =>
  token === undefined
    ? words
    : words.replaceAll(token, "[redacted]").replaceAll(JSON.stringify(token).slice(1, -1), "[redacted]")

/** A listener that throws must not turn one failure into another. */
const tell = ({ onServerMessage }: Options, words: string): void => {
  try {
    onServerMessage?.(words)
  } catch {
    // Its own trouble.
  }
}

const slotsOf = ({ slots }: Server): number | undefined =>
  slots !== undefined && Number.isInteger(slots) && slots > 0 ? slots : undefined

const readText = (name: string, { tokenizer = name, ...options }: Options, token: string | undefined, idle: number) =>
  Effect.gen(function* () {
    const isFound = typeof tokenizer === "string"
    if (isFound && !Hub.isId(tokenizer) && !/^https?:\/\//.test(tokenizer)) return undefined
    const hub = { hubUrl: options.hubUrl ?? HUB, accessToken: token, idle, fetch: options.fetch ?? fetch }
    const files = isFound ? yield* Retry.retried(Hub.files(tokenizer, hub), options) : tokenizer
    const origin = { backend: "huggingface", name: isFound ? Hub.nameOf(tokenizer) : name }
    const made = yield* Tokenizer.make(files, origin)
    const start = yield* startOf(files.config, made)
    return { tokenizer: made, template: yield* ChatTemplate.make(files, made, origin), start }
  })

/** The router and many providers take the provider behind the model's name. */
const named = ({ endpointUrl, model, provider }: Options): Effect.Effect<string, BackendError> => {
  if (provider === undefined) return Effect.succeed(model)
  if (endpointUrl !== undefined)
    return invalid("provider and endpointUrl are both given.", "A provider is the router's: leave out one of them.")
  return Effect.succeed(`${model}:${provider}`)
}

export const open = (given: Options): Effect.Effect<Model, BackendError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* checkOptions(given)
    const options = { ...given, model: yield* named(given) }
    const token = yield* secret(options.accessToken)
    const idle = Duration.toMillis(Duration.fromInputUnsafe(options.idleTimeout ?? "2 minutes"))
    const places = yield* addresses(options.endpointUrl)
    yield* Wire.silence
    const wires = places.map((address) => ({
      origin: address.origin,
      wire: Wire.make({
        address,
        accessToken: token,
        billTo: options.billTo,
        limits: { idle, line: LINE, body: BODY, stream: STREAM },
        fetch: options.fetch ?? fetch,
        said: (words) => tell(options, scrubbed(words, token))
      })
    }))
    const scope = yield* Effect.scope
    yield* Effect.addFinalizer(() => Effect.sync(() => wires.forEach(({ wire }) => wire.close())))
    const { can, dialect, server } = yield* identify(options, wires)
    const isText = can.continues === "ids" || can.continues === "text"
    const text =
      isText || given.tokenizer !== undefined ? yield* readText(given.model, options, token, idle) : undefined
    if (text === undefined && can.continues === "ids") return yield* Hub.needed
    const concurrency = options.concurrency ?? slotsOf(server) ?? CONCURRENCY
    const all = wires.map(({ origin, wire }) => replica(origin, wire, concurrency))
    return { options, dialect, can, server, text, scope, replicas: new Replicas(all, options.requestsPerMinute ?? 0) }
  })
