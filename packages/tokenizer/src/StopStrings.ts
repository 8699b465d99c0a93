/**
 * Ends an answer before the first of some texts, which may begin in one token and end in another.
 */
import type * as Token from "@mulligan/core/Token"

/** The longest end of the text that may be the beginning of a stop string. */
const promising = (text: string, stops: ReadonlyArray<string>): number => {
  const longest = Math.max(0, ...stops.map((stop) => stop.length - 1))
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    if (stops.some((stop) => stop.length > length && stop.startsWith(text.slice(-length)))) return length
  }
  return 0
}

/** Cuts the tokens' text after this many characters and ends the last of them. */
const cut = (tokens: ReadonlyArray<Token.Token>, length: number): Array<Token.Token> => {
  let left = length
  return tokens.map((token, i) => {
    const text = token.text.slice(0, left)
    left -= text.length
    return { ...token, text, ...(i === tokens.length - 1 ? { end: "stop" as const } : {}) }
  })
}

export class StopStrings {
  readonly #stops: ReadonlyArray<string>
  /** Text that was given away already; nothing of it can be taken back, but a stop string may have begun in it. */
  #given: string
  #held: Array<Token.Token> = []

  constructor(stops: ReadonlyArray<string>, given: string) {
    this.#stops = stops.filter((stop) => stop !== "")
    this.#given = given.slice(-Math.max(0, ...this.#stops.map((stop) => stop.length - 1)))
  }

  /** The tokens that can be given away now; tokens that may belong to a stop string are held back. */
  push(token: Token.Token): ReadonlyArray<Token.Token> {
    if (this.#stops.length === 0) return [token]
    this.#held.push(token)
    const text = this.#given + this.#held.map((t) => t.text).join("")
    const found = this.#stops.map((stop) => text.indexOf(stop, this.#earliest(stop))).filter((at) => at >= 0)
    if (found.length > 0) return cut(this.rest(), Math.max(0, Math.min(...found) - this.#given.length))
    if (token.end !== undefined) return this.rest()
    return this.#release(text.length - promising(text, this.#stops) - this.#given.length)
  }

  /** Everything held back: no more tokens come. */
  rest(): ReadonlyArray<Token.Token> {
    return this.#held.splice(0)
  }

  /** One that ended in the text already given was not asked for when that text was drawn. */
  #earliest(stop: string): number {
    return Math.max(0, this.#given.length - stop.length + 1)
  }

  #release(safe: number): ReadonlyArray<Token.Token> {
    let length = 0
    let count = 0
    for (const { text } of this.#held) {
      if (length + text.length > safe) break
      length += text.length
      count++
    }
    const out = this.#held.splice(0, count)
    const longest = Math.max(...this.#stops.map((stop) => stop.length - 1))
    this.#given = (this.#given + out.map((t) => t.text).join("")).slice(longest === 0 ? Infinity : -longest)
    return out
  }
}
