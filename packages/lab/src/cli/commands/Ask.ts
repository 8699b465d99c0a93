import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { json, withModel } from "../common.ts"
import * as Problem from "../Problem.ts"
import { screen } from "../Screen.ts"
import * as StrategyFlags from "../StrategyFlags.ts"
import * as Target from "../Target.ts"

/** The argument, or what is piped in. */
const questionOf = (argument: string | undefined) =>
  Effect.gen(function* () {
    const { stdin, stdinIsTerminal } = yield* Stdio.Stdio
    const isPiped = argument === undefined && !(yield* stdinIsTerminal)
    const question = isPiped ? yield* Stream.mkString(Stream.decodeText(stdin)) : (argument ?? "")
    if (question.trim() !== "") return question.trim()
    return yield* Problem.usage("Ask something:", 'mulligan ask --model FOLDER "What is a mulligan?"')
  })

export const ask = Command.make(
  "ask",
  {
    question: Argument.String("question").pipe(
      Argument.withDescription("in quotes; default: what is piped in"),
      Argument.withDefault(undefined)
    ),
    system: Flag.String("system").pipe(
      Flag.withMetavar("TEXT"),
      Flag.withDescription("a system message in front of the question"),
      Flag.withDefault(undefined)
    ),
    strategy: StrategyFlags.strategy.pipe(Flag.withDefault("adaptive" as const)),
    ...StrategyFlags.settings,
    seed: StrategyFlags.seed,
    ...Target.flags,
    json
  },
  (given) =>
    Effect.gen(function* () {
      const settings = yield* StrategyFlags.settle(given)
      const question = yield* questionOf(given.question)
      yield* withModel(given, screen, () =>
        Effect.flatMap(
          Effect.promise(() => import("../ask.ts")),
          ({ ask }) => ask({ question, system: given.system, settings, isJson: given.json, screen })
        )
      )
    })
).pipe(
  Command.withShortDescription("Ask a model: drafts as it pays, and the best of them"),
  Command.withDescription(
    "Draws drafts of an answer, lets the model judge each, and gives the best. The answer goes to the standard output, all else to the standard error."
  ),
  Command.withExamples([
    {
      command: 'mulligan ask --model models/pocket "Make 24 from 3 5 7 11"',
      description: "Adaptive: at most 16 drafts"
    },
    {
      command: 'mulligan ask --model models/pocket --strategy pruned --prune-at 5,10 "Make 24 from 3 5 7 11"',
      description: "All at once, the worse half dropped twice"
    },
    {
      command: 'echo "Name a prime" | mulligan ask --endpoint http://localhost:8000 --model Qwen/Qwen3-0.6B --json',
      description: "From a pipe, of a server, for a program"
    }
  ])
)
