// npm run paper: the paper's claims on the pocket model's held-out traffic, and every peer's rule on the same drafts. Rules
// are chosen on validation problems and reported on test problems.
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import { Evaluate, type Recording, Setting, Spaces, type Task, Tune } from "@mulligan/lab"
import { type Claim, claim, claims, type Known, type Points } from "./claims.ts"
import * as Measure from "./measure.ts"
import { COUNT, CUTS, LONGEST, MEASURES, record } from "./record.ts"
import { rivals, tuned } from "./rivals.ts"
import * as Tables from "./tables.ts"
import { traffic } from "./task.ts"

const usage = `npm run paper -- [options]

  --problems N   validation and test problems, each (default 1000: about a quarter of an hour on two cores the first time)
  --json         print only { policies: [row], claims: [{ figure, value, low, high, target }] }

Drafts are recorded into tmp/paper and used again.`

const { values } = parseArgs({
  options: {
    problems: { type: "string", default: "1000" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})

const note = (text: string) => void process.stderr.write(`${text}\n`)

const families = Spaces.all({ count: COUNT, cuts: CUTS, annealed: true, maxTokens: LONGEST, measures: MEASURES })
const isOurs = (family: string) => family.endsWith("(ours)") || family === "best of N, self-evaluation"
const [adaptive, pruning] = ["adaptive sampling (ours)", "early pruning (ours)"]

interface Side {
  readonly recording: Recording.Recording
  readonly task: Task.Task
  readonly points: ReadonlyArray<Measure.Point>
  readonly known: Known
}

const best: Setting.Setting = { count: COUNT, maxTokens: LONGEST, scorer: Setting.selfEvaluation }

/** Records a part and decides every setting on it. */
const side = (part: "test" | "validation", count: number) =>
  Effect.gen(function* () {
    const task = traffic(part, count)
    const recording = yield* record(task, part, note)
    const bench = yield* Measure.bench(recording, task)
    const points = yield* Measure.all(bench, families)
    const drafts = yield* Evaluate.drafts(
      bench.offline,
      bench.grades,
      Setting.toPolicy(best, () => undefined)
    )
    const one = drafts.map((all) => Measure.mean(all.map(({ grade }) => grade)))
    return { recording, task, points, known: { one, best: yield* bench.point("best", best) } } satisfies Side
  })

/** What `Tune` chooses on one half of the test problems, over the cheapest that all settings reach on the other. */
const tuneOverExhaustive = ({ recording, task }: Side): Effect.Effect<Claim, unknown> =>
  Effect.gen(function* () {
    const settings = families[adaptive!]!
    const options = { task, settings, goal: { share: 0.9 }, readPrice: Measure.READ_PRICE } as const
    const found = yield* Tune.tune(recording, { ...options, best })
    const cheapest = yield* Tune.exhaustive(recording, { ...options, best })
    const ratio = found.heldOut.cost.value / cheapest.heldOut.cost.value
    return claim("tuneOverExhaustive", { value: ratio, low: NaN, high: NaN }, "<= 1.05")
  })

const main = Effect.gen(function* () {
  const count = Number(values.problems)
  if (!(Number.isInteger(count) && count > 1))
    throw new Error(`--problems is a whole number above 1, not ${values.problems}.`)
  const validation = yield* side("validation", count)
  const test = yield* side("test", count)
  const of = (isIn: (family: string) => boolean): Points => {
    const kept = (all: ReadonlyArray<Measure.Point>) => all.filter(({ family }) => isIn(family))
    return { validation: kept(validation.points), test: kept(test.points) }
  }
  const ours = tuned(of(isOurs))
  const theirs = tuned(of((family) => !isOurs(family)))
  const compared = rivals(ours, theirs)
  const cheaper = compared.filter(({ isCheaper }) => isCheaper)
  const told = [
    ...claims(
      { adaptive: of((family) => family === adaptive), pruning: of((family) => family === pruning) },
      validation.known,
      test.known
    ),
    claim("peersCheaper", { value: cheaper.length, low: NaN, high: NaN }, "0"),
    claim("peersCompared", { value: theirs.length, low: NaN, high: NaN }, null),
    yield* tuneOverExhaustive(test)
  ]
  const evaluation = yield* Evaluate.evaluate(test.recording, { task: test.task, maxTokens: LONGEST })
  const policies = [...evaluation.rows.map(Tables.ofRow), ...Tables.ofPoints([...ours, ...theirs], test.known)]
  if (values.json) return console.log(JSON.stringify({ policies, claims: told }, null, 2))
  console.log(Tables.print({ evaluation, claims: told, ours, rivals: compared, known: test.known }))
})

if (values.help) console.log(usage)
else await Effect.runPromise(main)
