// Contenders take turns within each round, so that whatever else the machine does hits all alike.
import { type Cell, type Device, nameOf } from "./Cell.ts"
import { jobOf } from "./Models.ts"
import { type Contender, type Failed, type Measured, take } from "./Turn.ts"

/** A round of one cell: what each contender measured in it, by name. */
export type Round = Readonly<Record<string, Measured | Failed>>

export interface Results {
  readonly cell: Cell
  readonly rounds: ReadonlyArray<Round>
}

export interface Plan {
  readonly cells: ReadonlyArray<Cell>
  /** Cells that a target is about are measured more often. */
  readonly isHeadline: (cell: Cell) => boolean
  readonly headlineRounds: number
  readonly otherRounds: number
  readonly tokens: number
  readonly device: Device
  readonly questions: ReadonlyArray<number>
}

export const THREADS = 2

/** What a device computes needs no second one beside it. */
export const threadsOn = (device: Device): number => (device === "cpu" ? THREADS : 1)

/** These first, in their order, for they matter most if the run is cut short. */
export const headlinesFirst = (cells: ReadonlyArray<Cell>, isHeadline: Plan["isHeadline"]): ReadonlyArray<Cell> => [
  ...cells.filter(isHeadline),
  ...cells.filter((cell) => !isHeadline(cell))
]

const say = (text: string) => process.stderr.write(text)

const shown = (measured: Measured | Failed): string =>
  "failed" in measured ? `failed: ${measured.failed}` : `${Math.round(measured.totalMs)} ms`

const round = async (models: string, contenders: ReadonlyArray<Contender>, cell: Cell, plan: Plan, seed: number) => {
  const job = jobOf(models, cell, { ...plan, threads: threadsOn(plan.device), seed })
  const takers = contenders.filter(({ takes = () => true }) => takes(cell))
  const first = seed % takers.length
  const out: Record<string, Measured | Failed> = {}
  for (const contender of [...takers.slice(first), ...takers.slice(0, first)]) {
    const measured = await take(contender, job)
    out[contender.name] = measured
    say(`  ${nameOf(cell)} round ${seed + 1}: ${contender.name} ${shown(measured)}\n`)
  }
  return cell.precision === "fp32" ? sameWeights(out, contenders[0]!.name) : out
}

/** Who does not find the same tokens likeliest as the first has other weights, or runs them wrongly. */
export const sameWeights = (round: Round, first: string): Round => {
  const known = round[first]
  if (known === undefined || "failed" in known) return round
  const wanted = known.greedy.join(", ")
  const entries = Object.entries(round).map(([name, measured]) => {
    const isOther = !("failed" in measured) && measured.greedy.join(", ") !== wanted
    const failed = { failed: `finds other tokens likeliest than ${first}, whose are ${wanted}` }
    return [name, isOther ? failed : measured] as const
  })
  return Object.fromEntries(entries)
}

/** Measures all cells. Who fails in a round of a cell is not tried again in that cell. */
export const measure = async (
  models: string,
  contenders: ReadonlyArray<Contender>,
  plan: Plan
): Promise<ReadonlyArray<Results>> => {
  const results: Array<Results> = []
  for (const cell of headlinesFirst(plan.cells, plan.isHeadline)) {
    const rounds: Array<Round> = []
    const count = plan.isHeadline(cell) ? plan.headlineRounds : plan.otherRounds
    let left = contenders
    for (let seed = 0; seed < count; seed++) {
      const measured = await round(models, left, cell, plan, seed)
      rounds.push(measured)
      left = left.filter(({ name }) => !("failed" in (measured[name] ?? {})))
    }
    results.push({ cell, rounds })
  }
  return results
}
