/**
 * The standard output: what the command was asked for, and nothing else.
 */
import * as Effect from "effect/Effect"

export const line = (text: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(`${text}\n`))

/** One object, for programs; what is no JSON number (NaN, infinite) is null. */
export const json = (value: unknown): Effect.Effect<void> => line(JSON.stringify(value, null, 2))

/** What a terminal would take for a command; tabs and line breaks are text. */
// oxlint-disable-next-line no-control-regex
const commands = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** What a model writes, as it comes, without the white space that it begins with; nothing of it moves a terminal. */
export class Answer {
  readonly #stream: Pick<NodeJS.WriteStream, "isTTY" | "write">
  #last = ""
  constructor(stream: Pick<NodeJS.WriteStream, "isTTY" | "write"> = process.stdout) {
    this.#stream = stream
  }
  readonly add = (text: string): void => {
    const said = this.isBegun ? text : text.trimStart()
    if (said === "") return
    this.#last = said
    this.#stream.write(this.#stream.isTTY ? said.replace(commands, "") : said)
  }
  get isBegun(): boolean {
    return this.#last !== ""
  }
  /** Ends its last line. */
  end(): void {
    if (!this.#last.endsWith("\n")) this.#stream.write("\n")
  }
}
