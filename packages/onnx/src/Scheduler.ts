/**
 * The scheduler: who is served by which forward pass, and what is kept of it.
 */
import * as Effect from "effect/Effect"
import * as Batches from "./Batches.ts"
import type { Driver, Handle, Reading, Step, StepRow } from "./Driver.ts"
import type { Engine, EngineOptions } from "./Engine.ts"
import { fromRun } from "./internal/errors.ts"
import { KvCache, type Prefix, type Row } from "./KvCache.ts"
import type { ModelConfig } from "./ModelConfig.ts"
import { growthOf, type Job } from "./Request.ts"
import * as Slots from "./Slots.ts"

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A row as the driver takes it, with the place that keeps it, and handles that are only for this step. */
interface Seated {
  readonly row: StepRow
  readonly kept: Row | undefined
  readonly passing: ReadonlyArray<Handle>
}

export class Scheduler implements Engine {
  readonly #driver: Driver
  readonly #cache: KvCache
  readonly #chunk: number
  readonly #maxBatchTokens: number
  readonly #queue = new Set<Job>()
  /** Who waits for the step under way. */
  readonly #underWay = new Set<Job>()
  #isRunning = false
  #steps = 0
  #runTime = 0
  #ownTime = 0

  constructor(config: ModelConfig, driver: Driver, options: EngineOptions) {
    const { cacheBytes = 512 * 2 ** 20, maxBatchTokens = 4096, prefillChunk = 256 } = options
    const { numberBytes = 4 } = driver.abilities
    const perToken = 2 * config.layers * config.kvHeads * config.headDim * numberBytes
    this.#driver = driver
    this.#cache = new KvCache(cacheBytes, perToken, config.vocabulary * 4)
    this.#chunk = prefillChunk
    this.#maxBatchTokens = maxBatchTokens
  }

  stats: Engine["stats"] = () => ({
    steps: this.#steps,
    waiting: this.#queue.size,
    rows: this.#cache.rows,
    prompts: this.#cache.prefixes,
    bytes: this.#cache.bytes,
    runTime: this.#runTime,
    ownTime: this.#ownTime
  })

