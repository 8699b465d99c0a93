/**
 * Ids to text as they are drawn.
 */
import type { Tokenizer } from "./Tokenizer.ts"

/**
 * Turns ids into text one by one, never cutting a character: an id that ends within one gives "", and the text comes with
 * the last of its ids. Only a short window is decoded again each time (as vLLM does).
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer
  #ids: Array<number> = []
  #shown = ""
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }
  /** The text that this id completes. */
  push(id: number): string {
    this.#ids.push(id)
    const text = this.#tokenizer.decode(this.#ids)
    if (text.endsWith("\uFFFD")) return ""
    const added = text.slice(this.#shown.length)
    if (this.#tokenizer.joins) {
      this.#ids = []
      return added
    }
    // Two ids stay, because decoders treat the first of a text differently (a leading space).
    this.#ids = this.#ids.slice(-2)
    this.#shown = this.#tokenizer.decode(this.#ids)
    return added
  }
  /** What is left of a character that never came to its end. */
  rest(): string {
    return this.#tokenizer.decode(this.#ids).slice(this.#shown.length)
  }
}
