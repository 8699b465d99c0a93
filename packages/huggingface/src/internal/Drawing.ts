/**
 * One draft being drawn over any number of requests: its tokens so far, and what the next request must ask for.
 */
import type { GenerateRequest } from "@mulligan/core/Backend"
import type { Token } from "@mulligan/core/Token"
import { Detokenizer } from "@mulligan/tokenizer/Detokenizer"
import { StopStrings } from "@mulligan/tokenizer/StopStrings"
import type { Tokenizer } from "@mulligan/tokenizer/Tokenizer"
import type { Abilities, Drawn, Piece } from "../Dialect.ts"
import * as TopK from "../TopK.ts"

/** A request for tokens of the draft. */
export interface Plan {
  /** Tokens of the draft before the request's first. */
  readonly from: number
  /** At most this many tokens, those included that are known already; undefined: until the end. */
  readonly maxTokens: number | undefined
  readonly streams: boolean
}

export interface Settings {
  readonly can: Abilities
  readonly tokenizer: Tokenizer | undefined
  /** Tokens of prompt and answer together, if the server tells; undefined also where tokens cannot be counted here. */
  readonly context: number | undefined
  readonly promptLength: number
  /** Tokens of one request. */
  readonly step: number
}

/**
 * Some engines leave tokens out of a stream while a character is not whole. Such a draft goes on in requests that give all
 * their tokens at the end, of this many.
 */
const WHOLE_STEP = 16

/** Tokens that are asked for where nobody knows how many there is room for: some engines take no limit for a short one. */
const BLIND_STEP = 512

const isOff = ({ minP = 0, repetitionPenalty = 1, temperature, topK = 0, topP = 1 }: GenerateRequest) =>
  temperature === 1 && topK === 0 && topP === 1 && minP === 0 && repetitionPenalty === 1

export class Drawing {
  readonly #settings: Settings
  readonly #detokenizer: Detokenizer | undefined
  readonly #stops: StopStrings
  readonly #isProcessed: boolean
  readonly #confidence: number | undefined
  /** Ids of the draft, where there are any. */
  readonly ids: Array<number>
  /** Text of the draft. */
  text: string
  #count: number
  readonly #begun: number
  #left: number
  /** A token that controls the model: the end of the draft, if the server says so next. */
  #held: Drawn | undefined
  #isCut = false
  #redraw: Plan | undefined
  #plan: Plan | undefined
  /** Tokens that came by the request under way. */
  #came = 0
  isOver: boolean
  #isEnded = false
  /** The request under way tells no more that is of use: another must take its place. */
  isStale = false
  /** The same request with the same seed gave other tokens. */
  isOther = false

  /** Text and stop strings are followed through the prefix, so that a cut changes nothing of what comes after it. */
  constructor(settings: Settings, request: GenerateRequest, prefixIds: ReadonlyArray<number>) {
    this.#settings = settings
    this.#confidence = request.confidence
    this.#isProcessed = settings.can.logProbs === "processed" && !isOff(request)
    this.#detokenizer = settings.tokenizer === undefined ? undefined : new Detokenizer(settings.tokenizer)
    for (const id of prefixIds) this.#detokenizer?.push(id)
    this.ids = prefixIds.slice()
    this.text = request.prefix.map((token) => token.text).join("")
    this.#stops = new StopStrings(request.stop ?? [], this.text)
    this.#count = request.prefix.length
    this.#begun = this.#count
    this.#left = request.maxTokens ?? Infinity
    this.isOver = this.#left <= 0
  }

  /** The request under way gave all that it was asked for. */
  get isSaid(): boolean {
    return this.#isEnded || this.#came >= (this.#plan?.maxTokens ?? Infinity)
  }

  /** The request under way brought nothing, not even an end. */
  get isSilent(): boolean {
    return this.#came === 0 && !this.#isEnded
  }

  /** Some of it came already, whether it could leave or waits for a stop string's end. */
  get isBegun(): boolean {
    return this.#count > this.#begun
  }

