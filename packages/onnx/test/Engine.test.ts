import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as fc from "fast-check"
import type { Abilities, Driver, Handle, Reading, Slot, Step, StepRow } from "../src/Driver.ts"
import * as Engine from "../src/Engine.ts"
import type { ModelConfig } from "../src/ModelConfig.ts"
import type { Request } from "../src/Request.ts"
import { choose, distribution, logSumExp, pick, uniform } from "../src/Sampler.ts"

const config: ModelConfig = {
  folder: "",
  graph: "",
  layers: 1,
  heads: 1,
  kvHeads: 1,
  headDim: 1,
  context: 100,
  vocabulary: 4,
  endIds: new Set(),
  suppressed: [],
  past: [],
  present: [],
  logits: "logits",
  window: undefined
}
/** Bytes of a token's keys and values, and of logits, of this model. */
const [TOKEN, LOGITS] = [8, 16]

/** What follows some tokens: a hash of all of them, so that any wrong token behind a row shows. */
const logitsAfter = (ids: ReadonlyArray<number>): Float32Array => {
  let h = 17
  for (const id of ids) h = Math.imul(h ^ (id + 1), 0x01000193) ^ (h >>> 13)
  return Float32Array.from({ length: config.vocabulary }, (_, id) => 4 * uniform(h >>> 0, id))
}

interface Options extends Partial<Abilities> {
  /** Milliseconds that a step is under way. */
  readonly wait?: number
  readonly fault?: (step: Step, count: number) => Error | undefined
  readonly maxTokens?: number
}

/** Keeps tokens where a driver keeps keys and values, and minds what the contract of drivers says. */
class Fake implements Driver {
  readonly abilities: Abilities
  readonly steps: Array<Step> = []
  /** The tokens of each row of each step, with all that is behind them. */
  readonly fed: Array<ReadonlyArray<ReadonlyArray<number>>> = []
  readonly faults: Array<string> = []
  readonly opened: Array<readonly [capacity: number, like: number]> = []
  readonly prefixes = new Map<Handle, { readonly capacity: number; ids: ReadonlyArray<number> }>()
  readonly rows = new Map<Handle, ReadonlyArray<number>>()
  /** Tokens of the steps that did not fail. */
  read = 0
  readonly #gone = new Set<Handle>()
  readonly #options: Options
  constructor(options: Options = {}) {
    const { appends = true, graph = "rewritten", isRagged = true, numberBytes } = options
    this.abilities = { appends, graph, isRagged, numberBytes }
    this.#options = options
  }

