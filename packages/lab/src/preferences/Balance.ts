/**
 * Which rows of a data set count how much, so that it holds what was asked of each kind.
 */

export interface Asked {
  /** Wanted shares of the targets 0 to 1 in as many bins of equal width, any positive unit; left out: as they come. */
  readonly targets?: ReadonlyArray<number> | undefined
  /** Wanted share of rows that are cut, 0 to 1; left out: as they come. */
  readonly truncated?: number | undefined
  /**
   * `weight` (default): every row is kept, those of a kind that there is too little of count more; the mean weight is 1.
   * `drop`: as many rows as fit are kept, each with weight 1.
   */
  readonly by?: "weight" | "drop" | undefined
}

/** What of a row decides. `order` is uniform in [0, 1): of a kind that has too many, the lowest stay. */
export interface Row {
  readonly target: number
  readonly truncated: boolean
  readonly order: number
}

/** Throws a `RangeError` for shares that cannot be meant. */
export const check = ({ targets, truncated }: Asked): void => {
  const isShare = (share: number) => share >= 0 && Number.isFinite(share)
  if (targets !== undefined && (!targets.every(isShare) || !targets.some((share) => share > 0)))
    throw new RangeError("balance.targets must be shares from 0, not all of them 0.")
  if (truncated !== undefined && !(truncated >= 0 && truncated <= 1))
    throw new RangeError(`balance.truncated is ${truncated}; it must be between 0 and 1.`)
}

/** A row's kind, and what share of all rows its kind should have, before kinds that have no row are left out. */
const kindOf = ({ targets, truncated }: Asked, row: Row) => {
  const bins = targets?.length ?? 1
  const bin = targets === undefined ? 0 : Math.min(bins - 1, Math.floor(row.target * bins))
  const cut = truncated === undefined ? undefined : row.truncated
  const share = (targets?.[bin] ?? 1) * (cut === undefined ? 1 : cut ? (truncated ?? 0) : 1 - (truncated ?? 0))
  return { name: `${bin} ${cut}`, share }
}

interface Kind {
  readonly share: number
  readonly rows: Array<number>
}

/**
 * A weight for each row, 0: it is left out. Kinds with no row at all cannot be had; what they should have goes to the
 * others in proportion. Nothing asked: all 1.
 */
export const weights = (rows: ReadonlyArray<Row>, asked: Asked = {}): Float64Array => {
  check(asked)
  const kinds = new Map<string, Kind>()
  rows.forEach((row, i) => {
    const { name, share } = kindOf(asked, row)
    const kind = kinds.get(name) ?? { share, rows: [] }
    kinds.set(name, kind)
    kind.rows.push(i)
  })
  const wanted = [...kinds.values()].filter(({ share }) => share > 0)
  const whole = wanted.reduce((sum, { share }) => sum + share, 0)
  return asked.by === "drop" ? dropping(rows, wanted, whole) : weighing(rows, wanted, whole)
}

const weighing = (all: ReadonlyArray<Row>, kinds: ReadonlyArray<Kind>, whole: number): Float64Array => {
  const kept = kinds.reduce((sum, { rows }) => sum + rows.length, 0)
  const weights = new Float64Array(all.length)
  for (const { rows, share } of kinds) for (const i of rows) weights[i] = ((share / whole) * kept) / rows.length
  return weights
}

/** The largest set whose shares are those asked: the kind that there is least of gives the measure. */
const dropping = (all: ReadonlyArray<Row>, kinds: ReadonlyArray<Kind>, whole: number): Float64Array => {
  const total = Math.min(...kinds.map(({ rows, share }) => (rows.length * whole) / share))
  const weights = new Float64Array(all.length)
  for (const { rows, share } of kinds) {
    const lowest = rows.toSorted((a, b) => (all[a]?.order ?? 0) - (all[b]?.order ?? 0))
    for (const i of lowest.slice(0, Math.round((total * share) / whole))) weights[i] = 1
  }
  return weights
}
