/**
 * Who reads what of a step: a slot of its own for each who draws, one for all of a row who only look at labels.
 */
import type { Reading, Slot } from "./Driver.ts"
import { type Job, needsOf } from "./Request.ts"

export interface Slots {
  readonly all: ReadonlyArray<Slot>
  /** Of each row, the slot of each of its jobs. */
  readonly places: ReadonlyArray<ReadonlyArray<number>>
  /** Ids whose log-probabilities somebody wants. */
  readonly labels: ReadonlyArray<number>
}

export const none: Slots = { all: [], places: [], labels: [] }

/** `keepsLogits`: somebody may ask later, so that whole logits are read of each row in any case. */
export const of = (rows: ReadonlyArray<ReadonlyArray<Job>>, keepsLogits = false): Slots => {
  const all: Array<Slot> = []
  const places = rows.map((jobs, row) => {
    let looking: number | undefined
    const own = jobs.map((job) => {
      if (job.sampling === undefined && looking !== undefined) return looking
      const at = all.push({ row, ...needsOf(job) }) - 1
      if (job.sampling === undefined) looking = at
      return at
    })
    const first = own[0] ?? all.push({ row, ...needsOf(undefined) }) - 1
    if (keepsLogits) all[first] = { ...all[first]!, mass: 2 }
    return own
  })
  return { all, places, labels: [...new Set(rows.flat().flatMap((job) => job.labels ?? []))] }
}

/** What a job is told of what its slot read. */
export const answerTo = (job: Job, reading: Reading, labels: ReadonlyArray<number>): Reading => {
  // Whole logits say it in double precision, and the same again to who asks next.
  if (job.sampling === undefined && reading.logits !== undefined) return { logits: reading.logits }
  const own = job.labels?.map((label) => reading.labels?.[labels.indexOf(label)] ?? NaN)
  return { ...reading, labels: own }
}
