/**
 * ONNX Runtime's C API: inputs are read and outputs written where they lie, and a run leaves its thread free.
 */
import { availableParallelism } from "node:os"
import { Binding, Terminated } from "../capi/Binding.ts"
import { elements, type ElementType, make } from "../capi/ElementType.ts"
import type { Library } from "../capi/Library.ts"
import * as Capi from "../capi/Session.ts"
import type { Signature as Ports } from "../capi/Signature.ts"
import { Value } from "../capi/Value.ts"
import { cancelled } from "../internal/errors.ts"
import * as Outputs from "./CapiOutputs.ts"
import * as Sizes from "./CapiSizes.ts"
import {
  type Data,
  type Session,
  type SessionOptions,
  type Signature,
  type Source,
  SPINNING,
  type Tensor
} from "./Session.ts"

/** Signatures as drivers read them. */
const signature = ({ dims, name, type }: Ports): Signature => ({
  name,
  type,
  dims: dims.map((size) => (typeof size === "number" ? size : undefined))
})

/** JavaScript's memory as ONNX Runtime takes it. */
export const over = (library: Library, { data, dims, type }: Tensor): Value =>
  Value.over(library, type as ElementType, data as never, dims)

/** A tensor of a type and sizes, to be written to. */
export const empty = (type: string, dims: ReadonlyArray<number>): Tensor => ({
  type: type as Tensor["type"],
  data: make(type as ElementType, elements(dims)) as Data,
  dims
})

export const settings = ({
  arena = true,
  spinning = SPINNING,
  threads = availableParallelism()
}: SessionOptions): Capi.SessionOptions => ({ arena, spinning, threads })

interface Bound {
  readonly tensor: Tensor
  readonly value: Value
}

/** One run at a time; those asked for meanwhile wait for their turn. */
export class CapiSession implements Session {
  readonly inputs: ReadonlyArray<Signature>
  readonly outputs: ReadonlyArray<Signature>
  readonly #session: Capi.Session
  readonly #binding: Binding
  readonly #vocabulary: number
  /** What each input reads; a tensor that comes again stays as it is. */
  readonly #bound = new Map<string, Bound>()
  #last: Promise<unknown> = Promise.resolve()

  private constructor(session: Capi.Session, vocabulary: number) {
    this.#session = session
    this.#binding = Binding.of(session)
    this.#vocabulary = vocabulary
    this.inputs = session.inputs.map(signature)
    this.outputs = session.outputs.map(signature)
  }

  /** Rejects with a `BackendError`. The vocabulary is that of a rewritten graph; any other gives the same without it. */
  static async open(library: Library, source: Source, options: SessionOptions, vocabulary = 0): Promise<CapiSession> {
    const session = await Capi.Session.open(library, source, settings(options))
    try {
      return new CapiSession(session, vocabulary)
    } catch (cause) {
      session.close()
      throw cause
    }
  }

  run: Session["run"] = (feeds) => {
    const run = this.#last.then(() => this.#run(feeds))
    this.#last = run.catch(() => undefined)
    return run
  }

  /** Ends a run that is under way, which rejects; what it wrote is lost. Nothing if there is none. */
  cancel(): void {
    this.#binding.terminate()
  }

  close: Session["close"] = async () => {
    await this.#last
    this.#binding.close()
    this.#session.close()
    for (const { value } of this.#bound.values()) value.close()
  }

  async #run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>> {
    for (const [name, tensor] of Object.entries(feeds)) this.#read(name, tensor)
    const sizes = Sizes.of(feeds, this.#vocabulary)
    const sized = this.outputs.map(({ name, type }) => this.#write(name, type, sizes[name]))
    try {
      await this.#binding.runAsync()
    } catch (cause) {
      throw cause instanceof Terminated ? cancelled() : cause
    }
    const missing = sized.flatMap((tensor, i) => (tensor === undefined ? [i] : []))
    const found = missing.length === 0 ? [] : Outputs.read(this.#session.runtime, this.#binding, missing)
    const all = sized.map((tensor, i) => tensor ?? found[missing.indexOf(i)]!)
    return Object.fromEntries(this.outputs.map(({ name }, i) => [name, all[i]!]))
  }

  #read(name: string, tensor: Tensor): void {
    const known = this.#bound.get(name)
    if (known?.tensor === tensor) return
    const value = over(this.#session.runtime, tensor)
    try {
      this.#binding.input(name, value)
    } catch (cause) {
      value.close()
      throw cause
    }
    this.#bound.set(name, { tensor, value })
    known?.value.close()
  }

  /** Where an output is written; undefined where its sizes are not known before. */
  #write(name: string, type: string, dims: ReadonlyArray<number> | undefined): Tensor | undefined {
    if (dims === undefined) return void Outputs.bind(this.#session.runtime, this.#binding, name)
    const tensor = empty(type, dims)
    const value = over(this.#session.runtime, tensor)
    this.#binding.output(name, value)
    value.close() // The binding keeps it.
    return tensor
  }
}
