/**
 * Intervals by bootstrap over problems, for problems are what was drawn at random: the drafts of one belong together. All
 * estimates of one `Resamples` see the same problems drawn again, so differences between policies are paired.
 */

/** A value and its 95% percentile interval; all NaN where there is nothing to measure. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** A number for each problem. */
export type Column = ReadonlyArray<number>

export interface Options {
  /** How often the problems are drawn again. Default 1000. */
  readonly resamples?: number | undefined
  /** Default 0. */
  readonly seed?: number | undefined
}

const LOW = 0.025
const HIGH = 0.975

/** A small seeded generator (mulberry32): the same problems get the same intervals. */
const generator = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

export class Resamples {
  readonly size: number
  readonly #count: number
  /** [resamples, size]: a problem's number. */
  readonly #drawn: Int32Array
  readonly #sums = new WeakMap<Column, Float64Array>()

  /** Throws a `RangeError` for less than one resample. */
  constructor(size: number, { resamples = 1000, seed = 0 }: Options = {}) {
    if (!(Number.isInteger(resamples) && resamples > 0))
      throw new RangeError(`An interval needs a whole number of resamples above 0, not ${resamples}.`)
    const next = generator(seed + size)
    this.size = size
    this.#count = resamples
    this.#drawn = Int32Array.from({ length: resamples * size }, () => Math.floor(next() * size))
  }

  #sumsOf(column: Column): Float64Array {
    const known = this.#sums.get(column)
    if (known !== undefined) return known
    const sums = new Float64Array(this.#count)
    for (let sample = 0, at = 0; sample < this.#count; sample++) {
      let sum = 0
      for (let i = 0; i < this.size; i++) sum += column[this.#drawn[at++]!]!
      sums[sample] = sum
    }
    this.#sums.set(column, sums)
    return sums
  }

  /** A function of the columns' sums over the problems; resamples for which it is not defined (NaN) are left out. */
  ofSums(columns: ReadonlyArray<Column>, of: (sums: ReadonlyArray<number>) => number): Estimate {
    const all = columns.map((column) => this.#sumsOf(column))
    const values = Array.from({ length: this.#count }, (_, sample) => of(all.map((sums) => sums[sample]!)))
      .filter((value) => !Number.isNaN(value))
      .toSorted((a, b) => a - b)
    const at = (share: number) => values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? NaN
    const value = of(columns.map((column) => column.reduce((sum, one) => sum + one, 0)))
    return { value, low: at(LOW), high: at(HIGH) }
  }

  /** A function of the columns' means over the problems. */
  ofMeans(columns: ReadonlyArray<Column>, of: (means: ReadonlyArray<number>) => number): Estimate {
    return this.ofSums(columns, (sums) => of(sums.map((sum) => sum / this.size)))
  }

  /**
   * The mean. Of shares that are all 0 or all 1 the interval is bounded by the rule of three (Jovanovic and Levy 1997):
   * resamples alone would claim certainty.
   */
  mean(column: Column): Estimate {
    const all = this.ofMeans([column], ([mean = NaN]) => mean)
    if (this.size > 0 && column.every((value) => value === 1)) return { ...all, low: Math.max(0, 1 - 3 / this.size) }
    if (this.size > 0 && column.every((value) => value === 0)) return { ...all, high: Math.min(1, 3 / this.size) }
    return all
  }

  /** How much larger the mean of `a` is than that of `b`, problem by problem. */
  difference(a: Column, b: Column): Estimate {
    return this.ofMeans([a, b], ([left = NaN, right = NaN]) => left - right)
  }
}