  read: Engine["read"] = (request) =>
    Effect.callback((resume) => {
      const job: Job = { ...request, resume }
      if (this.#answered(job)) return
      this.#queue.add(job)
      if (!this.#isRunning) void this.#loop()
      return Effect.sync(() => this.#left(job))
    })

  #left(job: Job): void {
    if (!this.#queue.delete(job)) job.onWaste?.()
    if (this.#underWay.delete(job) && this.#underWay.size === 0) this.#driver.cancel?.()
  }

  /** Fibers that are about to ask get their turn before the step: they belong into the same forward pass. */
  async #gathered(): Promise<void> {
    for (let seen = -1; seen !== this.#queue.size;) {
      seen = this.#queue.size
      await turn()
    }
  }

  async #loop(): Promise<void> {
    this.#isRunning = true
    await this.#gathered()
    while (this.#queue.size > 0) {
      const unread = this.#sorted().find((job) => !this.#answered(job) && !this.#isRead(job))
      if (unread !== undefined) await this.#prefill(unread)
      for (const batch of this.#batches()) await this.#serve(batch)
      await this.#gathered()
    }
    this.#room(0, new Set())
    this.#isRunning = false
  }

  #sorted(): ReadonlyArray<Job> {
    return [...this.#queue].toSorted((a, b) => a.order - b.order)
  }

  /** The forward passes that serve those whose prompt was read. */
  #batches(): ReadonlyArray<ReadonlyArray<Batches.Planned>> {
    const begun = performance.now()
    const jobs = this.#sorted().filter((job) => this.#isRead(job) && !this.#answered(job))
    const { appends, graph, isRagged } = this.#driver.abilities
    const limits = { maxTokens: this.#maxBatchTokens, isRagged, appends, isGrouped: graph === "rewritten" }
    const batches = Batches.of(Batches.plan(jobs, this.#cache), this.#cache, limits)
    this.#ownTime += performance.now() - begun
    return batches
  }

  /** Whether the prompt of a job was read to its end. */
  #isRead({ prompt }: Job): boolean {
    const prefix = this.#cache.prefix(prompt)
    return prefix !== undefined && prefix.read === prompt.length
  }

  /** Whether what is asked is known already; somebody may have asked for the same a step ago. */
  #answered(job: Job): boolean {
    const prefix = this.#cache.prefix(job.prompt)
    if (prefix === undefined || prefix.read < job.prompt.length) return false
    const { answer } = job
    const found = answer.length === 0 ? undefined : this.#cache.row(prefix, answer)
    const isWhole = found?.length === answer.length && found.row.ids.length === answer.length
    const logits = answer.length === 0 ? prefix.logits : isWhole ? found.row.logits : undefined
    if (logits === undefined) return false
    this.#queue.delete(job)
    job.resume(Effect.succeed({ logits }))
    return true
  }

  #room(tokens: number, used: ReadonlySet<Prefix | Row>): void {
    const freed = this.#cache.makeRoom(this.#cache.cost(tokens), (one) => used.has(one))
    if (freed.length > 0) this.#driver.drop(freed)
  }

  /** A prompt in the cache, and what the driver must do before it is read; undefined where older drafts need the memory. */
  #opened({ order, prompt: ids }: Job): readonly [prefix: Prefix, begin: () => void] | undefined {
    const known = this.#cache.prefix(ids)
    if (known !== undefined) return [known, () => {}]
    const like = this.#cache.alike(ids)
    const older = [...this.#queue].filter((job) => job.order < order)
    const used = this.#used(older)
    if (like !== undefined) used.add(like.prefix)
    this.#room(ids.length, used)
    if (older.length > 0 && !this.#cache.fits(ids.length + growthOf(older))) return undefined
    const prefix = this.#cache.addPrefix(ids)
    // The last token is read in any case, for what follows it.
    const length = Math.min(like?.length ?? 0, ids.length - 1)
    prefix.read = length
    const from = like === undefined || length === 0 ? undefined : { prefix: like.prefix.handle, length }
    return [prefix, () => this.#driver.open(prefix.handle, ids.length, from)]
  }

  /** What these have in the cache. */
  #used(jobs: ReadonlyArray<Job>): Set<Prefix | Row> {
    const used = new Set<Prefix | Row>()
    for (const { answer, prompt } of jobs) {
      const prefix = this.#cache.prefix(prompt)
      if (prefix === undefined) continue
      used.add(prefix)
      const found = this.#cache.row(prefix, answer)
      if (found !== undefined) used.add(found.row)
    }
    return used
  }

  /** Reads the next tokens of a prompt; with the last of them, all who ask what follows it are served. */
  async #prefill(job: Job): Promise<void> {
    const { prompt } = job
    const opened = this.#opened(job)
    if (opened === undefined) return
    const [prefix, begin] = opened
    const asking = [...this.#queue].filter((one) => this.#cache.prefix(one.prompt) === prefix)
    const ids = prompt.slice(prefix.read, prefix.read + this.#chunk)
    const isLast = prefix.read + ids.length === prompt.length
    const jobs = isLast ? asking.filter((one) => one.answer.length === 0 && this.#queue.delete(one)) : []
    const { handle, read: prefixLength } = prefix
    const row = { prefix: handle, prefixLength, own: 0, ownLength: 0, ids, store: "prefix", expected: 0 } as const
    const slots = isLast ? Slots.of([jobs], true) : Slots.none
    const step = () => {
      begin()
      return { rows: [row], slots: slots.all, labels: slots.labels }
    }
    const readings = await this.#step(step, asking)
    if (readings === undefined) return this.#lost([prefix])
    asking[0]!.onRead(ids.length)
    prefix.read += ids.length
    prefix.logits = readings.find((reading) => reading.logits !== undefined)?.logits
    this.#settle(jobs, slots.places[0] ?? [], readings, slots)
  }

  /** Runs a step; where it fails, those who asked are told, and nothing is given. */
  async #step(make: () => Step, jobs: ReadonlyArray<Job>): Promise<ReadonlyArray<Reading> | undefined> {
    this.#steps++
    for (const job of jobs) this.#underWay.add(job)
    try {
      const { readings, timing } = await this.#driver.step(make())
      this.#runTime += timing.run
      this.#ownTime += timing.own
      return readings
    } catch (cause) {
      this.#failed(jobs, cause)
      return undefined
    } finally {
      this.#underWay.clear()
    }
  }

  #failed(jobs: ReadonlyArray<Job>, cause: unknown): void {
    for (const job of jobs) {
      this.#queue.delete(job)
      job.resume(Effect.fail(fromRun(cause)))
    }
  }

  /** What a failed step may have left half done is read again. */
  #lost(all: ReadonlyArray<Prefix | Row>): void {
    this.#driver.drop(all.flatMap((one) => this.#cache.forget(one)))
  }

  /**
   * The rows without those who left while they waited for their step; from here on they can only waste it. A row that had
   * to give way to another one since it was planned is planned anew.
   */
  #begun(rows: ReadonlyArray<Batches.Planned>): ReadonlyArray<Batches.Planned> {
    return rows.flatMap((row) => {
      if (!this.#cache.has(row.row ?? row.prefix)) return []
      const jobs = row.jobs.filter((job) => this.#queue.delete(job))
      return jobs.length === 0 ? [] : [{ ...row, jobs }]
    })
  }

  async #serve(planned: ReadonlyArray<Batches.Planned>): Promise<void> {
    const begun = performance.now()
    const rows = this.#begun(planned)
    if (rows.length === 0) return
    const used = new Set(rows.flatMap(({ prefix, row }) => (row === undefined ? [prefix] : [prefix, row])))
    this.#room(
      rows.reduce((sum, row) => sum + (row.store === "own" ? row.ids.length - row.known : 0), 0),
      used
    )
    const seated: Array<Seated> = []
    const slots = Slots.of(rows.map(({ jobs }) => jobs))
    const step = () => {
      for (const row of rows) seated.push(this.#seated(row))
      this.#ownTime += performance.now() - begun
      return { rows: seated.map(({ row }) => row), slots: slots.all, labels: slots.labels }
    }
    const jobs = rows.flatMap((row) => row.jobs)
    const readings = await this.#step(step, jobs)
    this.#driver.drop(seated.flatMap(({ passing }) => passing))
    if (readings === undefined) return this.#lost(seated.flatMap(({ kept }) => (kept === undefined ? [] : [kept])))
    rows.forEach((row, i) => {
      const { kept } = seated[i]!
      const places = slots.places[i]!
      if (kept !== undefined) {
        kept.ids = row.ids
        kept.logits = places.map((at) => readings[at]!.logits).find((logits) => logits !== undefined)
      }
      row.jobs[0]!.onRead(row.ids.length - row.known)
      this.#settle(row.jobs, places, readings, slots)
    })
  }

  #seated(planned: Batches.Planned): Seated {
    const { ids, isForked, jobs, known, prefix, row: found, store } = planned
    const isNew = found === undefined || isForked
    const kept = store === "nowhere" ? undefined : isNew ? this.#cache.addRow(prefix) : found
    const own = kept?.handle ?? (isNew ? this.#cache.handle() : found.handle)
    if (isForked && found !== undefined) this.#driver.fork(found.handle, own, known)
    const expected = Math.max(0, ...jobs.map((job) => job.expected ?? 0))
    const row = {
      prefix: prefix.handle,
      prefixLength: prefix.ids.length,
      own,
      ownLength: known,
      ids: ids.slice(known),
      store,
      expected
    }
    return { row, kept, passing: kept === undefined && isNew ? [own] : [] }
  }

  #settle(
    jobs: ReadonlyArray<Job>,
    places: ReadonlyArray<number>,
    readings: ReadonlyArray<Reading>,
    { labels }: Slots.Slots
  ): void {
    jobs.forEach((job, i) => job.resume(Effect.succeed(Slots.answerTo(job, readings[places[i]!]!, labels))))
  }
}
