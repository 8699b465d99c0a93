/**
 * A rewritten graph against the plain one of the same file, on made-up tokens: prefix, drafts of unlike lengths, several
 * tokens at once, and a row that was rewound.
 */
import type { Driver, StepRow } from "../Driver.ts"
import { Unfit } from "../graph/Graph.ts"
import type { ModelConfig } from "../ModelConfig.ts"

/** Largest difference of a probability; half-precision graphs round in other places. */
const tolerance = { float32: 1e-4, half: 2e-2 }

const idsOf = (config: ModelConfig, count: number, seed: number): Array<number> =>
  Array.from({ length: count }, (_, i) => ((i + 1) * 7919 * seed + 11 * i * i) % config.vocabulary)

const whole = (row: number) => ({ row, inverseTemperature: 1, uniform: 0.5, mass: 2, wantsTop: false })

/** Logits of each row of a step. */
const logits = async (driver: Driver, rows: ReadonlyArray<StepRow>): Promise<ReadonlyArray<Float32Array>> => {
  const { readings } = await driver.step({ rows, slots: rows.map((_, i) => whole(i)), labels: [] })
  return readings.map((reading) => reading.logits!)
}

const probabilities = (logits: Float32Array): Float64Array => {
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity)
  const all = Float64Array.from(logits, (x) => Math.exp(x - max))
  const sum = all.reduce((a, b) => a + b, 0)
  return all.map((x) => x / sum)
}

export const difference = (a: Float32Array, b: Float32Array): number => {
  const [p, q] = [probabilities(a), probabilities(b)]
  return p.reduce((worst, x, i) => Math.max(worst, Math.abs(x - q[i]!)), 0)
}

/** What follows each of these rows, computed at once from nothing. */
const oracle = async (driver: Driver, rows: ReadonlyArray<ReadonlyArray<number>>): Promise<Array<Float32Array>> => {
  const out: Array<Float32Array> = []
  for (const ids of rows) {
    driver.open(1, ids.length)
    const row = { prefix: 1, prefixLength: 0, own: 2, ownLength: 0, ids, store: "prefix", expected: 0 } as const
    out.push(...(await logits(driver, [row])))
    driver.drop([1, 2])
  }
  return out
}

/** The largest difference of a probability between a driver and the plain one. */
export const measure = async (driver: Driver, plain: Driver, config: ModelConfig): Promise<number> => {
  const length = Math.min(Math.max(24, (config.window ?? 0) + 12), config.context - 16)
  const prompt = idsOf(config, length, 1)
  const drafts = [3, 1, 5].map((count, i) => idsOf(config, count, i + 2))
  const row = { prefix: 1, prefixLength: length, ownLength: 0, store: "own", expected: 8 } as const
  driver.open(1, length)
  const half = Math.ceil(length / 2)
  const first = { ...row, prefixLength: 0, own: 2, store: "prefix" } as const
  await logits(driver, [{ ...first, ids: prompt.slice(0, half) }])
  const begun = await logits(driver, [{ ...first, prefixLength: half, ids: prompt.slice(half) }])
  const drawn = await logits(
    driver,
    drafts.map((ids, i) => ({ ...row, own: 10 + i, ids }))
  )
  // A question of two tokens behind a draft without its last token, then the draft goes on.
  const kept = drafts.map((ids) => ids.slice(0, -1))
  const back = kept.map((ids, i) => ({ ...row, own: 10 + i, ownLength: ids.length }))
  const asked = await logits(
    driver,
    back.map((one) => ({ ...one, ids: [1, 2], store: "nowhere" }))
  )
  const on = await logits(
    driver,
    back.map((one) => ({ ...one, ids: [3] }))
  )
  driver.drop([1, 10, 11, 12])
  const rows = [prompt, ...drafts.map((ids) => [...prompt, ...ids])]
  const more = [[1, 2], [3]].flatMap((end) => kept.map((ids) => [...prompt, ...ids, ...end]))
  const wanted = await oracle(plain, [...rows, ...more])
  return Math.max(...[...begun, ...drawn, ...asked, ...on].map((found, i) => difference(found, wanted[i]!)))
}

/** Throws `Unfit` where the graphs differ by more than rounding. Closes the plain one. */
export const compare = async (driver: Driver, plain: Driver, config: ModelConfig): Promise<void> => {
  try {
    const worst = await measure(driver, plain, config)
    const isHalf = /f(loat)?p?16/.test(config.graph)
    const limit = isHalf ? tolerance.half : tolerance.float32
    if (!(worst <= limit))
      throw new Unfit(`its probabilities differ from the plain graph's by ${worst.toExponential(1)}`)
  } finally {
    await plain.close()
  }
}
