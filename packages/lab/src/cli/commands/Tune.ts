import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { json, shown } from "../common.ts"
import { withGraded } from "../graded.ts"
import * as Problem from "../Problem.ts"
import * as StrategyFlags from "../StrategyFlags.ts"
import * as Target from "../Target.ts"
import * as TaskFlags from "../TaskFlags.ts"

const amount = StrategyFlags.number("a number from 0 up", (value) => value >= 0 && value < Infinity)
const families = ["adaptive", "pruned", "both", "all"] as const

export const tune = Command.make(
  "tune",
  {
    file: Argument.File("file").pipe(Argument.withDescription("what mulligan record wrote")),
    ...TaskFlags.flags,
    share: StrategyFlags.parsed("share", "S", "of the best of N's gain over one sample; default 0.9", amount),
    budget: StrategyFlags.parsed(
      "budget",
      "TOKENS",
      "of a problem, instead of --share: the most accurate for it",
      amount
    ),
    strategy: Flag.Literals("strategy", families).pipe(
      Flag.withDescription("what is searched: adaptive sampling, early pruning, both together, or all"),
      Flag.withDefault("all" as const)
    ),
    readPrice: StrategyFlags.parsed(
      "read-price",
      "P",
      "of a token read to judge, in tokens drawn; default 0.25",
      amount
    ),
    seed: StrategyFlags.seed,
    ...Target.flags,
    json
  },
  ({ budget, json, readPrice, seed, share, strategy, ...given }) =>
    Effect.gen(function* () {
      if (budget !== undefined && share !== undefined)
        return yield* Problem.usage("--share and --budget are both given.", "Leave out one of them.")
      const Tune = yield* Effect.promise(() => import("../tune.ts"))
      const goal = budget === undefined ? { share: share ?? 0.9 } : { budget }
      return yield* withGraded({ ...given, file: shown(given.file) }, (graded) =>
        Tune.tune(graded, { goal, family: strategy, readPrice, seed, isJson: json })
      )
    })
).pipe(
  Command.withShortDescription("Find the cheapest strategy on a recording, and print it as TypeScript"),
  Command.withDescription(
    "Chooses by one half of the problems, tells on the other what it is worth, and prints a strategy to paste. Record drafts annealed too (--anneal off,exponential), and judged where they may be dropped (--depths 32t), to have these searched."
  ),
  Command.withExamples([
    {
      command: "mulligan tune games.jsonl.gz --task countdown --prompts models/pocket/problems.json --share 0.74",
      description: "74% of the gain, as cheap as it can be had"
    },
    {
      command: "mulligan tune gsm8k.jsonl.gz --task gsm8k --budget 400 > strategy.ts",
      description: "The best for 400 tokens"
    }
  ])
)