  /** Begins the next request. */
  plan(): Plan {
    const { can, context, promptLength, step } = this.#settings
    const unknown = can.continues === "ids" ? BLIND_STEP : Infinity
    const room = context === undefined ? unknown : context - promptLength - this.#count
    const most = Math.min(this.#left, step, this.#isCut ? WHOLE_STEP : Infinity, room)
    const maxTokens = most === Infinity ? undefined : most
    this.#plan = this.#redraw ?? { from: this.#count, maxTokens, streams: !this.#isCut }
    this.#redraw = undefined
    this.#came = 0
    this.#held = undefined
    this.#isEnded = false
    this.isStale = false
    return this.#plan
  }

  /** The tokens that can leave now. */
  take({ drawn = 0, end, tokens }: Piece): ReadonlyArray<Token> {
    if (drawn > this.#came + tokens.length) return this.#lost(drawn)
    if (end !== undefined) this.#isEnded = true
    const out = tokens.flatMap((token) => this.#arrived(token))
    return end === undefined || this.isOver ? out : [...out, ...this.#ended(end)]
  }

  /** The model's limit was reached, and the last token is gone already: one that is empty says so. */
  full(): ReadonlyArray<Token> {
    this.isOver = true
    return [...this.#stops.rest(), { text: this.#rest(), end: "length" }]
  }

  /** Tokens were left out: what was drawn is drawn again, for the same seed, by a request that leaves none out. */
  #lost(drawn: number): ReadonlyArray<Token> {
    const from = this.#plan?.from ?? this.#count
    if (this.#plan?.streams) this.#redraw = { from, maxTokens: drawn, streams: false }
    else this.isOther = true
    this.#isCut = true
    this.isStale = true
    this.#held = undefined
    return []
  }

  #arrived(token: Drawn): ReadonlyArray<Token> {
    if (this.isOver || this.isOther) return []
    const at = (this.#plan?.from ?? 0) + this.#came++
    // Known from before the request: it must be the same.
    if (at < this.#count) {
      this.isOther = this.ids[at] !== token.id
      return []
    }
    const before = this.#release()
    if (!this.isOver && this.#isControl(token)) this.#held = token
    else if (!this.isOver) return [...before, ...this.#push(token)]
    return before
  }

  /** A token that was held back in case it was the end: it was not. */
  #release(): ReadonlyArray<Token> {
    const held = this.#held
    this.#held = undefined
    return held === undefined ? [] : this.#push(held)
  }

  #ended(end: "stop" | "limit"): ReadonlyArray<Token> {
    if (end === "limit") {
      const out = this.#release()
      if (this.isOver) return out
      // Where tokens are not counted here, and nothing could be asked for after them, the caller's limit is the end of it.
      if (this.#settings.can.continues !== "ids" && this.#plan?.maxTokens !== undefined) {
        this.isOver = true
        return [...out, ...this.#stops.rest()]
      }
      // Fewer than were asked for, and there may be no room for more: the model's limit. Else a server's own, for one answer.
      const isShort = this.#came < (this.#plan?.maxTokens ?? Infinity)
      const isFull = isShort && (this.#came === 0 || this.#settings.context === undefined)
      return isFull ? [...out, ...this.full()] : out
    }
    const last = this.#held ?? {}
    this.#held = undefined
    return this.#push({ ...last, text: "" }, "stop")
  }

  /** Numbers that a server gives, as far as they are any. */
  #told({ likeliest = [], logProb }: Drawn): Pick<Token, "logProb" | "confidence" | "processed"> {
    if (logProb === undefined) return {}
    const confidence = this.#confidence === undefined ? undefined : TopK.confidence(likeliest, this.#confidence)
    return {
      ...(Number.isNaN(logProb) ? {} : { logProb: Math.min(0, logProb) }),
      ...(confidence === undefined ? {} : { confidence }),
      ...(this.#isProcessed ? { processed: true as const } : {})
    }
  }

  #push(drawn: Drawn, end?: "stop"): ReadonlyArray<Token> {
    const { id, text } = drawn
    this.#count++
    this.#left--
    const isFull =
      end === undefined && this.#settings.promptLength + this.#count >= (this.#settings.context ?? Infinity)
    const own = end === undefined && id !== undefined && text === undefined ? this.#detokenizer?.push(id) : text
    const all = (own ?? "") + (end !== undefined || isFull ? this.#rest() : "")
    if (id !== undefined) this.ids.push(id)
    this.text += all
    const out = this.#stops.push({
      ...(id === undefined ? {} : { id }),
      text: all,
      ...this.#told(drawn),
      ...(end === undefined ? (isFull ? { end: "length" as const } : {}) : { end })
    })
    if (out.at(-1)?.end === undefined && this.#left > 0) return out
    this.isOver = true
    return [...out, ...this.#stops.rest()]
  }

  #rest(): string {
    return this.#detokenizer?.rest() ?? ""
  }

  #isControl({ control, id }: Drawn): boolean {
    if (control !== undefined || id === undefined) return control ?? false
    return (this.#settings.tokenizer?.controls([id]).length ?? 0) > 0
  }
}
