/**
 * A recording that is being written: lines are gathered and appended together, so that they compress, and each time as one
 * gzip member, so that what was flushed is whole.
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type FileHandle, open } from "node:fs/promises"
import { type Line, LineJson, type Measures, type Sampling } from "../Line.ts"
import type { RecordingError } from "../RecordingError.ts"
import { Builder } from "./Builder.ts"
import { attempt, otherRecording, shared } from "./errors.ts"
import { load } from "./load.ts"
import { pack } from "./members.ts"
import { difference, otherMeasures } from "./sampling.ts"

const encode = Schema.encodeSync(Schema.fromJsonString(LineJson))

export interface Origin {
  readonly model: string
  readonly sampling: Sampling
  readonly measures: Measures
}

export class Tape {
  readonly builder = new Builder()
  /** Called before a flush, to hand over what is still being gathered. */
  readonly gathering = new Set<() => void>()
  readonly clock: Clock.Clock
  readonly #file: string
  readonly #handle: FileHandle
  readonly #turn: Semaphore.Semaphore
  #size = 0
  #pending: Array<string> = []
  #isBroken = false

  private constructor(file: string, handle: FileHandle, clock: Clock.Clock, turn: Semaphore.Semaphore) {
    this.#file = file
    this.#handle = handle
    this.clock = clock
    this.#turn = turn
  }

  /** Goes on with what the file has. What is pending when the scope closes is flushed, however it closes. */
  static readonly open = (file: string, origin: Origin): Effect.Effect<Tape, RecordingError, Scope.Scope> =>
    Effect.gen(function* () {
      const turn = yield* Semaphore.make(1)
      const clock = yield* Clock.Clock
      const handle = yield* Effect.acquireRelease(
        attempt(file, () => open(file, "a+")),
        (handle) => Effect.promise(() => handle.close())
      )
      const tape = new Tape(file, handle, clock, turn)
      yield* attempt(file, () => tape.#resume(origin))
      yield* Effect.addFinalizer(() => Effect.ignore(tape.flush, { log: "Error" }))
      return tape
    })

  /** A line that says what is wrong with itself is a mistake of ours. */
  add(line: Line): void {
    const problem = this.builder.add(line)
    if (problem !== undefined) throw new Error(`A ${line._tag} line ${problem}`)
    this.#pending.push(encode(line))
  }

  get flush(): Effect.Effect<void, RecordingError> {
    return Effect.uninterruptible(
      this.#turn.withPermits(1)(Effect.suspend(() => attempt(this.#file, () => this.#append())))
    )
  }

  /** Never ends by itself; fails where the file cannot be written. */
  flushing(every: Duration.Input): Effect.Effect<never, RecordingError> {
    return Effect.forever(Effect.andThen(Effect.sleep(every), this.flush))
  }

  async #resume(origin: Origin): Promise<void> {
    this.#size = await load(this.#file, this.#handle, this.builder)
    // Of a recording that was killed the last member may be half there.
    await this.#handle.truncate(this.#size)
    if (this.builder.isEmpty) return this.#begin(origin)
    const { measures, model, sampling } = this.builder.recording
    if (model !== origin.model) throw otherRecording(this.#file, "Its drafts are of another model.")
    const other = difference(sampling, origin.sampling) ?? otherMeasures(measures, origin.measures)
    if (other !== undefined) throw otherRecording(this.#file, `It was drawn otherwise: ${other}.`)
  }

  #begin({ measures, ...origin }: Origin): void {
    this.add({ _tag: "Model", ...origin, ...(Object.keys(measures).length === 0 ? {} : { measures }) })
  }

  async #append(): Promise<void> {
    for (const gather of this.gathering) gather()
    if (this.#pending.length === 0 || this.#isBroken) return
    const member = pack(`${this.#pending.join("\n")}\n`)
    this.#pending = []
    // Lines refer to those before them: after some that are lost none may come.
    this.#isBroken = true
    if ((await this.#handle.stat()).size !== this.#size) throw shared(this.#file)
    await this.#handle.appendFile(member)
    await this.#handle.datasync()
    this.#size += member.length
    this.#isBroken = false
  }
}
