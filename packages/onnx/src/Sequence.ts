/**
 * One answer being drawn: its tokens so far, and what must be known to draw the next.
 */
import type { GenerateRequest } from "@mulligan/core/Backend"
import type * as Token from "@mulligan/core/Token"
import { Detokenizer } from "@mulligan/tokenizer/Detokenizer"
import { StopStrings } from "@mulligan/tokenizer/StopStrings"
import type { Tokenizer } from "@mulligan/tokenizer/Tokenizer"
import type { ModelConfig } from "./ModelConfig.ts"
import type { Reading } from "./Driver.ts"
import { measure } from "./Measures.ts"
import type { Request } from "./Request.ts"
import { choose, uniform } from "./Sampler.ts"

export class Sequence {
  readonly #config: ModelConfig
  readonly #request: GenerateRequest
  readonly #prompt: ReadonlyArray<number>
  readonly #answer: Array<number>
  readonly #detokenizer: Detokenizer
  readonly #stops: StopStrings
  #left: number
  #ended = false

  /** Text and stop strings are followed through the prefix, so that a cut changes nothing of what comes after it. */
  constructor(
    config: ModelConfig,
    tokenizer: Tokenizer,
    request: GenerateRequest,
    promptIds: ReadonlyArray<number>,
    prefixIds: ReadonlyArray<number>
  ) {
    this.#config = config
    this.#request = request
    this.#prompt = promptIds
    this.#answer = [...prefixIds]
    this.#detokenizer = new Detokenizer(tokenizer)
    for (const id of prefixIds) this.#detokenizer.push(id)
    this.#stops = new StopStrings(request.stop ?? [], request.prefix.map((token) => token.text).join(""))
    this.#left = request.maxTokens ?? Infinity
  }

  get answer(): ReadonlyArray<number> {
    return this.#answer
  }

  /** How the next token is to be drawn. */
  get sampling(): NonNullable<Request["sampling"]> {
    return { ...this.#request, uniform: this.#uniform }
  }

  /** Tokens that the answer will have, if nothing ends it before. */
  get expected(): number {
    return Math.min(this.#answer.length + this.#left, this.#config.context - this.#prompt.length)
  }

  get #uniform(): number {
    return this.#request.temperature === 0 ? 0 : uniform(this.#request.seed, this.#answer.length)
  }

  get isOver(): boolean {
    return this.#ended || this.#left <= 0
  }

  /** Draws the next token; gives the tokens that may leave now: none while a stop string may be under way. */
  draw(reading: Reading): ReadonlyArray<Token.Token> {
    const seen = () => [...this.#prompt, ...this.#answer]
    const { id, logProb } = choose(reading, this.#uniform, seen, this.#config.suppressed, this.#request)
    this.#answer.push(id)
    this.#left--
    const told = { logProb: Math.min(0, logProb), ...measure(reading, this.#config, this.#request) }
    const out = this.#stops.push(this.#token(id, told))
    this.#ended = out.at(-1)?.end !== undefined
    return this.isOver ? [...out, ...this.#stops.rest()] : out
  }

  #token(id: number, told: Pick<Token.Token, "logProb" | "confidence" | "certainty">): Token.Token {
    if (this.#config.endIds.has(id)) return { id, text: this.#detokenizer.rest(), ...told, end: "stop" }
    const text = this.#detokenizer.push(id)
    if (this.#prompt.length + this.#answer.length < this.#config.context) return { id, text, ...told }
    return { id, text: text + this.#detokenizer.rest(), ...told, end: "length" }
  }
}
