/**
 * Which rows run together: from who asks to rows, and from rows to forward passes.
 */
import { hash, type KvCache, type Prefix, type Row, same } from "./KvCache.ts"
import type { Job } from "./Request.ts"

/** A row of a step with those who asked for it: jobs for the same tokens share it. */
export interface Planned {
  readonly prefix: Prefix
  readonly ids: ReadonlyArray<number>
  readonly jobs: ReadonlyArray<Job>
  /** Its place in the cache; undefined: it begins at the prompt. */
  readonly row: Row | undefined
  /** Tokens of the row that are there already. */
  readonly known: number
  /** Its place goes on otherwise, for another draft. */
  readonly isForked: boolean
  readonly store: "own" | "nowhere"
}

export interface Limits {
  /** Padded tokens of a pass. */
  readonly maxTokens: number
  readonly isRagged: boolean
  readonly appends: boolean
  /** Rows of several prompts need the same number of seats for each. */
  readonly isGrouped: boolean
}

const missing = (row: Planned): number => row.ids.length - row.known

/** Jobs for the same tokens become one row, in the order in which they are given. */
export const plan = (jobs: ReadonlyArray<Job>, cache: KvCache): ReadonlyArray<Planned> => {
  const groups: Array<Array<Job>> = []
  const byHash = new Map<number, Array<Array<Job>>>()
  for (const job of jobs) {
    const key = hash(job.answer)
    const alike = byHash.get(key) ?? []
    const group = alike.find(([first]) => isSame(first!, job, cache))
    if (group !== undefined) group.push(job)
    else byHash.set(key, [...alike, groups[groups.push([job]) - 1]!])
  }
  return groups.map((group) => planned(group, cache))
}

const isSame = (a: Job, b: Job, cache: KvCache): boolean =>
  cache.prefix(a.prompt) === cache.prefix(b.prompt) && same(a.answer, b.answer)

const planned = (jobs: ReadonlyArray<Job>, cache: KvCache): Planned => {
  const { answer: ids, prompt } = jobs[0]!
  const prefix = cache.prefix(prompt)!
  const found = cache.row(prefix, ids)
  const store = jobs.some((job) => job.keep) ? "own" : "nowhere"
  // The last token is read again where all are there, for what follows it.
  const known = Math.min(found?.length ?? 0, ids.length - 1)
  const isForked = store === "own" && found !== undefined && found.row.ids.length > found.length
  return { prefix, ids, jobs, row: found?.row, known, isForked, store }
}

/** A row of the cache stands in one seat: who wants it a second time gets a copy. */
const onceEach = (rows: ReadonlyArray<Planned>): ReadonlyArray<Planned> => {
  const taken = new Set<unknown>()
  return rows.map((planned) => {
    const { isForked, known, row } = planned
    if (row === undefined || isForked) return planned
    if (taken.has(row)) return known === 0 ? { ...planned, row: undefined } : { ...planned, isForked: true }
    taken.add(row)
    return planned
  })
}

/** The oldest rows whose keys and values fit; one always does. */
const admitted = (rows: ReadonlyArray<Planned>, cache: KvCache): ReadonlyArray<Planned> => {
  const prefixes = new Set<Prefix>()
  let bytes = 0
  const out: Array<Planned> = []
  for (const row of rows) {
    const tokens = row.ids.length + (prefixes.has(row.prefix) ? 0 : row.prefix.ids.length)
    if (out.length > 0 && bytes + cache.cost(tokens) > cache.limit) break
    bytes += cache.cost(tokens)
    prefixes.add(row.prefix)
    out.push(row)
  }
  return out
}

/** Groups of rows by prompt, split so that those run together have about as many rows each and fit side by side. */
const companies = (rows: ReadonlyArray<Planned>, cache: KvCache): ReadonlyArray<ReadonlyArray<Planned>> => {
  const groups = new Map<Prefix, Array<Planned>>()
  for (const row of rows) groups.set(row.prefix, [...(groups.get(row.prefix) ?? []), row])
  const out: Array<Array<ReadonlyArray<Planned>>> = []
  for (const group of [...groups.values()].toSorted((a, b) => b.length - a.length)) {
    const last = out.at(-1)
    const all = [...(last ?? []), group]
    const longest = Math.max(...all.map(([row]) => row!.prefix.ids.length))
    const fits = cache.cost(longest * all.length) <= cache.limit / 2
    if (last !== undefined && fits && 2 * group.length > last[0]!.length) last.push(group)
    else out.push([group])
  }
  return out.map((all) => all.flat())
}

const unlike = (a: Planned, b: Planned): number => missing(a) - missing(b) || a.ids.length - b.ids.length

const total = ({ ids, prefix }: Planned): number => prefix.ids.length + ids.length

/** Passes of rows with alike numbers of new tokens: single ones together, longer ones by length, up to the limit. */
const byLength = (rows: ReadonlyArray<Planned>, limits: Limits): ReadonlyArray<ReadonlyArray<Planned>> => {
  const { appends, isRagged, maxTokens } = limits
  const out: Array<Array<Planned>> = []
  const order = isRagged ? (a: Planned, b: Planned) => missing(a) - missing(b) : unlike
  for (const row of rows.toSorted(order)) {
    const batch = out.at(-1)
    const first = batch?.[0]
    const fits =
      batch !== undefined &&
      first !== undefined &&
      (missing(first) === 1) === (missing(row) === 1) &&
      (isRagged || (missing(first) === missing(row) && total(first) === total(row))) &&
      (appends || missing(row) === 1) &&
      missing(row) * (batch.length + 1) <= maxTokens
    if (fits) batch.push(row)
    else out.push([row])
  }
  return out
}

/** The passes that serve these rows, or as many of them as fit. */
export const of = (
  rows: ReadonlyArray<Planned>,
  cache: KvCache,
  limits: Limits
): ReadonlyArray<ReadonlyArray<Planned>> => {
  const ready = admitted(onceEach(rows), cache)
  const together = limits.isGrouped ? companies(ready, cache) : [ready]
  return together.flatMap((company) => byLength(company, limits))
}
