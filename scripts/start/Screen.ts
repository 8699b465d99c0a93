/**
 * A text on the terminal that is drawn over again as it grows. Where the output is no terminal it shows nothing: whoever
 * reads a pipe wants the end, not every step to it.
 */
import { createLogUpdate } from "log-update"
import type { WriteStream } from "node:tty"

export class Screen {
  readonly #stream: WriteStream
  readonly #update: ReturnType<typeof createLogUpdate> | undefined
  constructor(stream: WriteStream) {
    this.#stream = stream
    this.#update = stream.isTTY ? createLogUpdate(stream) : undefined
  }
  get isLive(): boolean {
    return this.#update !== undefined
  }
  /** Columns; asked anew for each picture, because windows change. */
  get width(): number {
    return this.#stream.columns ?? 80
  }
  show(text: string): void {
    this.#update?.(text)
  }
  clear(): void {
    this.#update?.clear()
  }
  /** Leaves what is shown. */
  done(): void {
    this.#update?.done()
  }
}
