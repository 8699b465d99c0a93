/**
 * Something of ONNX Runtime's that has to be released, once. It is shared: whoever needs it holds it, and it is released when
 * its owner has closed it and nobody holds it any more, so the order in which things are closed does not matter.
 */

let live = 0

/** Handles of this thread that are not released yet: back at the start when all is closed. */
export const count = (): number => live

export class Handle {
  readonly #name: string
  readonly #pointer: bigint
  readonly #release: () => void
  #holders = 1
  #isClosed = false

  constructor(name: string, pointer: bigint, release: () => void) {
    this.#name = name
    this.#pointer = pointer
    this.#release = release
    live++
  }

  /** Its address. Throws once it is closed. */
  get pointer(): bigint {
    if (this.#isClosed) throw new Error(`This ${this.#name} is closed.`)
    return this.#pointer
  }

  /** Its address for who holds it, closed or not. */
  get held(): bigint {
    return this.#pointer
  }

  /** Keeps it from being released until `letGo`, once for each `hold`. Throws if it is closed. */
  hold(): bigint {
    const pointer = this.pointer
    this.#holders++
    return pointer
  }

  letGo(): void {
    if (--this.#holders > 0) return
    live--
    this.#release()
  }

  /** Ends its use. It is released at once, or when the last that needs it lets go. A second time does nothing. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.letGo()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