  #must(isRight: boolean, fault: string): void {
    if (!isRight) this.faults.push(fault)
  }
  #isNew(handle: Handle): void {
    const isNew = !this.#gone.has(handle) && !this.prefixes.has(handle) && !this.rows.has(handle)
    this.#must(isNew, `handle ${handle} is used twice`)
  }

  open: Driver["open"] = (prefix, capacity, like) => {
    this.#isNew(prefix)
    const ids = like === undefined ? [] : (this.prefixes.get(like.prefix)?.ids ?? [])
    this.#must((like?.length ?? 0) <= ids.length, "a prefix is begun like one that is not there")
    this.opened.push([capacity, like?.length ?? 0])
    this.prefixes.set(prefix, { capacity, ids: ids.slice(0, like?.length ?? 0) })
  }
  fork: Driver["fork"] = (from, to, length) => {
    this.#isNew(to)
    this.#must((this.rows.get(from)?.length ?? -1) >= length, "a row is forked that is not there")
    this.rows.set(to, (this.rows.get(from) ?? []).slice(0, length))
  }
  drop: Driver["drop"] = (handles) => {
    for (const handle of handles) {
      this.#must(!this.#gone.has(handle), `handle ${handle} is dropped twice`)
      this.#gone.add(handle)
      this.prefixes.delete(handle)
      this.rows.delete(handle)
    }
  }
  close: Driver["close"] = async () => {}

  #check({ rows }: Step): void {
    const { appends, isRagged } = this.abilities
    const length = Math.max(...rows.map(({ ids }) => ids.length))
    const total = ({ ids, ownLength, prefixLength }: StepRow) => prefixLength + ownLength + ids.length
    const { maxTokens = 4096 } = this.#options
    this.#must(rows.length === 1 || rows.length * length <= maxTokens || rows[0]!.store === "prefix", "too many tokens")
    this.#must(
      isRagged || rows.every((row) => row.ids.length === length && total(row) === total(rows[0]!)),
      "rows are not alike"
    )
    this.#must(appends || rows.length === 1 || length === 1, "rows append several tokens")
    this.#must(new Set(rows.map((row) => row.own)).size === rows.length, "a row stands twice in a step")
    this.#must(rows.length === 1 || rows.every((row) => row.store !== "prefix"), "a prompt is not read alone")
  }

  #behind({ ids, own, ownLength, prefix, prefixLength }: StepRow): ReadonlyArray<number> {
    const [before, mine] = [this.prefixes.get(prefix)?.ids ?? [], this.rows.get(own) ?? []]
    this.#must(ids.length > 0, "a row without tokens")
    this.#must(!this.#gone.has(own) && !this.#gone.has(prefix), "a handle is used after it was dropped")
    this.#must(before.length >= prefixLength && mine.length >= ownLength, "tokens are counted that are not there")
    return [...before.slice(0, prefixLength), ...mine.slice(0, ownLength), ...ids]
  }

  /** Where a step fails, nobody may rely on what it was to leave. */
  #store({ ids, own, ownLength, prefix, prefixLength, store }: StepRow, isBroken: boolean): void {
    const kept = isBroken ? ids.map(() => -1) : ids
    const known = this.prefixes.get(prefix)
    if (store === "prefix" && known !== undefined) {
      known.ids = [...known.ids.slice(0, prefixLength), ...kept]
      this.#must(known.ids.length <= known.capacity, "a prefix outgrows its room")
    }
    if (store === "own") this.rows.set(own, [...(this.rows.get(own) ?? []).slice(0, ownLength), ...kept])
    if (store === "nowhere" && !this.rows.has(own)) this.rows.set(own, [])
  }

  #reading(slot: Slot, labels: ReadonlyArray<number>, logits: Float32Array): Reading {
    if (this.abilities.graph === "plain") return { logits }
    const total = logSumExp(logits)
    const logProb = (id: number) => logits[id]! - total
    const { inverseTemperature, uniform } = slot
    const probabilities = distribution(logits, [], {
      temperature: inverseTemperature > 1e29 ? 0 : 1 / inverseTemperature
    })
    const token = pick(probabilities, uniform)
    const ids = [...logits.keys()].toSorted((a, b) => logits[b]! - logits[a]! || a - b)
    const logProbs = ids.map(logProb)
    const mean = logProbs.reduce((a, b) => a + b, 0) / ids.length
    const top = { ids, probabilities: ids.map((id) => probabilities[id]!), logProbs, mean }
    return {
      token,
      logProb: logProb(token),
      labels: labels.map(logProb),
      top: slot.wantsTop ? top : undefined,
      logits: slot.mass > 1 ? logits : undefined
    }
  }

  step: Driver["step"] = async (step) => {
    this.steps.push(step)
    this.#check(step)
    const fed = step.rows.map((row) => this.#behind(row))
    this.fed.push(fed)
    const { wait } = this.#options
    await new Promise((resolve) => (wait === undefined ? setImmediate(resolve) : setTimeout(resolve, wait)))
    const fault = this.#options.fault?.(step, this.steps.length)
    for (const row of step.rows) this.#store(row, fault !== undefined)
    if (fault !== undefined) throw fault
    this.read += step.rows.reduce((sum, { ids }) => sum + ids.length, 0)
    const readings = step.slots.map((slot) => this.#reading(slot, step.labels, logitsAfter(fed[slot.row]!)))
    return { readings, timing: { run: 1, own: 0 } }
  }
}

const request = (
  prompt: ReadonlyArray<number>,
  answer: ReadonlyArray<number> = [],
  rest: Partial<Request> = {}
): Request => ({
  prompt,
  answer,
  keep: true,
  order: 0,
  onRead: () => {},
  ...rest
})
const drawing = { sampling: { temperature: 1, uniform: 0.4 } }
const question = { keep: false, labels: [0, 2] }
const oracle = (ids: ReadonlyArray<number>): number => pick(distribution(logitsAfter(ids), [], { temperature: 1 }), 0.4)
const logProbOf = (reading: Reading, labels: ReadonlyArray<number>, id: number): number =>
  reading.labels?.[labels.indexOf(id)] ?? reading.logits![id]! - logSumExp(reading.logits!)
const drawn = (reading: Reading): number => choose(reading, 0.4, () => [], [], { temperature: 1 }).id
const all = <A, E>(effects: ReadonlyArray<Effect.Effect<A, E>>) => Effect.all(effects, { concurrency: "unbounded" })
const forked = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })
const turns = (count: number) =>
  Effect.promise(async () => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
  })

