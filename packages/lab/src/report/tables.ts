/**
 * The numbers of a report.
 */
import type { Estimate } from "../Bootstrap.ts"
import * as Depth from "../Depth.ts"
import type { Quality, Signal } from "../Signal.ts"
import type { Fate, Lost } from "./Fate.ts"
import type { Markup } from "./markup.ts"
import { amount, fixed, interval, percent, three } from "./numbers.ts"
import type { Point } from "./Point.ts"
import { type Column, table } from "./table.ts"

const share = (value: number): string => fixed(value, 2)

export const policies = (points: ReadonlyArray<Point>): Markup => {
  const estimate = (
    title: string,
    of: (row: Point["row"]) => Estimate | undefined,
    shown: (value: number) => string
  ) => ({
    title,
    of: ({ row }: Point) => {
      const found = of(row)
      return found === undefined ? "–" : interval(found, shown)
    }
  })
  const mean = (title: string, of: (row: Point["row"]) => Estimate) => ({
    title,
    of: ({ row }: Point) => amount(of(row).value)
  })
  return table<Point>(
    "Policies",
    [
      { title: "policy", of: (point) => `${points.indexOf(point) + 1}. ${point.row.name}${point.isFront ? " ●" : ""}` },
      estimate("mean grade", (row) => row.accuracy, three),
      estimate("share of the gain", (row) => row.gainShare, share),
      estimate("share over greedy", (row) => row.gainShareOverGreedy, share),
      estimate("over the best of N", (row) => row.accuracyOverBest, three),
      { title: "tokens, at their price", of: ({ cost }) => amount(cost) },
      mean("drawn", (row) => row.drawnTokens),
      mean("read", (row) => row.readTokens),
      mean("wasted", (row) => row.wastedTokens),
      mean("drafts", (row) => row.samples),
      mean("rounds", (row) => row.rounds),
      mean("seconds", (row) => row.seconds)
    ],
    points
  )
}

export const depths = ({ depths }: Signal): Markup =>
  table<Quality>(
    "Self-evaluation at each depth",
    [
      { title: "read", of: ({ depth }) => Depth.title(depth) },
      { title: "AUROC within problems", of: ({ within }) => interval(within, three) },
      { title: "AUROC of all drafts", of: ({ pooled }) => interval(pooled, three) },
      { title: "mean log-probability, within", of: ({ meanLogProb }) => interval(meanLogProb, three) },
      { title: "ECE", of: ({ ece }) => interval(ece, three) },
      ...(depths.some(({ unread }) => unread > 0)
        ? [{ title: "drafts without room, left out", of: ({ unread }: Quality) => String(unread) }]
        : []),
      { title: "mass on the labels", of: ({ mass }) => (mass === undefined ? "not told" : fixed(mass, 4)) }
    ],
    depths
  )

export const bins = ({ depths }: Signal): Markup =>
  table(
    "Scores and outcomes in bins",
    [
      { title: "read", of: ({ depth }) => Depth.title(depth) },
      { title: "scores", of: ({ bin }) => `${fixed(bin.from, 1)} to ${fixed(bin.to, 1)}` },
      { title: "drafts", of: ({ bin }) => String(bin.count) },
      { title: "mean score", of: ({ bin }) => three(bin.score) },
      { title: "win or tie", of: ({ bin }) => three(bin.outcome) }
    ],
    depths.flatMap(({ bins, depth }) => bins.map((bin) => ({ bin, depth })))
  )

const cut: ReadonlyArray<Column<Fate>> = [
  { title: "policy", of: ({ policy }) => policy },
  { title: "cut after", of: ({ after }) => `${after} tokens` }
]

export const fates = (all: ReadonlyArray<Fate>): Markup =>
  table<Fate>(
    "Drafts at each cut",
    [
      ...cut,
      { title: "came", of: ({ came }) => String(came) },
      { title: "of them right", of: ({ cameRight }) => String(cameRight) },
      { title: "dropped", of: ({ dropped }) => String(dropped) },
      { title: "of them right", of: ({ right }) => String(right.count) }
    ],
    all
  )

const lost = (title: string, of: (fate: Fate) => Lost): ReadonlyArray<Column<Fate>> => [
  {
    title,
    of: (fate) => {
      const found = of(fate)
      return `${found.count} of ${found.of}: ${interval(found.share, percent)}`
    }
  },
  { title: "at random", of: (fate) => interval(of(fate).atRandom, percent) }
]

export const losses = (all: ReadonlyArray<Fate>): Markup =>
  table<Fate>(
    "What pruning lost",
    [
      ...cut,
      ...lost("dropped drafts that were right", ({ right }) => right),
      ...lost("rounds with right drafts that were left without", (fate) => fate.all),
      ...lost("problems with a single right draft that lost it", ({ only }) => only)
    ],
    all
  )
