/**
 * A session with the memory that it reads and writes. Bind once, in place, and run as often as needed.
 */
import { invalid } from "../internal/errors.ts"
import * as Failure from "./Failure.ts"
import { Handle } from "./Handle.ts"
import { type Library, OrtError } from "./Library.ts"
import type { Session } from "./Session.ts"
import type { Value } from "./Value.ts"

/** A run ended by `terminate`. The session and the binding can run again; what was written so far is undefined. */
export class Terminated extends Error {
  override readonly name = "Terminated"
}

export type Values = Readonly<Record<string, Value>>

type Side = "Input" | "Output"

/** Owned: `close` it. It keeps the session and all that is bound until then. One run at a time. */
export class Binding extends Handle {
  readonly #library: Library
  readonly #session: Session
  readonly #options: bigint
  readonly #bound: Record<Side, Map<string, Value>>
  #isRunning = false
  #isTerminated = false

  private constructor(session: Session, pointer: bigint, options: bigint) {
    const bound = { Input: new Map<string, Value>(), Output: new Map<string, Value>() }
    const library = session.runtime
    session.hold()
    super("binding", pointer, () => {
      library.release("ReleaseIoBinding", pointer)
      library.release("ReleaseRunOptions", options)
      for (const value of [...bound.Input.values(), ...bound.Output.values()]) value.letGo()
      session.letGo()
    })
    this.#library = library
    this.#session = session
    this.#options = options
    this.#bound = bound
  }

  /** Throws `InvalidRequest` for a name that the graph does not have. */
  static of(session: Session, values: { readonly inputs?: Values; readonly outputs?: Values } = {}): Binding {
    const pointer = session.runtime.made("CreateIoBinding", session.pointer)
    const binding = new Binding(session, pointer, session.runtime.made("CreateRunOptions"))
    try {
      for (const [name, value] of Object.entries(values.inputs ?? {})) binding.input(name, value)
      for (const [name, value] of Object.entries(values.outputs ?? {})) binding.output(name, value)
    } catch (cause) {
      binding.close()
      throw cause
    }
    return binding
  }

  /** Reads an input there from now on. The same value may be an output as well, for operators that work in place. */
  input(name: string, value: Value): this {
    return this.#bind("Input", name, value)
  }

  /** Writes an output there from now on; its type and sizes must be those that the graph gives. */
  output(name: string, value: Value): this {
    return this.#bind("Output", name, value)
  }

  /**
   * Runs the graph on this thread. Throws a `BackendError`: `OutOfMemory`, or `InvalidRequest` where values do not fit the
   * graph or an input is not bound.
   */
  run(): void {
    const session = this.#begin()
    try {
      this.#library.call("RunWithBinding", session, this.#options, this.pointer)
    } catch (cause) {
      throw this.#failure(cause)
    } finally {
      this.#end()
    }
  }

  /**
   * Runs the graph on another thread; this one stays free. Bound memory must not be touched before it settles. Rejects as `run`
   * throws, and with `Terminated`. Closing anything meanwhile takes effect when it is over.
   */
  async runAsync(): Promise<void> {
    const session = this.#begin()
    this.hold()
    try {
      await this.#library.later("RunWithBinding", session, this.#options, this.pointer)
    } catch (cause) {
      throw this.#failure(cause)
    } finally {
      this.#end()
      this.letGo()
    }
  }

  /** Ends a run that is under way, at its next operator. Nothing if there is none. */
  terminate(): void {
    if (!this.#isRunning) return
    this.#isTerminated = true
    this.#library.call("RunOptionsSetTerminate", this.#options)
  }

  #begin(): bigint {
    this.#idle()
    for (const [name, value] of this.#bound.Input) this.#ready("Input", name, value)
    for (const [name, value] of this.#bound.Output) this.#ready("Output", name, value)
    const session = this.#session.pointer
    this.#isRunning = true
    return session
  }

  /** A device copies inputs of the CPU when they are bound, so what was written to them since then has to be bound again. */
  #ready(side: Side, name: string, value: Value): void {
    if (value.isDetached) throw invalid(`The memory of ${name} has been transferred.`, "Bind other memory.")
    if (side === "Input" && value.data !== undefined && this.#session.provider !== "cpu")
      this.#hand(side, this.pointer, name, value.held)
  }

  #end(): void {
    this.#isRunning = false
    if (this.#isTerminated) this.#library.call("RunOptionsUnsetTerminate", this.#options)
    this.#isTerminated = false
  }

  #failure(cause: unknown): unknown {
    const isCut = this.#isTerminated && cause instanceof OrtError
    return isCut ? new Terminated("The run was terminated.") : Failure.ofRun(cause)
  }

  #idle(): bigint {
    if (this.#isRunning) throw new Error("This binding is running. Await the run, or make another binding.")
    return this.pointer
  }

  #bind(side: Side, name: string, value: Value): this {
    const pointer = this.#idle()
    const known = side === "Input" ? this.#session.inputs : this.#session.outputs
    if (!known.some((one) => one.name === name)) {
      const names = known.map((one) => one.name).join(", ")
      throw invalid(`The graph has no ${side.toLowerCase()} ${name}.`, `It has ${names}.`)
    }
    this.#hand(side, pointer, name, value.pointer)
    value.hold()
    this.#bound[side].get(name)?.letGo()
    this.#bound[side].set(name, value)
    return this
  }

  #hand(side: Side, pointer: bigint, name: string, value: bigint): void {
    Failure.rethrown(Failure.ofRun, () => this.#library.call(`Bind${side}`, pointer, name, value))
  }
}