const world = (options: Options = {}, engineOptions: Engine.EngineOptions = {}) => {
  const driver = new Fake({
    ...options,
    ...(engineOptions.maxBatchTokens && { maxTokens: engineOptions.maxBatchTokens })
  })
  const engine = Engine.make(config, driver, engineOptions)
  const reads: Array<number> = []
  const onRead = (tokens: number) => void reads.push(tokens)
  const draw = (prompt: ReadonlyArray<number>, answer: ReadonlyArray<number>, rest: Partial<Request> = {}) =>
    engine.read(request(prompt, answer, { ...drawing, onRead, ...rest }))
  return { driver, engine, reads, draw }
}

/** Nothing that the contract of drivers forbids, and nothing kept that the engine does not know of. */
const isSound = ({ driver, engine }: ReturnType<typeof world>): void => {
  assert.deepStrictEqual(driver.faults, [])
  const { prompts, rows, waiting } = engine.stats()
  assert.deepStrictEqual([driver.prefixes.size, driver.rows.size, waiting], [prompts, rows, 0])
}

const lengths = ({ rows }: Step) => rows.map(({ ids }) => ids.length)
const told = ({ driver }: { readonly driver: Fake }) => driver.steps.map(lengths)

describe("a pass", () => {
  it.live("serves all who ask at once, each behind its own tokens, and the prompt is read once", () =>
    Effect.gen(function* () {
      const it = world()
      const answers = [[1], [2, 1, 3], [3, 3], [0]]
      const first = yield* all(answers.map((answer) => it.draw([1, 2, 3], answer)))
      assert.deepStrictEqual(
        first.map(drawn),
        answers.map((answer) => oracle([1, 2, 3, ...answer]))
      )
      const more = yield* all(answers.map((answer) => it.draw([1, 2, 3], [...answer, 2])))
      assert.deepStrictEqual(
        more.map(drawn),
        answers.map((answer) => oracle([1, 2, 3, ...answer, 2]))
      )
      // Single tokens and longer stretches do not pad each other.
      assert.deepStrictEqual(told(it), [[3], [1, 1], [2, 3], [1, 1, 1, 1]])
      isSound(it)
    })
  )

  it.live("waits for those who are about to ask: drafts stay together from token to token", () =>
    Effect.gen(function* () {
      const it = world()
      const draft = Effect.fnUntraced(function* (first: number) {
        let answer: ReadonlyArray<number> = [first]
        for (let i = 0; i < 3; i++) {
          answer = [...answer, drawn(yield* it.draw([1, 2], answer))]
          for (let waits = 0; waits < first; waits++) yield* Effect.yieldNow
        }
      })
      yield* all([0, 1, 2, 3].map(draft))
      assert.deepStrictEqual(told(it), [[2], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]])
      isSound(it)
    })
  )

  it.live("takes rows of several prompts", () =>
    Effect.gen(function* () {
      const it = world()
      const prompts = [[1], [2, 2], [3, 0, 1]]
      yield* all(prompts.map((prompt) => it.draw(prompt, [])))
      const before = it.driver.steps.length
      const found = yield* all(prompts.map((prompt) => it.draw(prompt, [3])))
      assert.deepStrictEqual(
        found.map(drawn),
        prompts.map((prompt) => oracle([...prompt, 3]))
      )
      assert.deepStrictEqual(told(it).slice(before), [[1, 1, 1]])
      isSound(it)
    })
  )

  it.live("of a graph that counts positions by itself takes only rows of one length", () =>
    Effect.gen(function* () {
      const it = world({ graph: "plain", isRagged: false, appends: false })
      const rows = [[1], [1, 2, 3, 0], [2, 2], [3, 1], [2, 1, 3, 0]]
      for (const more of [[], [3], [3, 2, 2]]) {
        const found = yield* all(rows.map((ids) => it.draw([1, 1], [...ids, ...more])))
        assert.deepStrictEqual(
          found.map(drawn),
          rows.map((ids) => oracle([1, 1, ...ids, ...more]))
        )
      }
      isSound(it)
    })
  )

  it.live("gives each who asks for labels those that it asked for, whoever asks beside it", () =>
    Effect.gen(function* () {
      const it = world()
      const wanted = [[3], [0, 2], [2], [1, 1, 0]]
      const ask = (labels: ReadonlyArray<number>, i: number) =>
        it.draw([1], [i], { ...question, sampling: undefined, labels })
      const found = yield* all(wanted.map(ask))
      found.forEach((reading, i) => {
        const exact = logitsAfter([1, i])
        for (const id of wanted[i]!)
          assert.strictEqual(logProbOf(reading, wanted[i]!, id), exact[id]! - logSumExp(exact))
      })
      isSound(it)
    })
  )
})

