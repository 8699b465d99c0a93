import { assert, describe, it } from "@effect/vitest"
import { type Candidate } from "@mulligan/core"
import { Recording } from "@mulligan/lab"
import * as Effect from "effect/Effect"
import { build } from "esbuild"
import { type ChildProcess, fork, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { record } from "./harness.ts"
import { plan, script } from "./killedPlan.ts"

const KILLS = 50
/** Milliseconds; an undisturbed recording takes some hundred. */
const LONGEST_LIFE = 250

interface World {
  readonly child: string
  readonly file: string
  readonly log: string
}

/** In one file it starts three times as fast. */
const bundled = async (folder: string): Promise<string> => {
  const outfile = join(folder, "child.mjs")
  const entryPoints = [join(import.meta.dirname, "killedChild.ts")]
  await build({ entryPoints, outfile, bundle: true, platform: "node", format: "esm", logLevel: "error" })
  return outfile
}

/** Lets a child record until it is done or the time is up; true: it was killed. */
const lived = async ({ child: path, file, log }: World, life: number): Promise<boolean> => {
  const child = fork(path, [file, log], { execArgv: [] })
  const ended = onExit(child)
  child.once("message", () => setTimeout(() => child.kill("SIGKILL"), life))
  const { code, signal } = await ended
  assert.isTrue(code === 0 || signal === "SIGKILL", `the child ended with ${code} ${signal}`)
  return signal === "SIGKILL"
}

/** How a child ends; rejects where it cannot be started. */
const onExit = (child: ChildProcess) =>
  new Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once("error", reject)
    child.once("exit", (code, signal) => resolve({ code, signal }))
  })

const wordsOf = (tokens: Candidate.Candidate["tokens"]) => tokens.map(({ id }) => id).join(".")

/** What the file holds, in the words of the child's log. */
const held = async (file: string): Promise<ReadonlyArray<string>> => {
  if (!existsSync(file)) return []
  const { problems } = await Effect.runPromise(Recording.read(file))
  return problems.flatMap(({ drafts, prompt }) =>
    drafts.flatMap(({ readings, seed, temperature, tokens }) => [
      ...tokens.map((_, position) => `t ${String(prompt)} ${temperature} ${seed} ${position}`),
      ...readings.map(
        ({ after, question }) => `r ${String(prompt)} ${question.labels.join("")} ${wordsOf(tokens.slice(0, after))}`
      )
    ])
  )
}

const linesOf = (log: string) => (existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : [])

/** Time passes otherwise, and prompts are read again to go on. */
const timeless = ({ problems, ...rest }: Recording.Recording) => ({
  ...rest,
  problems: problems.map((problem) => ({
    ...problem,
    drafts: problem.drafts.map(({ promptTokens: _, readings, seconds: __, ...draft }) => ({
      ...draft,
      readings: readings.map(({ seconds: ___, ...reading }) => reading)
    }))
  }))
})

/** Killed again and again until it is done, and looked at each time; gives how often it was killed. */
const tried = async (world: World, killsLeft: number): Promise<number> => {
  let kills = 0
  for (;;) {
    const before = new Set(await held(world.file))
    const begun = linesOf(world.log).length
    const isKilled = await lived(world, kills < killsLeft ? Math.random() * LONGEST_LIFE : 60_000)
    const again = linesOf(world.log)
      .slice(begun)
      .filter((line) => before.has(line))
    assert.deepStrictEqual(again, [], "drawn or asked again")
    const after = new Set(await held(world.file))
    assert.deepStrictEqual(
      [...before].filter((line) => !after.has(line)),
      [],
      "lost"
    )
    if (!isKilled) return kills
    kills++
  }
}

/** In a folder of its own, with the child in it. */
const inFolder = (body: (folder: string, child: string) => Promise<void>) =>
  Effect.promise(async () => {
    const folder = mkdtempSync(join(tmpdir(), "mulligan-killed-"))
    try {
      await body(folder, await bundled(folder))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

const undisturbed = (folder: string) =>
  Effect.runPromise(
    Effect.map(
      record(
        join(folder, "undisturbed"),
        plan,
        script(() => {}, undefined)
      ),
      (one) => timeless(one.recording)
    )
  )

describe("a recording", () => {
  it.live("that is killed at 50 random points loses and repeats nothing, and ends as one that is not", () =>
    inFolder(async (folder, child) => {
      const expected = await undisturbed(folder)
      for (let kills = 0, round = 0; kills < KILLS; round++) {
        const world = { child, file: join(folder, `${round}`), log: join(folder, `${round}.log`) }
        kills += await tried(world, KILLS - kills)
        assert.deepStrictEqual(timeless(await Effect.runPromise(Recording.read(world.file))), expected)
      }
    })
  )

  it.live.skipIf(process.platform === "win32")("whose disk is full ends with what was flushed, and goes on later", () =>
    inFolder(async (folder, child) => {
      const expected = await undisturbed(folder)
      const world = { child, file: join(folder, "full"), log: join(folder, "full.log") }
      // No file may grow beyond 8 blocks; a write that would is cut there, and the next one fails.
      const limited = 'trap "" XFSZ; ulimit -f 8; exec "$0" "$@"'
      const { status, stderr } = spawnSync("sh", ["-c", limited, process.execPath, child, world.file, "/dev/null"])
      assert.strictEqual(status, 1)
      assert.match(stderr.toString(), /could not be read or written \(EFBIG\)/)
      assert.isAbove((await held(world.file)).length, 10)
      await tried(world, 0)
      assert.deepStrictEqual(timeless(await Effect.runPromise(Recording.read(world.file))), expected)
    })
  )
})
