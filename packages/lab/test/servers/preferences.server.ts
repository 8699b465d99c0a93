import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Cluster from "@mulligan/lab/preferences/Cluster"
import * as Preferences from "@mulligan/lab/preferences/Preferences"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort } from "../../../../scripts/servers/Child.ts"
import { find, type Running, start } from "../../../../scripts/servers/Postgres.ts"
import { candidates } from "../../src/preferences/internal/draft.ts"
import * as Settings from "../../src/preferences/Settings.ts"
import { temporaryFolder } from "../preferences/harness.ts"
import { options, quiet, script, writePrompts } from "../preferences/job.ts"
import { database, sharding } from "../preferences/cluster.ts"

const found = await find()
const skipped = "skipped" in found ? found.skipped : undefined

const child = fileURLToPath(new URL("../preferences/workerChild.ts", import.meta.url))

interface Worker {
  readonly process: ChildProcess
  readonly log: string
}

const startWorker = (url: string, log: string) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Worker> => {
      const args = [child, String(await freePort()), log, "150"]
      const env = { ...process.env, DATABASE: url }
      return { process: spawn(process.execPath, args, { stdio: "inherit", env }), log }
    }),
    ({ process }) =>
      Effect.promise(async () => {
        if (process.exitCode !== null || process.signalCode !== null) return
        const ended = once(process, "exit")
        process.kill("SIGKILL")
        await ended
      })
  )

const linesOf = ({ log }: Worker) => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : [])
const judgedBy = (worker: Worker) => linesOf(worker).filter((line) => line.startsWith("r ")).length
/** The seeds of the drafts that were begun. */
const begunBy = (worker: Worker) =>
  linesOf(worker).flatMap((line) => {
    const [, seed] = /^t \w+ (\d+) 0$/.exec(line) ?? []
    return seed === undefined ? [] : [Number(seed)]
  })

/** One in the middle of its drafts, once all have judged some. */
const oneAtWork = (workers: ReadonlyArray<Worker>) =>
  Effect.gen(function* () {
    while (true) {
      assert.isTrue(workers.every(({ process }) => process.exitCode === null))
      const busy = workers.find((worker) => begunBy(worker).length > judgedBy(worker))
      if (busy !== undefined && workers.every((worker) => judgedBy(worker) > 0)) return busy
      yield* Effect.sleep(20)
    }
  }).pipe(Effect.timeout("2 minutes"))

/** Each prompt in three wordings, which are nearly the same. */
const jobIn = (folder: string) => ({
  ...options(folder, writePrompts(folder, ["", " at sea", " by night"])),
  duplicates: { threshold: 2 },
  drafts: 5
})

/** The seeds of the drafts that are stored. */
const storedSeeds = Effect.gen(function* () {
  const sql = yield* SqlClient
  const [job] = yield* sql<{ settings: string }>`SELECT settings FROM mulligan_jobs`
  const rows = yield* sql<{ prompt: string; id: number }>`SELECT p.prompt, d.id FROM mulligan_drafts d
    JOIN mulligan_prompts p ON p.job = d.job AND p.id = d.prompt`
  return yield* Effect.forEach(rows, ({ id, prompt }) =>
    Effect.map(candidates(JSON.parse(prompt), Settings.decode(job!.settings), 5), (all) => all[id]!.seed)
  )
})

describe.skipIf(skipped !== undefined)(`A job of several workers on PostgreSQL (${skipped ?? "here"})`, () => {
  let server: Running
  let url: string
  beforeAll(async () => {
    if ("skipped" in found) return
    server = await start(found)
    url = `postgres://${server.user}:${server.password}@${server.host}:${server.port}/${server.database}`
  })
  afterAll(() => server?.stop())

  it.live("loses nothing when one is killed, draws no stored draft again, and writes what one machine writes", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const workers = yield* Effect.forEach([1, 2, 3], (i) => startWorker(url, join(folder, `worker-${i}`)))
      const own = Layer.provideMerge(Cluster.layer({ sharding }), database(url))
      const { drafts, ...job } = jobIn(folder)
      const together = Cluster.run({ ...job, drafts, reward: job.reward.name, inFlight: 24 })
      const begin = Effect.forkScoped(quiet(Effect.provide(together, own)))
      const first = yield* begin

      const victim = yield* oneAtWork(workers)
      victim.process.kill("SIGKILL")
      const others = workers.filter((worker) => worker !== victim)
      const stored = new Set(yield* Effect.provide(storedSeeds, database(url)))
      assert.isBelow(stored.size, 180)
      const kept = begunBy(victim).filter((seed) => stored.has(seed))
      assert.isAbove(begunBy(victim).length, kept.length)
      // Whoever gives the work out may go and come back, too.
      yield* Fiber.interrupt(first)
      const { file, usage } = yield* Effect.flatMap(begin, Fiber.join)

      const again = others.flatMap(begunBy).filter((seed) => kept.includes(seed))
      assert.deepStrictEqual(again, [])
      // All that the victim had begun and not stored was drawn again, and nothing else.
      const begun = workers.flatMap(begunBy)
      assert.strictEqual(new Set(begun).size, 180)
      assert.isAtMost(begun.length, 180 + 5)

      const alone = join(folder, "alone")
      mkdirSync(alone)
      const same = yield* quiet(Effect.provide(Preferences.run(jobIn(alone)), ScriptedBackend.layer(script())))
      assert.strictEqual(readFileSync(file, "utf8"), readFileSync(same.file, "utf8"))
      assert.deepStrictEqual(usage, same.usage)
    }).pipe(Effect.scoped)
  )
})