describe("a prompt", () => {
  it.live("that is long is read in parts, and others take their steps in between", () =>
    Effect.gen(function* () {
      const it = world({}, { prefillChunk: 2 })
      yield* it.draw([1], [])
      const long = yield* forked(it.draw([1, 2, 3, 0, 1, 2, 3], [], { order: 1 }))
      let answer: ReadonlyArray<number> = []
      for (let i = 0; i < 6; i++) answer = [...answer, drawn(yield* it.draw([1], answer))]
      assert.strictEqual(drawn(yield* Fiber.join(long)), oracle([1, 2, 3, 0, 1, 2, 3]))
      const kinds = it.driver.steps.map(({ rows }) => rows[0]!.store).join(" ")
      assert.match(kinds, /prefix own (prefix own )+/)
      assert.isTrue(it.driver.steps.every(({ rows }) => rows[0]!.ids.length <= 2))
      isSound(it)
    })
  )

  it.live("begins as another one did: only the rest is read", () =>
    Effect.gen(function* () {
      const it = world()
      yield* it.draw([1, 2, 3, 0, 1], [])
      for (const prompt of [
        [1, 2, 3, 3, 3, 3],
        [1, 2],
        [1, 2, 3, 3, 3, 3, 1]
      ])
        assert.strictEqual(drawn(yield* it.draw(prompt, [])), oracle(prompt))
      // Of a prompt that was read to its end, the last token is read again for what follows it.
      assert.deepStrictEqual(it.driver.opened, [
        [5, 0],
        [6, 3],
        [2, 1],
        [7, 6]
      ])
      assert.deepStrictEqual(it.reads, [5, 3, 1, 1])
      isSound(it)
    })
  )
})

