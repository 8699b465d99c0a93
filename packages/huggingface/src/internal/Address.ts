/**
 * Where an endpoint is: a base address as users have it, with what they pasted too much taken off.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid } from "./errors.ts"

export interface Address {
  /** Names it in errors and `describe`: scheme, host and port, never path, query or secret. */
  readonly origin: string
  /** The address of a path of the server; a query that the user gave stays at the end. */
  readonly at: (path: string) => string
}

const known = /\/(v1|v1\/chat\/completions|v1\/completions|generate|generate_stream|completion)\/?$/

const parsed = (url: string): URL | undefined => (URL.canParse(url) ? new URL(url) : undefined)

const bad = (problem: string, advice: string) => Effect.fail(invalid(problem, advice))

/** Refuses what is no address of a server, before anything is sent there. */
export const make = (endpointUrl: string): Effect.Effect<Address, BackendError.BackendError> => {
  const url = parsed(endpointUrl.trim())
  if (url === undefined) return bad("endpointUrl is not a URL.", "Write it as https://host:port.")
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return bad(`endpointUrl begins with ${url.protocol}//.`, "Use http:// or https://.")
  if (url.username !== "" || url.password !== "")
    return bad("endpointUrl holds a user or a password.", "Give the token as accessToken.")
  const root = url.pathname.replace(known, "").replace(/\/+$/, "")
  return Effect.succeed({ origin: url.origin, at: (path) => `${url.origin}${root}${path}${url.search}` })
}
