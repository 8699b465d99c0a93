/**
 * What a backend is told: where the model is, and how careful to be with its server.
 */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type { Files } from "@mulligan/tokenizer/Files"
import type { Dialect } from "./Dialect.ts"
import type { RetryOptions } from "./internal/Retry.ts"

export interface Options extends RetryOptions {
  /** The model as the server calls it; without `endpointUrl` its id on the Hub. */
  readonly model: string
  /**
   * Base address of a server, or of several that serve the same model: `https://host:port`, with or without `/v1`. Left
   * out: Hugging Face's router to inference providers.
   */
  readonly endpointUrl?: string | ReadonlyArray<string> | undefined
  /** Which provider the router shall use; left out: it chooses, and may choose another each time. */
  readonly provider?: string | undefined
  readonly accessToken?: string | Redacted.Redacted | undefined
  /** The organisation on the Hub that pays. */
  readonly billTo?: string | undefined
  /** How the server is spoken to: a name of `dialects`, or a value. Left out: it is asked once, at the start. */
  readonly dialect?: string | Dialect | undefined
  /**
   * The model's tokenizer: its id on the Hub, the address of a folder, or the files themselves. Left out: of `model`.
   * Engines that take chat messages alone need none.
   */
  readonly tokenizer?: string | Files | undefined
  /** Where the Hub is. Default `https://huggingface.co`. */
  readonly hubUrl?: string | undefined
  /** Requests at once to each server that draw, and as many that judge. Default: what the server says, or 64. */
  readonly concurrency?: number | undefined
  /** Requests a minute to each server, evenly spaced; 0 is off. Default 0. */
  readonly requestsPerMinute?: number | undefined
  /**
   * Tokens a request asks for at most; 1 makes every draw a function of seed and position, slowly. Only where the engine
   * takes token ids: elsewhere a draft is asked for in one request. Default Infinity.
   */
  readonly stepTokens?: number | undefined
  /**
   * Labels are judged by their probabilities; false: by their ratio alone where that takes fewer requests (their mass is
   * then unknown). Default true.
   */
  readonly mass?: boolean | undefined
  /** How long a server may say nothing of use. Default 2 minutes. */
  readonly idleTimeout?: Duration.Input | undefined
  /**
   * Hears a server's own words about an error, the token taken out. They may quote a prompt, so nothing else gets them.
   */
  readonly onServerMessage?: ((words: string) => void) | undefined
  /** Default: the runtime's own. */
  readonly fetch?: typeof fetch | undefined
}
