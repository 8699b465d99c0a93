import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { json, shown } from "../common.ts"
import { withGraded } from "../graded.ts"
import * as StrategyFlags from "../StrategyFlags.ts"
import * as Target from "../Target.ts"
import * as TaskFlags from "../TaskFlags.ts"

const isShare = (value: number): boolean => value >= 0 && value <= 1
const share = StrategyFlags.number("numbers from 0 to 1 with commas between them", isShare)

export const thresholds = StrategyFlags.parsed(
  "thresholds",
  "T,T,…",
  "scores at which adaptive sampling stops; default some",
  (text) => StrategyFlags.listOf(text, share)
)

export const rightFrom = StrategyFlags.parsed(
  "right-from",
  "G",
  "the grade from which a draft is right; default 1",
  share
)

const maxTokens = StrategyFlags.count(
  "max-tokens",
  "cut drafts after so many tokens, a depth that was recorded; default not"
)

export const evaluate = Command.make(
  "evaluate",
  {
    file: Argument.File("file").pipe(Argument.withDescription("what mulligan record wrote")),
    ...TaskFlags.flags,
    thresholds,
    rightFrom,
    maxTokens,
    ...Target.flags,
    json
  },
  ({ json, maxTokens, rightFrom, thresholds, ...given }) =>
    Effect.flatMap(
      Effect.promise(() => import("../evaluate.ts")),
      (Evaluate) =>
        withGraded({ ...given, file: shown(given.file) }, (graded) =>
          Evaluate.evaluate(graded, {
            thresholds: thresholds ?? Evaluate.thresholds,
            rightFrom,
            maxTokens,
            isJson: json
          })
        )
    )
).pipe(
  Command.withShortDescription("Tell what self-evaluation and strategies are worth on a recorded task"),
  Command.withDescription(
    "First whether the scores can be trusted, then accuracy and cost of each strategy on the same drafts, with 95% intervals over problems. A model is needed only where a model judges (alpaca-eval)."
  ),
  Command.withExamples([
    {
      command: "mulligan evaluate games.jsonl.gz --task countdown --prompts models/pocket/problems.json",
      description: "A recording of the pocket model's games"
    },
    {
      command: "mulligan evaluate gsm8k.jsonl.gz --task gsm8k --thresholds 0.9,0.95 --json",
      description: "For a program"
    }
  ])
)
