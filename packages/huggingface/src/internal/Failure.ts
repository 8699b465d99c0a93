/**
 * What went wrong on the wire, as data. Nothing that a server said is in it: that may quote a prompt or a token.
 */

export type Kind =
  /** The server answered with a status that is no success, or named an error inside a stream. */
  | "refused"
  /** The stream ended before the answer did. */
  | "truncated"
  /** What came is not what was asked for: a page, another content type. */
  | "malformed"
  /** An event inside a stream cannot be read. */
  | "garbled"
  | "tooLarge"
  /** Nothing came for too long. */
  | "idle"
  | "redirected"
  /** No connection, or one that broke. */
  | "connection"

/** What a server's words were about, where they are known; the words themselves go nowhere. */
export type Hint = "context" | "model" | "logProbs" | "memory" | "loading"

export interface Details {
  readonly status?: number | undefined
  /** Milliseconds that the server asked to wait. */
  readonly retryAfter?: number | undefined
  readonly hint?: Hint | undefined
}

export class Failure extends Error {
  readonly kind: Kind
  readonly details: Details
  constructor(kind: Kind, details: Details = {}) {
    super(kind)
    this.kind = kind
    this.details = details
  }
}

const hints: ReadonlyArray<readonly [Hint, RegExp]> = [
  ["memory", /out of memory|\boom\b|not enough memory|failed to allocate/i],
  [
    "context",
    /context|max(imum)?[ _](model|total|input|sequence)[ _](len|tokens)|too (long|many tokens)|inputs?`? (tokens|must have)|allowed length/i
  ],
  ["logProbs", /log_?prob/i],
  ["model", /model\b.{0,200}(not (found|exist|supported)|does not exist|unknown)|no such model/i],
  ["loading", /loading|starting|warming/i]
]

/** What the words of an error are about. */
export const hintOf = (words: string): Hint | undefined => hints.find(([, about]) => about.test(words))?.[0]

/** Milliseconds from `Retry-After` (seconds or a date) or `retry-after-ms`. */
export const retryAfter = (headers: Headers, now: number): number | undefined => {
  const milliseconds = headers.get("retry-after-ms")
  if (milliseconds !== null && /^\d+(\.\d+)?$/.test(milliseconds)) return Number(milliseconds)
  const said = headers.get("retry-after")?.trim()
  if (said === undefined || said === "") return undefined
  if (/^\d+(\.\d+)?$/.test(said)) return Number(said) * 1000
  const date = Date.parse(said)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null

/** TGI names in its streams what it tells by status elsewhere. */
const types = new Map<unknown, number>([
  ["validation", 422],
  ["overloaded", 429]
])

const statusOf = (error: unknown): number | undefined => {
  if (!isRecord(error)) return undefined
  const code = Number(
    types.get(error["error_type"]) ??
      error["code"] ??
      error["status"] ??
      error["status_code"] ??
      error["http_status_code"]
  )
  return Number.isInteger(code) && code >= 400 && code < 600 ? code : undefined
}

/** The error that a body or an event carries, in any of the shapes that servers use; undefined: it carries none. */
export const errorIn = (json: unknown): unknown => {
  if (!isRecord(json)) return undefined
  const error = json["error"] ?? undefined
  if (error !== undefined) return typeof json["error_type"] === "string" ? json : error
  if (json["object"] === "error") return json
  const choices = json["choices"]
  if (!Array.isArray(choices)) return undefined
  return choices.find((choice) => isRecord(choice) && choice["error"] !== undefined && choice["error"] !== null)?.error
}

/** A server's refusal, by its status or else by the code inside. */
export const refused = (error: unknown, details: Details = {}): Failure => {
  const words = typeof error === "string" ? error : JSON.stringify(error ?? "")
  return new Failure("refused", { ...details, status: details.status ?? statusOf(error), hint: hintOf(words) })
}

const code = (error: unknown): unknown => (isRecord(error) ? (error["code"] ?? code(error["cause"])) : undefined)

/** What `fetch` or a body threw: its words are dropped, for a bad header is quoted there with the token in it. */
export const fromThrown = (error: unknown): Failure => {
  if (error instanceof Failure) return error
  const isIdle = /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test(String(code(error)))
  return new Failure(isIdle ? "idle" : "connection")
}
