/**
 * A model's tokenizer files, from the Hugging Face Hub or another place that serves them in the same way.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import type { Files } from "@mulligan/tokenizer/Files"
import * as Address from "./Address.ts"
import { fromFailure, invalid } from "./errors.ts"
import { type Failure, fromThrown } from "./Failure.ts"
import { Guard, type Limits } from "./Guard.ts"

export interface HubOptions {
  readonly hubUrl: string
  readonly accessToken: string | undefined
  readonly idle: number
  readonly fetch: typeof fetch
}

const TEMPLATE = "chat_template.jinja"
const LARGEST = 128 * 2 ** 20
const id = /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/

/** Whether this names a model on the Hub: `owner/name`, with `@revision` if wanted. */
export const isId = (name: string): boolean => id.test(name)

/** Where the files of a name are; a query that the user gave stays at the end. */
const placeOf = (name: string, hubUrl: string): Effect.Effect<Address.Address, BackendError.BackendError> => {
  if (!isId(name)) return Address.make(name)
  const [model, revision = "main"] = name.split("@")
  return Effect.map(Address.make(hubUrl), ({ at, origin }) => ({
    origin,
    at: (path) => at(`/${model}/resolve/${encodeURIComponent(revision)}${path}`)
  }))
}

/** What errors call it: without the query, which may hold a secret. */
export const nameOf = (name: string): string => (isId(name) ? name : (name.split("?")[0] ?? ""))

/** The token goes to the Hub alone, wherever the files are. */
const headers = (name: string, { accessToken }: HubOptions): Record<string, string> =>
  accessToken?.startsWith("hf_") && isId(name) ? { authorization: `Bearer ${accessToken}` } : {}

const file = (name: string, place: Address.Address, path: string, options: HubOptions) => {
  const url = place.at(`/${path}`)
  const limits: Limits = { idle: options.idle, line: Infinity, body: LARGEST, stream: 0 }
  const quiet = { heard: () => {}, fresh: () => {}, over: () => {}, said: () => {} }
  return Effect.acquireUseRelease(
    Effect.sync(() => new Guard({ url, streams: false, limits, fetch: options.fetch, ...quiet })),
    (guard) => Effect.tryPromise({ try: () => guard.file(headers(name, options)), catch: fromThrown }),
    (guard) => Effect.sync(() => guard.close())
  )
}

const advice =
  "Give `tokenizer`: the model's id on the Hub (owner/name), the address of a folder, or the files themselves."

const failed = (name: string, path: string, failure: Failure): BackendError.BackendError => {
  const { status } = failure.details
  const own = nameOf(name)
  if (status === 401 || status === 403)
    return invalid(`The Hub does not give ${path} of ${own} to this token.`, `Accept the model's terms, or: ${advice}`)
  if (status !== undefined && status < 500 && status !== 429)
    return invalid(`There is no ${path} of ${own} (status ${status}).`, advice)
  return fromFailure(`The tokenizer's source`, failure)
}

/** Reads `tokenizer.json`, `tokenizer_config.json` and, where it stands apart, the chat template. */
export const files = (name: string, options: HubOptions): Effect.Effect<Files, BackendError.BackendError> =>
  Effect.gen(function* () {
    const place = yield* placeOf(name, options.hubUrl)
    const text = (path: string) =>
      Effect.mapError(file(name, place, path, options), (failure) => failed(name, path, failure))
    const json = (path: string) =>
      Effect.flatMap(text(path), (written) =>
        Effect.try({
          try: () => JSON.parse(written) as unknown,
          catch: () => invalid(`${path} of ${nameOf(name)} is no JSON.`, advice)
        })
      )
    const template = Effect.catch(file(name, place, TEMPLATE, options), (failure) =>
      failure.details.status === 404 ? Effect.undefined : Effect.fail(failed(name, TEMPLATE, failure))
    )
    const parts = { tokenizer: json("tokenizer.json"), config: json("tokenizer_config.json"), template }
    return yield* Effect.all(parts, { concurrency: "unbounded" })
  })

export const needed = invalid("This engine is spoken to by token ids, and the model names no tokenizer.", advice)
