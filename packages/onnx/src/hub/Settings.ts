/**
 * Where the Hub and its cache are, and who is asking: as `huggingface_hub` reads it from the environment.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid } from "../internal/errors.ts"

export interface Settings {
  /** HF_ENDPOINT: the Hub or a mirror, without a slash at its end. */
  readonly endpoint: string
  /** HF_HUB_CACHE, else `hub` under HF_HOME: absolute. */
  readonly cache: string
  /** HF_HUB_OFFLINE: nothing is asked over the network. */
  readonly offline: boolean
  /** The option, else HF_TOKEN, else what `hf auth login` wrote. */
  readonly token: Redacted.Redacted | undefined
}

/** An empty variable is none, as in `huggingface_hub`. */
const read = (name: string) =>
  Config.map(Config.option(Config.String(name)), (value) => Option.getOrUndefined(value)?.trim() || undefined)

const variables = Config.all({
  endpoint: read("HF_ENDPOINT"),
  home: read("HF_HOME"),
  xdg: read("XDG_CACHE_HOME"),
  cache: read("HF_HUB_CACHE"),
  oldCache: read("HUGGINGFACE_HUB_CACHE"),
  offline: read("HF_HUB_OFFLINE"),
  token: read("HF_TOKEN"),
  tokenPath: read("HF_TOKEN_PATH")
})

const absolute = (path: string) => resolve(path.replace(/^~(?=$|[\\/])/, homedir()))

const checkEndpoint = (endpoint: string): Effect.Effect<string, BackendError.BackendError> => {
  const url = URL.parse(endpoint)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "")
    return invalid("HF_ENDPOINT is no address of a Hub.", "Set it to one such as https://huggingface.co, or unset it.")
  return Effect.succeed(endpoint.replace(/\/+$/, ""))
}

/** A line break in a token would end up in the words of whoever refuses the header. */
const checkToken = (token: string): Effect.Effect<Redacted.Redacted | undefined, BackendError.BackendError> => {
  if (token === "") return Effect.undefined
  return /^[\x21-\x7e]+$/.test(token)
    ? Effect.succeed(Redacted.make(token))
    : invalid("The access token has characters that none has.", "Check HF_TOKEN or `token`.")
}

/** Reads the environment; fails if an address or a token in it cannot be one. */
export const make = (token: Redacted.Redacted | undefined): Effect.Effect<Settings, BackendError.BackendError> =>
  Effect.gen(function* () {
    const env = yield* Effect.mapError(variables, () =>
      invalid("The configuration cannot be read.", "Check HF_ENDPOINT, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE.")
    )
    const home = absolute(env.home ?? join(env.xdg ?? join(homedir(), ".cache"), "huggingface"))
    const tokenPath = absolute(env.tokenPath ?? join(home, "token"))
    const saved = Effect.promise(() => readFile(tokenPath, "utf8").catch(() => ""))
    const given = token === undefined ? (env.token ?? (yield* saved)) : Redacted.value(token)
    return {
      endpoint: yield* checkEndpoint(env.endpoint ?? "https://huggingface.co"),
      cache: absolute(env.cache ?? env.oldCache ?? join(home, "hub")),
      offline: /^(1|on|yes|true)$/i.test(env.offline ?? ""),
      token: yield* checkToken(given.trim())
    }
  })
