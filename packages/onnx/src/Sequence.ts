/**
 * One answer being drawn: its tokens so far, and what must be known to draw the next.
 */
import type { GenerateRequest } from "@mulligan/core/Backend"
import type * as Token from "@mulligan/core/Token"
import { Detokenizer } from "@mulligan/tokenizer/Detokenizer"
import { StopStrings } from "@mulligan/tokenizer/StopStrings"
import type { Tokenizer } from "@mulligan/tokenizer/Tokenizer"
import type { ModelConfig } from "./ModelConfig.ts"
import { distribution, logSumExp, pick, suppress, uniform } from "./Sampler.ts"

export class Sequence {
  readonly #config: ModelConfig
  readonly #request: GenerateRequest
  readonly #ids: Array<number>
  readonly #promptLength: number
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
    this.#ids = [...promptIds, ...prefixIds]
    this.#promptLength = promptIds.length
    this.#detokenizer = new Detokenizer(tokenizer)
    for (const id of prefixIds) this.#detokenizer.push(id)
    this.#stops = new StopStrings(request.stop ?? [], request.prefix.map((token) => token.text).join(""))
    this.#left = request.maxTokens ?? Infinity
  }

  /** Prompt and answer. */
  get ids(): ReadonlyArray<number> {
    return this.#ids
  }

  /** Tokens of the answer. */
  get length(): number {
    return this.#ids.length - this.#promptLength
  }

  get isOver(): boolean {
    return this.#ended || this.#left <= 0
  }

  /** Draws the next token; gives the tokens that may leave now: none while a stop string may be under way. */
  draw(all: Float32Array): ReadonlyArray<Token.Token> {
    const { seed, temperature } = this.#request
    const logits = suppress(all, this.#config.suppressed)
    const probabilities = distribution(logits, this.#ids, { ...this.#request, temperature })
    const id = pick(probabilities, temperature === 0 ? 0 : uniform(seed, this.length))
    const logProb = logits[id]! - logSumExp(logits)
    this.#ids.push(id)
    this.#left--
    const out = this.#stops.push(this.#token(id, Math.min(0, logProb)))
    this.#ended = out.at(-1)?.end !== undefined
    return this.isOver ? [...out, ...this.#stops.rest()] : out
  }

  #token(id: number, logProb: number): Token.Token {
    if (this.#config.endIds.has(id)) return { id, text: this.#detokenizer.rest(), logProb, end: "stop" }
    const text = this.#detokenizer.push(id)
    if (this.#ids.length < this.#config.context) return { id, text, logProb }
    return { id, text: text + this.#detokenizer.rest(), logProb, end: "length" }
  }
}
