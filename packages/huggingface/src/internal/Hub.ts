/**
 * A model's tokenizer files, from the Hugging Face Hub or another place that serves them in the same way.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import type { Files } from "@mulligan/tokenizer/Files"
import { fromFailure, invalid } from "./errors.ts"
import { fromThrown } from "./Failure.ts"
import { Guard, type Limits } from "./Guard.ts"

export interface HubOptions {
  readonly hubUrl: string
  readonly accessToken: string | undefined
  readonly idle: number
  readonly fetch: typeof fetch
}

const LARGEST = 128 * 2 ** 20
const id = /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/

/** Whether this names a model on the Hub: `owner/name`, with `@revision` if wanted. */
export const isId = (name: string): boolean => id.test(name)

const folder = (name: string, hubUrl: string): string => {
  if (!isId(name)) return name.replace(/\/+$/, "")
  const [model, revision = "main"] = name.split("@")
  return `${hubUrl.replace(/\/+$/, "")}/${model}/resolve/${encodeURIComponent(revision)}`
}

/** The token goes to the Hub alone, wherever the files are. */
const headers = (name: string, { accessToken }: HubOptions): Record<string, string> =>
  accessToken?.startsWith("hf_") && isId(name) ? { authorization: `Bearer ${accessToken}` } : {}

const file = (name: string, path: string, options: HubOptions) => {
  const url = `${folder(name, options.hubUrl)}/${path}`
  const limits: Limits = { idle: options.idle, line: Infinity, body: LARGEST, stream: 0 }
  const quiet = { heard: () => {}, over: () => {}, said: () => {} }
  return Effect.acquireUseRelease(
    Effect.sync(() => new Guard({ url, streams: false, limits, fetch: options.fetch, ...quiet })),
    (guard) => Effect.tryPromise({ try: () => guard.file(headers(name, options)), catch: fromThrown }),
    (guard) => Effect.sync(() => guard.close())
  )
}

const advice =
  "Give `tokenizer`: the model's id on the Hub (owner/name), the address of a folder, or the files themselves."

const json = (name: string, path: string, options: HubOptions): Effect.Effect<unknown, BackendError.BackendError> =>
  file(name, path, options).pipe(
    Effect.mapError((failure) => {
      const { status } = failure.details
      if (status === 401 || status === 403)
        return invalid(
          `The Hub does not give ${path} of ${name} to this token.`,
          `Accept the model's terms, or: ${advice}`
        )
      if (status !== undefined && status < 500)
        return invalid(`There is no ${path} of ${name} (status ${status}).`, advice)
      return fromFailure(`The tokenizer's source`, failure)
    }),
    Effect.flatMap((text) =>
      Effect.try({
        try: () => JSON.parse(text) as unknown,
        catch: () => invalid(`${path} of ${name} is no JSON.`, advice)
      })
    )
  )

/** Reads `tokenizer.json`, `tokenizer_config.json` and, where it stands apart, the chat template. */
export const files = (name: string, options: HubOptions): Effect.Effect<Files, BackendError.BackendError> =>
  Effect.all(
    {
      tokenizer: json(name, "tokenizer.json", options),
      config: json(name, "tokenizer_config.json", options),
      template: file(name, "chat_template.jinja", options).pipe(Effect.catch(() => Effect.undefined))
    },
    { concurrency: "unbounded" }
  )

export const needed = invalid("This engine is spoken to by token ids, and the model names no tokenizer.", advice)
