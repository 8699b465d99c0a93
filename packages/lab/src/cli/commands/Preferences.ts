import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Licence } from "../../preferences/Licence.ts"
import { json, shown, withModel } from "../common.ts"
import { screen } from "../Screen.ts"
import * as StrategyFlags from "../StrategyFlags.ts"
import * as Target from "../Target.ts"
import * as Token from "../Token.ts"

const flags = {
  prompts: Flag.File("prompts").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("JSON Lines or Parquet: LMSYS-Chat-1M, WildChat, or rows of messages; several if given often"),
    Flag.atLeast(1)
  ),
  licence: StrategyFlags.parsed(
    "licence",
    "NAME: TERMS",
    "of the prompts, for the card; LMSYS-Chat-1M's and WildChat's are known",
    (text) => {
      const [, name, terms] = /^([^:]+):\s*(.+)$/s.exec(text) ?? []
      return name === undefined || terms === undefined
        ? Effect.fail("its name and its terms with a colon between them")
        : Effect.succeed({ name, terms })
    }
  ),
  out: Flag.Directory("out").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FOLDER"),
    Flag.withDescription("for the data, their card and what is done so far; one that is there is gone on with")
  ),
  reward: Flag.String("reward").pipe(
    Flag.withMetavar("PLACE"),
    Flag.withDescription("what judges drafts: the folder of an ONNX classifier, or a server's full address")
  ),
  rewardModel: Target.text(
    "reward-model",
    "NAME",
    "on that server: a language model that judges; default: a classifier"
  ),
  label: Target.text("label", "NAME", "on that server: which of the classifier's labels is the reward"),
  rewardTokenEnv: Target.text("reward-token-env", "VARIABLE", "that holds the token for the server of --reward"),
  drafts: StrategyFlags.count("drafts", "of each prompt; default 8"),
  limit: StrategyFlags.count("limit", "prompts taken at most; default all that pass"),
  language: Flag.String("language").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("takes prompts in this language alone, as the source names it; several if given often"),
    Flag.atLeast(0)
  ),
  truncations: StrategyFlags.parsed(
    "truncations",
    "N",
    "random lengths that each draft is also cut to; default 1",
    StrategyFlags.number("a whole number from 0", (value) => Number.isInteger(value) && value >= 0)
  ),
  margin: StrategyFlags.parsed(
    "margin",
    "M",
    "rewards that are so near are a tie; default 0",
    StrategyFlags.number("a number from 0", (value) => value >= 0 && value < Infinity)
  ),
  temperature: StrategyFlags.temperature,
  maxTokens: StrategyFlags.maxTokens,
  seed: StrategyFlags.seed,
  concurrency: StrategyFlags.count("concurrency", "prompts at once, each with all its drafts; default 4")
}

interface Given extends Target.Flags {
  readonly prompts: ReadonlyArray<string>
  readonly licence: Licence | undefined
  readonly out: string
  readonly reward: string
  readonly rewardModel: string | undefined
  readonly label: string | undefined
  readonly rewardTokenEnv: string | undefined
  readonly drafts: number | undefined
  readonly limit: number | undefined
  readonly language: ReadonlyArray<string>
  readonly truncations: number | undefined
  readonly margin: number | undefined
  readonly temperature: number | undefined
  readonly maxTokens: number | undefined
  readonly seed: number
  readonly concurrency: number | undefined
  readonly json: boolean
}

const rewarding = ({ label, reward: place, rewardModel: model, rewardTokenEnv }: Given) =>
  Effect.map(Token.of([place], "--reward-token-env", rewardTokenEnv), (apiKey) => ({ place, model, label, apiKey }))

const drawing = ({ concurrency, drafts, margin, maxTokens = 512, seed, temperature, truncations }: Given) => ({
  concurrency,
  drafts,
  margin,
  maxTokens,
  seed,
  temperature,
  truncations
})

const work = (given: Given) =>
  Effect.gen(function* () {
    const { preferences, rewardOf } = yield* Effect.promise(() => import("../preferences.ts"))
    const reward = yield* rewardOf(yield* rewarding(given))
    const { json, language, licence, limit, out, prompts } = given
    const options = {
      ...drawing(given),
      reward,
      folder: shown(out),
      sources: prompts.map((file) => ({ file: shown(file), licence })),
      filter: language.length === 0 ? {} : { languages: language },
      prompts: limit,
      isJson: json,
      screen
    }
    yield* withModel(given, screen, (target) => preferences({ ...options, model: Target.nameOf(target) }))
  }).pipe(Effect.scoped)

export const preferences = Command.make("preferences", { ...flags, ...Target.flags, json }, work).pipe(
  Command.withShortDescription("Make data to train a model to judge its own drafts"),
  Command.withDescription(
    "Takes prompts, draws drafts of each, has a reward model judge them, and writes for each draft how often it wins or ties against its siblings. Ctrl-C keeps what is done; the same command goes on."
  ),
  Command.withExamples([
    {
      command:
        "mulligan preferences --model onnx-community/Qwen2.5-0.5B-Instruct --prompts prompts.jsonl --reward reward-model --out preferences",
      description: "With a reward model in this process"
    },
    {
      command:
        "mulligan preferences --endpoint http://localhost:8000 --model Qwen/Qwen3-0.6B --prompts lmsys.parquet --language English --reward http://localhost:8001/v1/chat/completions --reward-model Qwen/Qwen3-14B --out preferences",
      description: "A server draws, a larger model judges"
    }
  ])
)