describe("rows", () => {
  it.live("are read no further than what is new, and what is known is given at once", () =>
    Effect.gen(function* () {
      const it = world()
      const keep = { sampling: undefined, labels: [1] }
      for (const answer of [[], [0], [0], [0, 2]]) yield* it.draw([1, 2, 3], answer, keep)
      assert.deepStrictEqual(it.reads, [3, 1, 1])
      isSound(it)
    })
  )

  it.live("are shared by drafts that are the same, and fork in the pass in which they differ", () =>
    Effect.gen(function* () {
      const it = world()
      yield* all([1, 2, 3].map(() => it.draw([1, 2], [3])))
      assert.deepStrictEqual([it.engine.stats().rows, it.reads], [1, [2, 1]])
      const next = [
        [3, 0],
        [3, 1],
        [3, 1],
        [3, 2]
      ]
      const found = yield* all(next.map((answer) => it.draw([1, 2], answer)))
      assert.deepStrictEqual(
        found.map(drawn),
        next.map((answer) => oracle([1, 2, ...answer]))
      )
      assert.deepStrictEqual(told(it), [[2], [1], [1, 1, 1]])
      assert.strictEqual(it.engine.stats().rows, 3)
      isSound(it)
    })
  )

  it.live("that are longer than a sibling's are left as they are", () =>
    Effect.gen(function* () {
      const it = world()
      yield* it.draw([1], [1, 2, 3])
      assert.strictEqual(drawn(yield* it.draw([1], [1, 2, 0])), oracle([1, 1, 2, 0]))
      assert.strictEqual(drawn(yield* it.draw([1], [1, 2])), oracle([1, 1, 2]))
      assert.strictEqual(drawn(yield* it.draw([1], [1, 2, 3, 0])), oracle([1, 1, 2, 3, 0]))
      assert.strictEqual(it.reads.at(-1), 1)
      isSound(it)
    })
  )

  it.live("are not left behind by questions, nor changed", () =>
    Effect.gen(function* () {
      const it = world()
      yield* it.draw([1, 2], [3])
      for (const ids of [[3, 1, 1, 1], [3, 1], [0, 0], [3]])
        yield* it.draw([1, 2], ids, { ...question, sampling: undefined })
      assert.strictEqual(it.engine.stats().rows, 1)
      assert.strictEqual(drawn(yield* it.draw([1, 2], [3, 0])), oracle([1, 2, 3, 0]))
      assert.strictEqual(it.reads.at(-1), 1)
      isSound(it)
    })
  )
})

describe("an interrupted request", () => {
  it.live("that still waits is never run", () =>
    Effect.gen(function* () {
      const it = world()
      yield* Fiber.interrupt(yield* forked(it.draw([1], [])))
      yield* Effect.sleep(10)
      assert.deepStrictEqual([it.driver.steps.length, it.engine.stats().waiting], [0, 0])
    })
  )

  it.live("that waits while another step is under way is never run, and is no waste", () =>
    Effect.gen(function* () {
      const it = world({ wait: 20 })
      let wasted = 0
      const other = yield* forked(it.draw([1], []))
      yield* Effect.timeoutOption(it.draw([2, 2, 2], [], { order: 1, onWaste: () => wasted++ }), 8)
      yield* Fiber.join(other)
      yield* Effect.sleep(30)
      assert.deepStrictEqual([it.driver.steps.length, wasted], [1, 0])
      isSound(it)
    })
  )

  it.live("whose step is under way is told as waste, once, and what was read is told too", () =>
    Effect.gen(function* () {
      const it = world({ wait: 20 })
      yield* it.draw([1], [])
      let wasted = 0
      const beside = yield* forked(it.draw([1], [2]))
      yield* Effect.timeoutOption(it.draw([1], [3], { onWaste: () => wasted++ }), 8)
      assert.strictEqual(drawn(yield* Fiber.join(beside)), oracle([1, 2]))
      yield* turns(2)
      assert.deepStrictEqual([wasted, it.reads], [1, [1, 1, 1]])
      isSound(it)
    })
  )
})

