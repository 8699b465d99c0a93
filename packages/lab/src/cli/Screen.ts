/**
 * Where a person looks while a command runs: notes line by line and, on a terminal, a picture that is drawn over again.
 * What the command was asked for goes elsewhere, to the standard output.
 */
import * as Effect from "effect/Effect"
import { createLogUpdate } from "log-update"
import type { WriteStream } from "node:tty"
import { styleText } from "node:util"

const FRAME = "80 millis"

type Style = Parameters<typeof styleText>[0]

export class Screen {
  readonly #stream: WriteStream
  readonly #update: ReturnType<typeof createLogUpdate> | undefined
  #picture = ""

  /** A terminal that cannot move its cursor (TERM=dumb) is written to as a pipe is. */
  constructor(stream: WriteStream, { TERM }: NodeJS.ProcessEnv = process.env) {
    this.#stream = stream
    this.#update = stream.isTTY && TERM !== "dumb" ? createLogUpdate(stream) : undefined
  }
  /** Whether a picture is seen at all. */
  get isLive(): boolean {
    return this.#update !== undefined
  }
  /** Columns; asked anew for each picture, because windows change. Some terminals say 0. */
  get width(): number {
    return this.#stream.columns || 80
  }
  get height(): number {
    return this.#stream.rows || 24
  }
  /** Colours, where the stream is a terminal and NO_COLOR is not set. */
  paint(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stream })
  }
  /** A line that stays; a picture moves down below it. */
  note(text: string): void {
    if (this.#picture !== "") this.#update?.clear()
    this.#stream.write(`${text}\n`)
    if (this.#picture !== "") this.#update?.(this.#picture)
  }
  /** Draws the picture over; nothing on a pipe, whose reader wants the end, not every step to it. */
  show(picture: string): void {
    this.#picture = picture
    this.#update?.(picture)
  }
  /** Takes the picture away. */
  clear(): void {
    if (this.#picture === "") return
    this.#update?.clear()
    this.done()
  }
  /** Leaves the picture as it is. */
  done(): void {
    if (this.#picture === "") return
    this.#picture = ""
    this.#update?.done()
  }
  /** Draws what `picture` gives (nothing: as it is) over and over while `work` runs, and once more at its end. */
  showing<A, E, R>(picture: () => string, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    if (!this.isLive) return work
    const show = Effect.sync(() => {
      const now = picture()
      if (now !== "") this.show(now)
    })
    return work.pipe(Effect.raceFirst(Effect.forever(Effect.andThen(show, Effect.sleep(FRAME)))), Effect.ensuring(show))
  }
}

/** The standard error. */
export const screen = new Screen(process.stderr)
