import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { json, shown } from "../common.ts"
import * as StrategyFlags from "../StrategyFlags.ts"

export const replay = Command.make(
  "replay",
  {
    file: Argument.File("file").pipe(Argument.withDescription("what mulligan record wrote")),
    strategies: StrategyFlags.strategy.pipe(Flag.atLeast(0)),
    ...StrategyFlags.settings,
    limit: StrategyFlags.count("limit", "of the problems the first so many; default all"),
    json
  },
  ({ file, json, limit, strategies, ...given }) =>
    Effect.flatMap(
      Effect.promise(() => import("../replay.ts")),
      ({ replay }) =>
        replay({
          file: shown(file),
          strategies: strategies.length === 0 ? ["adaptive"] : strategies,
          given,
          limit,
          isJson: json
        })
    )
).pipe(
  Command.withShortDescription("Run strategies on a recording, in moments and for nothing"),
  Command.withDescription(
    "Decides what strategies would have drawn and chosen, on the same drafts for all of them. What an option does not say is as it was recorded. What was not recorded is refused, with what to record."
  ),
  Command.withExamples([
    {
      command: "mulligan replay pocket.jsonl.gz --strategy one --strategy adaptive --strategy best",
      description: "Three strategies side by side"
    },
    {
      command: "mulligan replay pocket.jsonl.gz --threshold 0.8 --json",
      description: "Another threshold, for a program"
    }
  ])
)