/** A driver that can end a step. */
class Ending extends Fake {
  ended = 0
  #end: ((cause: Error) => void) | undefined
  constructor(options: Options) {
    super(options)
    const { step } = this
    this.step = (asked) => Promise.race([step(asked), new Promise<never>((_, reject) => (this.#end = reject))])
  }
  cancel: NonNullable<Driver["cancel"]> = () => {
    this.ended++
    this.#end?.(new Error("ended"))
  }
}

describe("a step that can be ended", () => {
  it.live("is ended once nobody waits for it any more, and what it was to leave is read again", () =>
    Effect.gen(function* () {
      const driver = new Ending({ wait: 30 })
      const engine = Engine.make(config, driver)
      const ask = (answer: ReadonlyArray<number>) => engine.read(request([1, 2], answer, drawing))
      yield* ask([])
      const [one, two] = [yield* forked(ask([3])), yield* forked(ask([2]))]
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(one)
      assert.strictEqual(driver.ended, 0)
      yield* Fiber.interrupt(two)
      assert.strictEqual(driver.ended, 1)
      yield* Effect.sleep(40)
      assert.deepInclude(engine.stats(), { rows: 0, waiting: 0 })
      assert.strictEqual(drawn(yield* ask([3])), oracle([1, 2, 3]))
      assert.strictEqual(driver.ended, 1)
      assert.deepStrictEqual(driver.faults, [])
    })
  )

  it.live("goes on where only those left who waited for another one", () =>
    Effect.gen(function* () {
      const driver = new Ending({ wait: 30 })
      const engine = Engine.make(config, driver)
      const served = yield* forked(engine.read(request([1, 2], [], drawing)))
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(yield* forked(engine.read(request([3], [], { ...drawing, order: 1 }))))
      assert.strictEqual(drawn(yield* Fiber.join(served)), oracle([1, 2]))
      assert.strictEqual(driver.ended, 0)
    })
  )
})

describe("room that a driver cannot make", () => {
  it.live.each(["open", "fork"] as const)(
    "for what it is to %s fails those who asked, and the next one works",
    (what) =>
      Effect.gen(function* () {
        const it = world()
        const drafts = [
          [1, 2],
          [1, 3]
        ]
        if (what === "fork") yield* it.draw([1], [1])
        const make = it.driver[what]
        it.driver[what] = () => {
          throw new RangeError("Array buffer allocation failed")
        }
        const results = yield* all(drafts.map((answer) => Effect.result(it.draw([1], answer))))
        const reasons = results.map((result) => (result._tag === "Failure" ? result.failure.reason._tag : "none"))
        assert.include(reasons, "OutOfMemory")
        it.driver[what] = make as never
        for (const answer of drafts) assert.strictEqual(drawn(yield* it.draw([1], answer)), oracle([1, ...answer]))
        assert.strictEqual(it.engine.stats().waiting, 0)
      })
  )
})

describe("a failed step", () => {
  it.live("fails those who asked, by a typed error, and the next one works", () =>
    Effect.gen(function* () {
      const memory = new Error("Failed to allocate memory for requested buffer")
      const it = world({ fault: (_, count) => (count === 1 || count === 3 ? memory : undefined) })
      for (const answer of [[], [1]]) {
        const errors = yield* all([1, 2].map(() => Effect.flip(it.draw([1, 2], answer))))
        assert.deepStrictEqual(
          errors.map(({ reason }) => reason._tag),
          ["OutOfMemory", "OutOfMemory"]
        )
        yield* turns(2)
        // What the step may have left half done is nothing that is kept.
        assert.deepInclude(it.engine.stats(), { prompts: answer.length, rows: 0 })
        assert.strictEqual(drawn(yield* it.draw([1, 2], answer)), oracle([1, 2, ...answer]))
      }
      isSound(it)
    })
  )

  it.live("of a part of a prompt fails all who wait for it, and nobody else, and nothing is tried for ever", () =>
    Effect.gen(function* () {
      const it = world(
        { fault: ({ rows }) => (rows[0]!.prefixLength === 2 ? new Error("broken") : undefined) },
        { prefillChunk: 2 }
      )
      const waiting = all([[], [1], [2, 2]].map((answer) => Effect.flip(it.draw([1, 2, 3], answer))))
      const [errors, other] = yield* Effect.all([waiting, it.draw([3], [1])], { concurrency: 2 })
      assert.deepStrictEqual(
        errors.map(({ reason }) => reason._tag),
        ["InvalidRequest", "InvalidRequest", "InvalidRequest"]
      )
      assert.strictEqual(drawn(other), oracle([3, 1]))
      isSound(it)
    })
  )
})

describe("memory", () => {
  it.live.each([
    [4, 1],
    [2, 2]
  ] as const)("of numbers of %i bytes holds so many drafts: %i", ([numberBytes, drafts]) =>
    Effect.gen(function* () {
      const it = world({ numberBytes }, { cacheBytes: (2 + 3) * TOKEN + LOGITS })
      for (const first of [1, 2, 3]) yield* it.draw([1, 2], [first, 1, 1])
      assert.strictEqual(it.engine.stats().rows, drafts)
    })
  )

  it.live("of the longest paused gives way, is read again when it is wanted, and gives the same answers", () =>
    Effect.gen(function* () {
      const it = world({}, { cacheBytes: (2 + 2 * 3) * TOKEN + LOGITS })
      for (const answer of [
        [1, 1, 1],
        [2, 2, 2],
        [3, 3, 3]
      ])
        yield* it.draw([1, 2], answer)
      assert.strictEqual(it.engine.stats().rows, 2)
      assert.strictEqual(drawn(yield* it.draw([1, 2], [3, 3, 3, 0])), oracle([1, 2, 3, 3, 3, 0]))
      assert.strictEqual(it.reads.at(-1), 1)
      assert.strictEqual(drawn(yield* it.draw([1, 2], [1, 1, 1, 0])), oracle([1, 2, 1, 1, 1, 0]))
      assert.strictEqual(it.reads.at(-1), 4)
      assert.isAtMost(it.engine.stats().bytes, (2 + 2 * 3) * TOKEN + LOGITS)
      isSound(it)
    })
  )

  it.live("that does not do for all serves the oldest first, and all are served", () =>
    Effect.gen(function* () {
      const it = world({}, { cacheBytes: 6 * TOKEN })
      const done: Array<number> = []
      const one = Effect.fnUntraced(function* (prompt: ReadonlyArray<number>, order: number) {
        let answer: ReadonlyArray<number> = []
        for (let i = 0; i < 4; i++) answer = [...answer, drawn(yield* it.draw(prompt, answer, { order }))]
        done.push(order)
        return answer
      })
      const prompts = [
        [1, 2, 3],
        [2, 2, 3],
        [0, 2, 3],
        [3, 0]
      ]
      const found = yield* all(prompts.map((prompt, i) => one(prompt, 10 - i)))
      found.forEach((answer, i) =>
        answer.forEach((id, at) => assert.strictEqual(id, oracle([...prompts[i]!, ...answer.slice(0, at)])))
      )
      assert.deepStrictEqual(done, [7, 8, 9, 10])
      isSound(it)
    })
  )

  it.live.each([10, 16, 20, 24])(
    "of %d tokens does not do for two prompts: the younger waits, and nothing is read twice",
    (tokens) =>
      Effect.gen(function* () {
        const it = world({}, { cacheBytes: tokens * TOKEN })
        const one = Effect.fnUntraced(function* (first: number) {
          let answer: ReadonlyArray<number> = []
          const draw = () => it.draw([first, 1, 2, 3, 0, 1, 2, 3], answer, { order: first, expected: 8 })
          while (answer.length < 8) answer = [...answer, drawn(yield* draw())]
        })
        yield* all([0, 1, 2].map(one))
        assert.strictEqual(it.driver.read, 3 * (8 + 7))
        isSound(it)
      })
  )
})

const prompts = [[1, 2, 3, 0, 1, 1], [1, 2, 3, 3], [2], [1, 2, 3, 0, 1, 1, 2, 2, 2, 3]]
const samplings = [{}, { temperature: 0 }, { repetitionPenalty: 1.7 }, { topK: 2 }, { topP: 0.6 }]
const action = fc.record({
  type: fc.constantFrom("draw", "draw", "draw", "ask", "cut"),
  ids: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 3 }),
  turns: fc.nat({ max: 8 })
})
const asker = fc.record({
  prompt: fc.nat({ max: 3 }),
  seed: fc.nat({ max: 1 }),
  sampling: fc.constantFrom(...samplings),
  actions: fc.array(action, { minLength: 1, maxLength: 8 })
})
const settings = fc.record({
  cacheBytes: fc.oneof(fc.nat({ max: 40 * TOKEN }), fc.constant(1e6)),
  prefillChunk: fc.integer({ min: 1, max: 7 }),
  maxBatchTokens: fc.integer({ min: 1, max: 24 })
})
const abilities = fc.constantFrom<Abilities>(
  { graph: "rewritten", isRagged: true, appends: true },
  { graph: "plain", isRagged: true, appends: true },
  { graph: "plain", isRagged: false, appends: false }
)

/** What an asker gets is what a model alone with it would give. */
const life = Effect.fnUntraced(function* (
  it: ReturnType<typeof world>,
  one: typeof asker extends fc.Arbitrary<infer A> ? A : never,
  order: number
) {
  const prompt = prompts[one.prompt]!.slice()
  let answer: ReadonlyArray<number> = []
  let wasted = 0
  const onWaste = () => void wasted++
  for (const { ids, turns: count, type } of one.actions) {
    const u = uniform(one.seed, answer.length)
    const sampling = { temperature: 1, ...one.sampling, uniform: u }
    const seen = [...prompt, ...answer]
    const draw = Effect.retry(it.draw(prompt, answer, { order, sampling, onWaste }), { times: 6 })
    if (type === "ask") {
      const rest = { order, keep: false, labels: ids, sampling: undefined }
      const reading = yield* Effect.retry(it.draw(prompt, [...answer, ...ids], rest), { times: 6 })
      const exact = logitsAfter([...seen, ...ids])
      for (const id of ids) assert.closeTo(logProbOf(reading, ids, id), exact[id]! - logSumExp(exact), 1e-12)
    } else if (type === "cut") {
      const fiber = yield* forked(draw)
      yield* turns(count)
      yield* Fiber.interrupt(fiber)
      assert.isAtMost(wasted, 1)
      wasted = 0
    } else {
      const { id, logProb } = choose(yield* draw, u, () => seen, [], sampling)
      const exact = logitsAfter(seen)
      assert.strictEqual(id, pick(distribution(exact, seen, sampling), u))
      assert.closeTo(logProb, exact[id]! - logSumExp(exact), 1e-12)
      answer = [...answer, id]
    }
    assert.strictEqual(wasted, 0)
  }
})

it(
  "whoever asks, is interrupted or fails beside it, and whatever room there is, an asker gets its own answer",
  { timeout: 60_000 },
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(asker, { minLength: 1, maxLength: 6 }),
        settings,
        abilities,
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 5 }),
        async (askers, settings, abilities, broken) => {
          const fault = (_: Step, count: number) => (broken.includes(count) ? new Error("broken") : undefined)
          const it = world({ ...abilities, fault }, settings)
          const lives = all(askers.map((one, i) => life(it, one, i)))
          await Effect.runPromise(Effect.timeout(Effect.andThen(lives, turns(20)), "5 seconds"))
          isSound(it)
          assert.isAtMost(it.engine.stats().bytes, settings.cacheBytes)
          assert.strictEqual(
            it.reads.reduce((a, b) => a + b, 0),
            it.driver.read
          )
        }
      ),
      { numRuns: 150 }
    )
)
