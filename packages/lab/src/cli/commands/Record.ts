import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { json, shown, withModel } from "../common.ts"
import * as DepthFlags from "../DepthFlags.ts"
import { screen } from "../Screen.ts"
import * as StrategyFlags from "../StrategyFlags.ts"
import * as Target from "../Target.ts"
import * as TaskFlags from "../TaskFlags.ts"

const annealing = (text: string) => {
  const known = StrategyFlags.annealings.find((name) => name === text)
  return known === undefined
    ? Effect.fail(`some of ${StrategyFlags.annealings.join(", ")} with commas between them`)
    : Effect.succeed(known)
}

const temperature = StrategyFlags.number(
  "numbers from 0 (greedy) up with commas between them",
  StrategyFlags.isTemperature
)

const flags = {
  out: Flag.File("out").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("the recording, such as drafts.jsonl.gz; one that is there is gone on with")
  ),
  drafts: StrategyFlags.count("drafts", "of each problem, at each temperature; default 16"),
  temperature: StrategyFlags.parsed(
    "temperature",
    "T,T,…",
    "0 is greedy, 1 the model's own distribution; several are all drawn; default 1",
    (text) => StrategyFlags.listOf(text, temperature)
  ),
  anneal: StrategyFlags.parsed(
    "anneal",
    "A,A,…",
    `from greedy towards each temperature: ${StrategyFlags.annealings.join(", ")}; several are all drawn; default off`,
    (text) => StrategyFlags.listOf(text, annealing)
  ),
  maxTokens: StrategyFlags.maxTokens,
  seed: StrategyFlags.seed,
  confidence: StrategyFlags.count(
    "confidence",
    "tells of each token how sure the model is of its N likeliest; 20 in DeepConf; default not"
  ),
  certainty: Flag.Boolean("certainty").pipe(
    Flag.withDescription("tells of each token how far from even its odds are; only where the model runs here"),
    Flag.withDefault(false)
  ),
  concurrency: StrategyFlags.count("concurrency", "drafts at once; default as many as --drafts")
}

interface Given extends TaskFlags.Flags, DepthFlags.Flags, Target.Flags {
  readonly out: string
  readonly drafts: number | undefined
  readonly temperature: ReadonlyArray<number> | undefined
  readonly anneal: ReadonlyArray<StrategyFlags.AnnealingName> | undefined
  readonly maxTokens: number | undefined
  readonly seed: number
  readonly confidence: number | undefined
  readonly certainty: boolean
  readonly concurrency: number | undefined
  readonly json: boolean
}

/** Problems are read before the model is opened: a mistake in their file shows at once. */
const work = (given: Given) =>
  Effect.gen(function* () {
    const { problems } = yield* TaskFlags.load(given, { isGraded: false })
    const { record, schedules, seedOf } = yield* Effect.promise(() => import("../record.ts"))
    const { anneal = ["off"], certainty, concurrency, confidence, drafts = 16, json, out, seed } = given
    const { maxTokens = 512, temperature = [1] } = given
    const options = {
      file: shown(out),
      prompts: problems.map(({ prompt }) => prompt),
      count: drafts,
      seed: seedOf(seed),
      temperature: schedules(anneal, temperature, drafts),
      readings: DepthFlags.readingsOf(given),
      maxTokens,
      confidence,
      certainty,
      concurrency,
      isJson: json,
      screen
    }
    yield* withModel(given, screen, (target) => record({ ...options, model: Target.nameOf(target) }))
  })

export const record = Command.make(
  "record",
  { ...TaskFlags.flags, ...flags, ...DepthFlags.flags, ...Target.flags, json },
  work
).pipe(
  Command.withShortDescription("Record drafts of many problems, and what the model says of them"),
  Command.withDescription(
    "Draws drafts of each problem and asks the model about them, into a file that strategies are compared on afterwards. Ctrl-C keeps what is there; the same command goes on."
  ),
  Command.withExamples([
    {
      command:
        "mulligan record --model models/pocket --task countdown --prompts models/pocket/problems.json --limit 20 --out pocket.jsonl.gz",
      description: "Twenty games, sixteen drafts each, judged at their end"
    },
    {
      command:
        "mulligan record --endpoint http://localhost:8000 --model Qwen/Qwen3-0.6B --task gsm8k --depths 25%,50%,64t,100% --out gsm8k.jsonl.gz",
      description: "A benchmark from the Hub, judged on the way too"
    }
  ])
)
