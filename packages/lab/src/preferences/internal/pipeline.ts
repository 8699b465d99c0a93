import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Question from "@mulligan/self-evaluator/Question"
import * as Balance from "../Balance.ts"
import * as DataCard from "../DataCard.ts"
import { nothingLeft, type PreferencesError } from "../PreferencesError.ts"
import type * as Row from "../Row.ts"
import * as Settings from "../Settings.ts"
import * as Store from "../Store.ts"
import { FILE, write, type Written } from "./dataset.ts"
import { attempt } from "./errors.ts"
import { prepare } from "./prepare.ts"
import type { Failure } from "./work.ts"

/** Told as rows are read and prompts are done; whoever is told must return at once. */
export interface Progress {
  /** Rows of the sources; 0 where an earlier call has read them. */
  readonly read: number
  /** Prompts whose drafts are all judged, or that were refused; those from before count. */
  readonly prompts: number
  /** 0 while sources are read. */
  readonly ofPrompts: number
}

/** What a job is, whoever works on it. */
export interface JobOptions extends Settings.PromptOptions, Settings.DrawOptions, Row.Options {
  /** Where the data, their card and, with `run`, the job's own file go. */
  readonly folder: string
  /** The job's name in its database. Default "preferences". */
  readonly job?: string | undefined
  /** Drafts of each prompt, from 2. Default 8. */
  readonly drafts?: number | undefined
  /** What of each kind there should be; left out: as it comes. */
  readonly balance?: Balance.Asked | undefined
  /** How often a failure of the backend that may pass is tried again; 0 is off. Default 10: about a minute. */
  readonly retries?: number | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface Summary extends Written {
  readonly file: string
  readonly card: string
  readonly reading: Store.Reading
}

const isWhole = (least: number, value: number) => Number.isInteger(value) && value >= least

/** Throws a `RangeError` for what cannot be meant. */
export const withDefaults = (options: JobOptions, concurrency: number) => {
  const { balance = {}, drafts = 8, job = "preferences", margin = 0, retries = 10, truncations = 1 } = options
  const wholes = { concurrency, drafts, retries, truncations, turns: options.turns ?? 1, prompts: options.prompts ?? 1 }
  const least = { concurrency: 1, drafts: 2, retries: 0, truncations: 0, turns: 1, prompts: 1 }
  for (const [name, value] of Object.entries(wholes)) {
    const from = least[name as keyof typeof least]
    if (!isWhole(from, value)) throw new RangeError(`${name} is ${value}; it must be a whole number from ${from}.`)
  }
  if (!(margin >= 0)) throw new RangeError(`margin is ${margin}; it must be 0 or more.`)
  if (options.sources.length === 0) throw new RangeError("sources is empty; name a file of prompts.")
  Balance.check(balance)
  return {
    balance,
    concurrency,
    drafts,
    job,
    margin,
    retries,
    truncations,
    question: options.question ?? Question.paper
  }
}

export type Known = ReturnType<typeof withDefaults>

/** The job's prompts, read from the sources unless an earlier call has. */
const filled = (store: Store.Store, job: string, options: JobOptions) =>
  Effect.gen(function* () {
    yield* store.create
    // Once there and back, so that both sides of a comparison were written by the same codec.
    const settings = Settings.decode(Settings.encode(yield* Settings.of(options)))
    const stored = yield* store.settings
    if (stored !== undefined) yield* Settings.agree(job, Settings.decode(stored), settings)
    const onRead = (read: number) => options.onProgress?.({ read, prompts: 0, ofPrompts: 0 })
    const reading =
      (yield* store.reading) ?? (yield* store.fill(Settings.encode(settings), prepare(store, options, onRead)))
    return { settings, reading }
  })

/** Where so many prompts are refused before one is done, it is not the prompts. */
const SUSPICIOUS = 20

/** Has every prompt that is not done worked on, and tells how far that is. */
const all = <R>(
  store: Store.Store,
  { drafts, reward }: { readonly drafts: number; readonly reward: string },
  concurrency: number,
  onProgress: ((progress: Progress) => void) | undefined,
  work: (id: number) => Effect.Effect<string | undefined, Failure, R>
) =>
  Effect.gen(function* () {
    yield* store.forgive
    const undone = yield* store.undone(drafts, reward)
    const ofPrompts = yield* store.count
    let [prompts, refused] = [ofPrompts - undone.length, 0]
    const check = (why: string | undefined): Effect.Effect<void, PreferencesError> => {
      prompts++
      onProgress?.({ read: 0, prompts, ofPrompts })
      if (why === undefined) return Effect.void
      refused++
      return refused === prompts && refused >= Math.min(SUSPICIOUS, ofPrompts)
        ? nothingLeft({ problem: `Every prompt so far was ${why}`, advice: "Mend that, and run the same job again." })
        : Effect.logWarning(`A prompt was ${why}`)
    }
    yield* Effect.forEach(undone, (id) => Effect.flatMap(work(id), check), { concurrency, discard: true })
  })

/** Everything a job does; `work` does a prompt's part of it, here or elsewhere. */
export const through = <R>(
  options: JobOptions,
  known: Known,
  reward: string,
  work: (store: Store.Store, id: number) => Effect.Effect<string | undefined, Failure, R>
): Effect.Effect<Summary, Failure, R | SqlClient> =>
  Effect.gen(function* () {
    const { concurrency, drafts, job } = known
    const { folder, sources } = options
    const store = yield* Store.of(job)
    const { reading, settings } = yield* filled(store, job, options)
    for (const line of DataCard.licences(sources, reading)) yield* Effect.logInfo(line)
    yield* all(store, { drafts, reward }, concurrency, options.onProgress, (id) => work(store, id))
    const plan = { ...known, reward, seed: settings.seed, personalData: options.filter?.personalData }
    const written = yield* write(store, plan, folder)
    const date = DateTime.formatIso(yield* DateTime.now)
    const card = join(folder, "README.md")
    const facts = { ...known, reward, date, file: FILE, settings, sources, reading, written }
    yield* attempt(card, () => writeFile(card, DataCard.render(facts)))
    return { ...written, reading, card, file: join(folder, FILE) }
  })
