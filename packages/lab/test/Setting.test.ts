import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type { Backend, Candidate } from "@mulligan/core"
import { Policy, Setting, Spaces } from "@mulligan/lab"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { count, plan, script } from "./evaluated.ts"
import { onScript, recorded, replayed } from "./harness.ts"

const here = import.meta.dirname
/** Within the package, where its dependencies are found. */
const printed = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(here, ".printed-"))
    settings.forEach((setting, i) => writeFileSync(join(folder, `s${i}.ts`), Setting.toTypeScript(setting)))
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

const measures = { confidence: 5, certainty: true }
const families = Object.entries(Spaces.all({ count, cuts: [2, 3], annealed: true, maxTokens: 6, measures }))
/** One of each family, and of ours the last too: rounds, annealing, cuts. */
const settings = families.flatMap(([, all]) => [all[0]!, all.at(-1)!])

const answer: Setting.Answer = (c) => c.tokens[0]?.text

type Strategy = (
  prompt: string,
  ...rest: ReadonlyArray<unknown>
) => Effect.Effect<Candidate.Candidate, unknown, Backend.Backend>

describe("Setting.toTypeScript", () => {
  it.live("prints strategies that type-check as they are", () =>
    Effect.gen(function* () {
      const folder = yield* printed
      const files = settings.map((_, i) => `s${i}.ts`)
      const config = { extends: "../../../../tsconfig.check.json", files }
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ ...config, include: [] }))
      const tsc = join(here, "../../../node_modules/typescript/bin/tsc")
      const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" })
      assert.strictEqual(status, 0, stdout)
    })
  )

  it.live("prints what chooses as the policy does that was tuned", () =>
    Effect.gen(function* () {
      const folder = yield* printed
      const recording = yield* recorded({ ...plan, ...measures, prompts: plan.prompts.slice(0, 4) }, script)
      for (const [i, setting] of settings.entries()) {
        const file = pathToFileURL(join(folder, `s${i}.ts`)).href
        const { strategy } = yield* Effect.promise(() => import(file) as Promise<{ readonly strategy: Strategy }>)
        const needsAnswer = Setting.toTypeScript(setting).includes("answer: Stopping.Answer")
        for (const { prompt, seed } of recording.problems) {
          const own = strategy(String(prompt), ...(needsAnswer ? [answer, seed] : [seed]))
          const tuned = Policy.run(Setting.toPolicy(setting, answer), prompt, { seed })
          const runs = [own, tuned].map(Effect.result)
          const [a, b] = runs.map((run) => replayed(run, recording))
          assert.deepStrictEqual(yield* a!, yield* b!)
          // A recording tells what was not asked for, too; the backend that was recorded does not.
          const drawn = yield* Effect.forEach(runs, (run) => onScript(run, script))
          for (const result of drawn) if (Result.isFailure(result)) assert.notMatch(String(result.failure), /tells no/)
        }
      }
    })
  )
})
