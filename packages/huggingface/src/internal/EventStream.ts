/**
 * Server-sent events, read from bytes: what every server's stream has in common, and every way in which it can be broken.
 */
import { errorIn, Failure } from "./Failure.ts"

/** What comes out of the bytes, in order. Each may throw; what it throws ends the stream. */
export interface Sink {
  readonly event: (json: unknown) => void
  /** `[DONE]`: the server says that all was said. */
  readonly done: () => void
  /** An error that the server named. */
  readonly refused: (error: unknown) => void
}

const field = (line: string): readonly [name: string, value: string] => {
  const at = line.indexOf(":")
  if (at < 0) return [line, ""]
  return [line.slice(0, at), line.slice(line[at + 1] === " " ? at + 2 : at + 1)]
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw new Failure("garbled")
  }
}

/** The error in an error's text: a JSON error in any shape, or the text itself. */
export const words = (text: string): unknown => {
  try {
    const json: unknown = JSON.parse(text)
    return errorIn(json) ?? json
  } catch {
    return text
  }
}

export class EventStream {
  readonly #sink: Sink
  readonly #longest: number
  readonly #decoder = new TextDecoder()
  #rest = ""
  /** What is left ends in what may be half of a line's end. To look each time would copy all of it each time. */
  #isHalf = false
  #data: Array<string> = []
  #size = 0
  #name = ""

  /** Lines, and events of several lines, that are longer than `longest` characters fail. */
  constructor(sink: Sink, longest: number) {
    this.#sink = sink
    this.#longest = longest
  }

  push(bytes: Uint8Array): void {
    this.#read(this.#decoder.decode(bytes, { stream: true }))
  }

  /** The last event counts, also when no empty line came after it. */
  end(): void {
    this.#read(this.#decoder.decode())
    if (this.#rest !== "") this.#line(this.#rest.replace(/\r$/, ""))
    this.#rest = ""
    this.#line("")
  }

  #read(text: string): void {
    // A long line that comes in many pieces is looked at once, and not anew with each piece.
    if (!/[\r\n]/.test(text) && !this.#isHalf) {
      this.#rest += text
      if (this.#rest.length > this.#longest) throw new Failure("tooLarge")
      return
    }
    // A carriage return at the end may be half of a line's end, so it waits for what follows.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ""
    this.#isHalf = this.#rest.endsWith("\r")
    if (this.#rest.length > this.#longest) throw new Failure("tooLarge")
    for (const line of lines) this.#line(line)
  }

  #line(line: string): void {
    if (line.length > this.#longest) throw new Failure("tooLarge")
    if (line === "") return this.#dispatch()
    const [name, value] = field(line)
    if (name === "event") this.#name = value
    else if (name === "data") this.#add(value)
    else if (name === "error") this.#sink.refused(words(value)) // llama.cpp names its errors so
  }

  #add(data: string): void {
    this.#size += data.length
    if (this.#size > this.#longest) throw new Failure("tooLarge")
    this.#data.push(data)
  }

  #dispatch(): void {
    const [text, isError] = [this.#data.join("\n").trim(), this.#name === "error"]
    this.#data = []
    this.#size = 0
    this.#name = ""
    if (text === "[DONE]") return this.#sink.done()
    if (isError) return this.#sink.refused(words(text))
    if (text === "") return
    const json = parsed(text)
    const error = errorIn(json)
    if (error !== undefined) return this.#sink.refused(error)
    this.#sink.event(json)
  }
}
