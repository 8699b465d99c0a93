/**
 * Copies between tensors, wherever they lie, by an Identity, which every provider runs. ONNX Runtime 1.30 has `CopyTensors`,
 * but it knows no way even between two tensors of the CPU (tried).
 */
import { invalid } from "../src/internal/errors.ts"
import { Message } from "../src/graph/Wire.ts"
import { types } from "../src/graph/Model.ts"
import { Binding } from "../src/capi/Binding.ts"
import type { Provider } from "../src/capi/Cuda.ts"
import { type DataOf, elements, type ElementType, make } from "../src/capi/ElementType.ts"
import type { Library } from "../src/capi/Library.ts"
import { Session } from "../src/capi/Session.ts"
import { Value } from "../src/capi/Value.ts"

/** A vector of bytes, open in its length. */
const bytes = (name: string): Message => {
  const shape = new Message().message(1, new Message().text(2, "bytes"))
  const tensor = new Message().int(1, types.uint8).message(2, shape)
  return new Message().text(1, name).message(2, new Message().message(1, tensor))
}

const identity = (): Uint8Array => {
  const node = new Message().text(1, "from").text(2, "to").text(4, "Identity")
  const graph = new Message().message(1, node).text(2, "copy").message(11, bytes("from")).message(12, bytes("to"))
  return new Message().int(1, 8).message(7, graph).message(8, new Message().text(1, "").int(2, 13)).finish()
}

/** Owned: `close` it. */
export class Copier {
  readonly #session: Session

  private constructor(session: Session) {
    this.#session = session
  }

  /** For the values of one provider and those of the CPU. Rejects as `Session.open` does. */
  static async open(library: Library, provider: Provider = "cpu"): Promise<Copier> {
    return new Copier(await Session.open(library, { graph: identity() }, { threads: 1, provider }))
  }

  /** Copies all bytes; views copy parts. Throws `InvalidRequest` if there are not as many in both. */
  copy(from: Value, to: Value): void {
    const length = from.byteLength
    if (length !== to.byteLength)
      throw invalid(`${length} bytes cannot be copied over ${to.byteLength}.`, "Give views of the same size.")
    if (length === 0) return
    const [source, target] = [from.as("uint8", [length]), to.as("uint8", [length])]
    const binding = Binding.of(this.#session, { inputs: { from: source }, outputs: { to: target } })
    try {
      binding.run()
    } finally {
      for (const one of [binding, source, target]) one.close()
    }
  }

  /** Its elements, in an array of their own. */
  read<T extends ElementType>(value: Value<T>): DataOf<T> {
    const data = make(value.type, elements(value.dims))
    const target = Value.over(value.runtime, value.type, data)
    try {
      this.copy(value, target)
    } finally {
      target.close()
    }
    return data
  }

  close(): void {
    this.#session.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
