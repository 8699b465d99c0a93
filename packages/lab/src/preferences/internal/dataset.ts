import * as Effect from "effect/Effect"
import { mkdir, open, rename } from "node:fs/promises"
import { join } from "node:path"
import * as Question from "@mulligan/self-evaluator/Question"
import * as Usage from "@mulligan/core/Usage"
import * as Balance from "../Balance.ts"
import type * as PersonalData from "../PersonalData.ts"
import { nothingLeft, type PreferencesError } from "../PreferencesError.ts"
import * as Row from "../Row.ts"
import type { Judged, Prompt, Store } from "../Store.ts"
import { keyOf } from "../../internal/keyOf.ts"
import { attempt } from "./errors.ts"
import { uniform } from "./uniform.ts"

export const FILE = "preferences.jsonl"

export interface Plan extends Row.Options {
  readonly drafts: number
  readonly reward: string
  readonly seed: number
  readonly balance: Balance.Asked
  readonly personalData: ReadonlyArray<PersonalData.Kind> | undefined
}

/** What is in a data set. */
export interface Written {
  readonly rows: number
  readonly prompts: number
  /** Rows of each bin of targets (of width 0.1, the last with 1), and the weight they have together. */
  readonly targets: ReadonlyArray<{ readonly rows: number; readonly weight: number }>
  readonly truncated: number
  /** Drafts that gave no rows, by their reason; prompts that were refused, by theirs. */
  readonly left: Readonly<Record<string, number>>
  /** Of all drafts, those of earlier calls and other workers included. */
  readonly usage: Usage.Usage
}

interface Finding {
  readonly id: number
  readonly prompt: Prompt
  readonly drafts: ReadonlyArray<Judged>
  readonly sketches: ReadonlyArray<Row.Sketch>
}

/** Each judged prompt in its order; the same again whenever it is asked. */
const each = (
  store: Store,
  plan: Plan,
  onPersonal: (kind: string) => void,
  use: (finding: Finding) => Effect.Effect<void, PreferencesError>
) =>
  Effect.gen(function* () {
    const count = yield* store.count
    const refused = yield* store.refused
    for (let id = 0; id < count; id++) {
      if (refused.has(id)) continue
      const prompt = yield* store.prompt(id)
      const drafts = yield* store.drafts(id, plan.drafts, plan.reward)
      const key = [plan.seed, "cut", keyOf(prompt.messages)]
      yield* use({ id, prompt, drafts, sketches: Row.ofPrompt(drafts, plan, key, plan.personalData, onPersonal) })
    }
  })

const add = (counts: Record<string, number>, name: string) => void (counts[name] = (counts[name] ?? 0) + 1)

/** What decides of every row, which fits in memory where the rows may not. */
const survey = (store: Store, plan: Plan) =>
  Effect.gen(function* () {
    const rows: Array<Balance.Row> = []
    const left: Record<string, number> = {}
    const meter = new Usage.Meter()
    for (const reason of (yield* store.refused).values()) add(left, `prompts: ${reason}`)
    const onPersonal = (kind: string) => add(left, `drafts: personal data: ${kind}`)
    yield* each(store, plan, onPersonal, ({ drafts, prompt, sketches }) =>
      Effect.sync(() => {
        for (const { usage } of drafts) charge(meter, usage)
        const key = keyOf(prompt.messages)
        for (const { draft, target, tokens, truncated } of sketches)
          rows.push({ target, truncated, order: uniform(plan.seed, "balance", key, draft, tokens) })
      })
    )
    return { rows, left, usage: meter.usage }
  })

const charge = (meter: Usage.Meter, { cancelledTokens: _, ...counts }: Usage.Usage) => {
  for (const [name, count] of Object.entries(counts)) meter.add(name as Usage.Counter, count)
}

const describe = (rows: ReadonlyArray<Balance.Row>, weights: Float64Array) => {
  const targets = Array.from({ length: 10 }, () => ({ rows: 0, weight: 0 }))
  const kept = rows.filter((_, i) => weights[i]! > 0)
  rows.forEach(({ target }, i) => {
    const bin = targets[Math.min(9, Math.floor(target * 10))]!
    if (weights[i]! > 0) bin.rows++
    bin.weight += weights[i]!
  })
  return { rows: kept.length, targets, truncated: kept.filter(({ truncated }) => truncated).length }
}

/** The file's handle while it is written beside its place; it is moved there at the end. */
const written = <A, E>(
  file: string,
  use: (write: (text: string) => Effect.Effect<void, PreferencesError>) => Effect.Effect<A, E>
) =>
  Effect.acquireUseRelease(
    attempt(file, () => open(`${file}.partial`, "w")),
    (handle) => use((text) => attempt(file, () => handle.appendFile(text))),
    (handle) => Effect.promise(() => handle.close())
  ).pipe(Effect.tap(() => attempt(file, () => rename(`${file}.partial`, file))))

/** Writes the rows in the order of the prompts, whatever the order they were drawn in. */
export const write = (store: Store, plan: Plan, folder: string): Effect.Effect<Written, PreferencesError> =>
  Effect.gen(function* () {
    const { left, rows, usage } = yield* survey(store, plan)
    const weights = Balance.weights(rows, plan.balance)
    const described = describe(rows, weights)
    if (described.rows === 0) {
      const problem = `No row is left to write of ${rows.length} (${JSON.stringify(left)}).`
      return yield* nothingLeft({ problem, advice: "Ask for less by `filter` or `balance`, or draw of more prompts." })
    }
    yield* attempt(folder, () => mkdir(folder, { recursive: true }))
    const { question = Question.paper } = plan
    let at = 0
    let prompts = 0
    yield* written(join(folder, FILE), (write) =>
      each(
        store,
        plan,
        () => {},
        ({ prompt, sketches }) => {
          const own = sketches.map((sketch) => ({ sketch, weight: weights[at++]! })).filter(({ weight }) => weight > 0)
          if (own.length > 0) prompts++
          return write(
            own.map(({ sketch, weight }) => `${JSON.stringify(Row.of(prompt, sketch, question, weight))}\n`).join("")
          )
        }
      )
    )
    return { ...described, prompts, left, usage }
  })
