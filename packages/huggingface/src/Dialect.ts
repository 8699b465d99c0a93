/**
 * What an engine can do, and how it is spoken to: one value for each engine, in a file of its own under `dialects/`.
 */
import type * as Effect from "effect/Effect"
import type { LogProbs, Sampling } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Message } from "@mulligan/core/Prompt"

/** What an engine can do. */
export interface Abilities {
  /**
   * What a prompt and the draft so far are sent as. `ids`: the same tokens are continued. `text`: the same text, which the
   * server may cut into other tokens. `chat`: messages that the server renders, so the prefix is not guaranteed. `none`:
   * messages, and a draft that was cut cannot go on.
   */
  readonly continues: "ids" | "text" | "chat" | "none"
  /**
   * Of which distribution a drawn token's log-probability is: the model's own at temperature 1, or the one that was drawn
   * from (`processed`: they are the same only at temperature 1 with nothing cut off or penalised).
   */
  readonly logProbs: "model" | "processed" | "none"
  /**
   * What is told of labels: exactly, over the whole vocabulary; exactly, but only their ratio; an interval that contains
   * the truth; nothing.
   */
  readonly labels: "vocabulary" | "labels" | "interval" | "none"
  /** Likeliest tokens that it lists at most; 0 where labels need no list. */
  readonly listed?: number | undefined
  /** Likeliest tokens that it lists at most with each drawn one, for `Token.confidence`; left out: none. */
  readonly confidence?: number | undefined
  /** Tokens that one request asks for at most, where more would cost the connection too much; left out: any number. */
  readonly longest?: number | undefined
  /** Knobs of `Sampling` that it has; a request with another is refused. Stop strings are found here, for every engine. */
  readonly sampling: ReadonlyArray<Exclude<keyof Sampling, "stop">>
  /** Whether the same request with the same seed gives the same tokens. */
  readonly seeds: boolean
  /** What ends a draft on the server: closing its connection, or a request of its own as well. */
  readonly cancels: "disconnect" | "request"
}

/** What a server told of itself. */
export interface Server {
  /** Ids of models that it serves; empty: it does not say. */
  readonly models: ReadonlyArray<string>
  /** Tokens of prompt and answer together, if it tells. */
  readonly context?: number | undefined
  readonly version?: string | undefined
  /** Answers that it draws at the same time, if it tells. */
  readonly slots?: number | undefined
  /** Whether it repeats a seed, if it tells. */
  readonly seeds?: boolean | undefined
}

export interface Call {
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** It answers with a stream of events, not with one JSON value. */
  readonly streams: boolean
}

/** A prompt and what follows it, in the form that the dialect continues; the other two are empty. */
export interface Rendered {
  readonly ids: ReadonlyArray<number>
  readonly text: string
  readonly messages: ReadonlyArray<Message>
}

export interface Draw extends Rendered, Sampling {
  readonly model: string
  readonly temperature: number
  readonly seed: number
  readonly maxTokens: number | undefined
  /** False: all tokens at the end, none of their ids left out. */
  readonly streams: boolean
  /** Log-probabilities are wanted; false where the engine has none. */
  readonly logProbs: boolean
  /** Likeliest tokens to list with each; undefined: none. */
  readonly confidence: number | undefined
  /** A name of this request, for engines that end one by its name. */
  readonly id: string
  /** The same for all requests about one prompt, for routers that keep a session on one replica. */
  readonly session: string
}

export interface Ask extends Rendered {
  readonly model: string
  readonly can: Abilities
  readonly session: string
  readonly labels: ReadonlyArray<string>
  /** Ids that spell each label; empty where there is no tokenizer. */
  readonly spellings: ReadonlyArray<ReadonlyArray<number>>
  /** Charges for tokens that a server read for it, those of a cache left out, and for those that it had to draw. */
  readonly charge: (tokens: number) => void
  /** Their share of the whole vocabulary is wanted too, also where their ratio alone is cheaper. */
  readonly mass: boolean
}

export interface Drawn {
  readonly id?: number | undefined
  /** Where there is no id; with one, the text comes from our own tokenizer. */
  readonly text?: string | undefined
  /** Whether it controls the model; left out: our tokenizer knows. */
  readonly control?: boolean | undefined
  /** As the engine gives it; `Abilities.logProbs` says of what. */
  readonly logProb?: number | undefined
  /** Log-probabilities of the likeliest tokens here, in any order; there may be more than were asked for. */
  readonly likeliest?: ReadonlyArray<number> | undefined
}

/** What one event of a draft says. */
export interface Piece {
  readonly tokens: ReadonlyArray<Drawn>
  /** `stop`: the model ended. `limit`: cut, by `maxTokens` or by the context. */
  readonly end?: "stop" | "limit" | undefined
  /** Tokens of the prompt that were read now, those of a cache left out, if the event tells. */
  readonly read?: number | undefined
  /** Tokens drawn by this request so far, if the event tells: more than came means that some were left out. */
  readonly drawn?: number | undefined
  /** Tokens drawn by this request so far where they need not have come, as reasoning does not; they are charged. */
  readonly spent?: number | undefined
}

/** Sends a call and gives its events. */
export type Send = (call: Call) => Effect.Effect<ReadonlyArray<unknown>, BackendError>

export interface Dialect {
  readonly name: string
  readonly can: Abilities
  /** The path that tells whether a server speaks this dialect, and whether it does, by what stands there. */
  readonly probe: { readonly path: string; readonly recognises: (json: unknown) => boolean }
  /** What more is asked at the start, and what all of it tells. */
  readonly details?: string | undefined
  readonly server: (probed: unknown, details: unknown) => Server
  /** What this very server can do, by what it told or by small requests at the start; left out: `can`. */
  readonly learn?: ((model: string, server: Server, send: Send) => Effect.Effect<Abilities, BackendError>) | undefined
  readonly draw: (draw: Draw) => Call
  /** Reads the events of one request; it may throw a `Failure`. */
  readonly reader: () => (event: unknown) => Piece
  readonly judge: (ask: Ask, send: Send) => Effect.Effect<LogProbs, BackendError>
  /** The request that ends a draft by its name. */
  readonly cancel?: ((id: string) => Call) | undefined
}
