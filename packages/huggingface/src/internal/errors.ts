/**
 * Failures on the wire to the one error of a backend: a reason for each way to react, in our words alone.
 */
import * as Duration from "effect/Duration"
import * as BackendError from "@mulligan/core/BackendError"
import type { Failure, Kind } from "./Failure.ts"

const backend = "huggingface"

export const invalid = (problem: string, advice: string): BackendError.BackendError =>
  BackendError.invalid(backend, problem, advice)

export const unsupported = (capability: string, problem: string, advice: string): BackendError.BackendError =>
  BackendError.unsupported(backend, capability, problem, advice)

const waiting = (retryAfter: number | undefined) =>
  retryAfter === undefined ? {} : { retryAfter: Duration.millis(retryAfter) }

const rateLimited = (problem: string, advice: string, retryAfter?: number) =>
  new BackendError.BackendError({
    backend,
    reason: new BackendError.RateLimited({ problem, advice, ...waiting(retryAfter) })
  })

export const unavailable = (problem: string, advice: string, retryAfter?: number) =>
  new BackendError.BackendError({
    backend,
    reason: new BackendError.Unavailable({ problem, advice, ...waiting(retryAfter) })
  })

/** The same failure, where what came is all there is: it cannot be gone on with. */
export const brokenOff = (error: BackendError.BackendError): BackendError.BackendError => {
  if (!error.isTransient) return error
  const { problem } = error.reason
  const advice = "The answer broke off, and this server cannot go on with it. Draw it again."
  const reason = new BackendError.Unavailable({ problem, advice, brokenOff: true })
  return new BackendError.BackendError({ backend, reason })
}

/** The server has no room for so many tokens. */
export const isAboutContext = ({ reason }: BackendError.BackendError): boolean =>
  reason._tag === "InvalidRequest" && reason.overContext === true

const outOfMemory = (problem: string, advice: string) =>
  new BackendError.BackendError({ backend, reason: new BackendError.OutOfMemory({ problem, advice }) })

/** What a status means when nothing else is known; any other below 500 is a request that will never work. */
const statuses: Record<number, readonly [problem: string, advice: string]> = {
  400: ["did not accept the request", "Check the options against what the engine can do (describe shows it)."],
  401: ["refused the access token", "Give a valid accessToken with the right to call inference."],
  402: ["asks for payment: the credits are used up", "Add credits, or set a budget."],
  403: ["does not allow this token to use the model", "Give an accessToken that may, or accept the model's terms."],
  404: ["does not know this address or model", "Check endpointUrl and model; GET /v1/models lists what is served."],
  405: ["does not take this request", "Check endpointUrl and dialect: another engine may be answering."],
  413: ["finds the request too large", "Shorten the prompt or the answer."],
  422: ["did not accept a parameter", "Check the options against what the engine can do (describe shows it)."]
}

const TRANSIENT = new Set([408, 409, 424, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529])

const hinted = (at: string, hint: Failure["details"]["hint"]): BackendError.BackendError | undefined => {
  if (hint === "memory")
    return outOfMemory(`${at} ran out of memory.`, "Draw fewer candidates at once, or give the server more memory.")
  if (hint === "context")
    return BackendError.overContext(
      backend,
      `${at} finds the prompt and the answer longer than its context.`,
      "Shorten them, or raise the context."
    )
  if (hint === "model") return invalid(`${at} does not serve this model.`, "GET /v1/models lists what it serves.")
  if (hint === "logProbs")
    return unsupported("logProbs", `${at} refused to give log-probabilities.`, "Allow them (vLLM: --max-logprobs).")
  return undefined
}

const refused = (at: string, { hint, retryAfter, status }: Failure["details"]): BackendError.BackendError => {
  if (status === 429)
    return rateLimited(`${at} gets too many requests.`, "Wait, or lower concurrency or requestsPerMinute.", retryAfter)
  if (hint === "memory") return hinted(at, hint)!
  if (status === undefined || TRANSIENT.has(status)) {
    const what = hint === "loading" ? "is still loading its model" : "could not answer"
    return unavailable(
      `${at} ${what}${status === undefined ? "" : ` (status ${status})`}.`,
      "Try again later.",
      retryAfter
    )
  }
  if (status === 501) return unsupported("request", `${at} does not offer this request.`, "Use another engine.")
  const isWord = status === 400 || status === 404 || status === 413 || status === 422
  const [problem, advice] = statuses[status] ?? statuses[status >= 500 ? 404 : 400]!
  return (isWord ? hinted(at, hint) : undefined) ?? invalid(`${at} ${problem} (status ${status}).`, advice)
}

const others: Record<Exclude<Kind, "refused">, (at: string) => BackendError.BackendError> = {
  truncated: (at) => unavailable(`${at} ended its stream before the answer's end.`, "Try again."),
  connection: (at) =>
    unavailable(`There is no connection to ${at}, or it broke.`, "Check that it runs and endpointUrl."),
  idle: (at) => unavailable(`${at} said nothing for too long.`, "Try again, or raise idleTimeout."),
  malformed: (at) =>
    invalid(
      `${at} sent something else than an answer.`,
      "Check endpointUrl and dialect: no inference server answers there."
    ),
  garbled: (at) => unavailable(`${at} sent an event that cannot be read.`, "Try again, or look at the server's log."),
  tooLarge: (at) =>
    unavailable(`${at} sent more than an answer can be.`, "Check endpointUrl, or ask for fewer tokens."),
  redirected: (at) =>
    invalid(`${at} redirects elsewhere; it was not followed.`, "Put the final address into endpointUrl.")
}

/** `at` names the server by its origin, without path, query or secret. */
export const fromFailure = (at: string, { details, kind }: Failure): BackendError.BackendError =>
  kind === "refused" ? refused(at, details) : others[kind](at)
