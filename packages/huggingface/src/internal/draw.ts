/**
 * A draft as a stream of tokens, over as many requests as it takes.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Charge } from "@mulligan/core/Budget"
import type { Token } from "@mulligan/core/Token"
import type { Piece } from "../Dialect.ts"
import type { Drawing, Plan } from "./Drawing.ts"
import { brokenOff, isAboutContext, unavailable } from "./errors.ts"
import * as Retry from "./Retry.ts"

/** One request: what comes of it, and every piece that came, whether anybody took it or not. */
export type Request = (plan: Plan, costs: Pick<Costs, "sent" | "heard">) => Stream.Stream<Piece, BackendError>

export interface DrawOptions extends Retry.RetryOptions {
  /** A draft that broke off can go on from its tokens. */
  readonly mayGoOn: boolean
  readonly charge: (what: Charge, count: number) => void
  /** Charged for a prompt if the server never tells what it read. */
  readonly promptTokens: number
}

const notRepeated = unavailable(
  "The server did not repeat a draft, though the seed was the same; its tokens cannot be known.",
  "Draw it again."
)

const unended = unavailable("The server left an answer without its end.", "Try again, or look at the server's log.")

const END: Piece = { tokens: [], end: "stop" }

/** How long a complete answer's stream may take to end. */
const LAST_WAIT = "2 seconds"

type Pieces = Pull.Pull<ReadonlyArray<Piece>, BackendError>

/** What the requests of one draft cost: tokens that nobody took, and what was read before the first. */
export class Costs {
  readonly #options: DrawOptions
  /** By the requests that are over. */
  #drawn = 0
  /** By the request under way, those included that the server left out. */
  #own = 0
  #taken = 0
  #isTold = true
  #isAnswered = false
  constructor(options: DrawOptions) {
    this.#options = options
  }
  sent(): void {
    this.#drawn += this.#own
    this.#own = 0
    this.#isTold = false
    this.#isAnswered = false
  }
  heard({ drawn = 0, read, spent = 0, tokens }: Piece): void {
    this.#isAnswered = true
    this.#own = Math.max(this.#own + tokens.length, drawn, spent)
    if (read !== undefined && !this.#isTold) {
      this.#isTold = true
      this.#options.charge("promptTokens", read)
    }
  }
  /** Also when it was cut short: the prompt was read, though nobody said at what cost. */
  over(): void {
    if (!this.#isTold) this.#options.charge("promptTokens", this.#options.promptTokens)
    this.#isTold = true
  }
  /** A request that failed before anything came cost nothing. */
  failed(): void {
    if (!this.#isAnswered) this.#isTold = true
  }
  taken(): void {
    this.#taken++
  }
  settle(): void {
    const drawn = this.#drawn + this.#own
    if (drawn > this.#taken) this.#options.charge("drawnTokens", drawn - this.#taken)
  }
}

/** The loop over requests; one at a time is open, and it is closed as soon as it is of no more use. */
class Row {
  readonly drawing: Drawing
  readonly #request: Request
  readonly #options: DrawOptions
  readonly #outer: Scope.Scope
  readonly #costs: Costs
  readonly #ready: Array<Token> = []
  #open: { readonly pull: Pieces; readonly scope: Scope.Closeable } | undefined
  #tried = 0

  constructor(drawing: Drawing, request: Request, options: DrawOptions, outer: Scope.Scope, costs: Costs) {
    this.drawing = drawing
    this.#request = request
    this.#options = options
    this.#outer = outer
    this.#costs = costs
  }

  readonly next: Pull.Pull<readonly [Token], BackendError> = Effect.suspend(() => {
    const token = this.#ready.shift()
    if (token !== undefined) {
      this.#costs.taken()
      return Effect.succeed([token] as const)
    }
    if (this.drawing.isOver) return this.#open === undefined ? Cause.done() : Effect.andThen(this.#drain, Cause.done())
    if (this.#open === undefined) return Effect.andThen(this.#begin, this.next)
    return Effect.andThen(this.#step(this.#open.pull), this.next)
  })

  #step(pull: Pieces): Effect.Effect<void, BackendError> {
    const { drawing } = this
    return Pull.matchEffect(pull, {
      onSuccess: (pieces) => {
        for (const piece of pieces) this.#ready.push(...drawing.take(piece))
        if (drawing.isOther) return Effect.fail(notRepeated)
        return drawing.isStale || (drawing.isOver && !drawing.isSaid) ? this.#close : Effect.void
      },
      onDone: () => {
        if (drawing.isSaid) return this.#close
        const isEnd = !drawing.isSilent && !this.#options.mayGoOn
        // A server that says it is done and gave no end means the end, where nothing could be asked for after it.
        if (isEnd) this.#ready.push(...drawing.take(END))
        return Effect.andThen(this.#close, isEnd ? Effect.void : this.#failed(Cause.fail(unended)))
      },
      onFailure: (cause) => {
        this.#costs.failed()
        return Effect.andThen(this.#close, this.#failed(cause))
      }
    })
  }

  /** What comes after the last token: what it cost. A request that ends by itself leaves its connection to the next. */
  readonly #drain = Effect.suspend(() => {
    const pull = this.#open?.pull
    if (pull === undefined) return Effect.void
    const rest: Effect.Effect<void, BackendError> = Pull.matchEffect(pull, {
      onSuccess: () => rest,
      onDone: () => Effect.void,
      onFailure: () => Effect.void
    })
    return Effect.andThen(Effect.timeoutOption(rest, LAST_WAIT), this.#close)
  })

  readonly #begin = Effect.suspend(() =>
    Effect.gen({ self: this }, function* () {
      const plan = this.drawing.plan()
      const scope = yield* Scope.fork(this.#outer)
      const stream = this.#request(plan, this.#costs)
      this.#open = { scope, pull: yield* Scope.provide(Stream.toPull(stream), scope) }
    })
  )

  readonly #close = Effect.suspend(() => {
    const open = this.#open
    this.#open = undefined
    this.#costs.over()
    return open === undefined ? Effect.void : Scope.close(open.scope, Exit.void)
  })

  /** Sent again from the tokens so far, where the engine can go on from them; the count of tries never starts again. */
  #failed(cause: Cause.Cause<BackendError>): Effect.Effect<void, BackendError> {
    const error = Cause.findErrorOption(cause)
    if (error._tag === "None") return Effect.failCause(cause)
    if (this.drawing.isBegun && !this.#options.mayGoOn) return Effect.fail(brokenOff(error.value))
    if (this.drawing.isBegun && isAboutContext(error.value)) {
      // Nobody said where the model's limit is; this is it.
      this.#ready.push(...this.drawing.full())
      return Effect.void
    }
    return Retry.wait(this.#options, this.#tried++, error.value)
  }
}

/** Pulling draws: no request is made before its first token is wanted. */
export const tokens = (drawing: Drawing, request: Request, options: DrawOptions): Stream.Stream<Token, BackendError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const costs = new Costs(options)
      const outer = yield* Effect.scope
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          costs.over()
          costs.settle()
        })
      )
      return Stream.fromPull(Effect.succeed(new Row(drawing, request, options, outer, costs).next))
    })
  )
