/**
 * What is printed: the claims, the frontier of each family, and where a peer is cheaper.
 */
import { Bootstrap, type Evaluate } from "@mulligan/lab"
import { aligned, type Row as Policy } from "../start/table.ts"
import type { Claim, Known } from "./claims.ts"
import { mean, type Point } from "./measure.ts"
import { describe, type Rival } from "./rivals.ts"

/** As a row of `npm start -- --json`; seconds are those of the stated model of hardware. */
export interface Row extends Omit<Policy, "id"> {
  readonly id: string
}

export const ofRow = (row: Evaluate.Row): Row => ({
  id: row.name,
  accuracy: row.accuracy.value,
  low: row.accuracy.low,
  high: row.accuracy.high,
  samples: row.samples.value,
  drawnTokens: row.drawnTokens.value,
  readTokens: row.readTokens.value,
  seconds: row.seconds.value,
  gainShare: Number.isFinite(row.gainShare.value) ? row.gainShare.value : null
})

export const ofPoints = (points: ReadonlyArray<Point>, { best, one }: Known): ReadonlyArray<Row> => {
  const resamples = new Bootstrap.Resamples(one.length)
  const [low, gain] = [mean(one), mean(best.outcomes.accuracy) - mean(one)]
  return points.map((point) => {
    const accuracy = resamples.mean(point.outcomes.accuracy)
    return {
      id: describe(point),
      accuracy: accuracy.value,
      low: accuracy.low,
      high: accuracy.high,
      samples: mean(point.outcomes.samples),
      drawnTokens: mean(point.outcomes.drawnTokens),
      readTokens: mean(point.outcomes.readTokens),
      seconds: mean(point.outcomes.seconds),
      gainShare: gain === 0 ? null : (accuracy.value - low) / gain
    }
  })
}

const digits = (value: number | null, places = 3): string => (value === null ? "" : value.toFixed(places))

const claimTable = (claims: ReadonlyArray<Claim>): string =>
  aligned([
    ["", "here", "95% interval", "wanted"],
    ...claims.map(({ figure, high, low, target, value }) => [
      figure,
      digits(value),
      low === null ? "" : `[${digits(low)}, ${digits(high)}]`,
      target ?? ""
    ])
  ])

const percent = (value: number | null): string => (value === null ? "" : `${(100 * value).toFixed(1)}%`)

const policyTable = (rows: ReadonlyArray<Row>): string =>
  aligned([
    ["", "accuracy", "95% interval", "samples", "drawn", "read", "gain"],
    ...rows.map((row) => [
      row.id,
      percent(row.accuracy),
      `[${percent(row.low)}, ${percent(row.high)}]`,
      row.samples.toFixed(2),
      row.drawnTokens.toFixed(1),
      row.readTokens.toFixed(1),
      percent(row.gainShare)
    ])
  ])

const cheaperText = (rivals: ReadonlyArray<Rival>): string => {
  const cheaper = rivals.filter(({ isCheaper }) => isCheaper)
  if (cheaper.length === 0)
    return `No peer's rule is cheaper than ours at equal accuracy (${rivals.length} points compared).`
  const lines = cheaper.map(({ ours, point }) => {
    const own =
      ours === undefined ? "none of ours is as accurate" : `ours: ${describe(ours)}, ${mean(ours.cost).toFixed(1)}`
    return `  ${describe(point)}: ${percent(mean(point.outcomes.accuracy))} for ${mean(point.cost).toFixed(1)}; ${own}`
  })
  return ["Peers' rules that are cheaper at equal accuracy, in tokens:", ...lines].join("\n")
}

export interface Told {
  readonly evaluation: Evaluate.Evaluation
  readonly claims: ReadonlyArray<Claim>
  readonly ours: ReadonlyArray<Point>
  readonly rivals: ReadonlyArray<Rival>
  readonly known: Known
}

export const print = ({ claims, evaluation, known, ours, rivals }: Told): string =>
  [
    evaluation.signal.diagnosis.advice,
    claimTable(claims),
    "Chosen on validation problems, measured on test problems; ours first:",
    policyTable([...evaluation.rows.map(ofRow), ...ofPoints(ours, known)]),
    policyTable(
      ofPoints(
        rivals.map(({ point }) => point),
        known
      )
    ),
    cheaperText(rivals)
  ].join("\n\n")
