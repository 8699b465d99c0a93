/**
 * `mulligan preferences`: the data that a model is trained on to judge its own drafts.
 */
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as EndpointReward from "../preferences/EndpointReward.ts"
import * as OnnxReward from "../preferences/OnnxReward.ts"
import * as Preferences from "../preferences/Preferences.ts"
import type { PreferencesError } from "../preferences/PreferencesError.ts"
import type { Model } from "../preferences/Reward.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as Progress from "./Progress.ts"
import * as Resume from "./Resume.ts"
import type { Screen } from "./Screen.ts"
import * as Summary from "./Summary.ts"

/** What judges the drafts. */
export interface Rewarding {
  /** A folder, or a server's address. */
  readonly place: string
  /** A language model that judges, by its name on the server; left out: a classifier. */
  readonly model: string | undefined
  /** Which of a classifier's labels. */
  readonly label: string | undefined
  readonly apiKey: Redacted.Redacted | undefined
}

export type Reward = Model<PreferencesError, HttpClient.HttpClient>

const isAddress = (place: string) => /^https?:\/\//.test(place)

const onServer = ({ apiKey, label, model, place: url }: Rewarding): Reward => {
  if (model !== undefined) return EndpointReward.judge({ url, name: model, model, apiKey })
  const kind = new URL(url).pathname.endsWith("/predict") ? "tei" : "huggingface"
  return EndpointReward.classifier({ url, name: new URL(url).host, kind, label, apiKey })
}

/** Opens a reward model. */
export const rewardOf = (
  asked: Rewarding
): Effect.Effect<Reward, PreferencesError | Problem.UsageError, Scope.Scope> => {
  const { label, model, place } = asked
  if (isAddress(place))
    return URL.canParse(place)
      ? Effect.sync(() => onServer(asked))
      : Problem.usage("--reward is no address.", "Write it as https://host:port/path.")
  return model === undefined && label === undefined
    ? OnnxReward.make({ folder: place })
    : Problem.usage("--reward-model and --label are of a server.", "Give its address as --reward, or leave them out.")
}

export interface Options extends Omit<Preferences.Options<PreferencesError, HttpClient.HttpClient>, "onProgress"> {
  readonly isJson: boolean
  readonly screen: Screen
}

const again = (screen: Screen) =>
  Effect.sync(() => {
    screen.clear()
    screen.note(`Interrupted. What is done is kept; go on with:\n  ${Resume.command()}`)
  })

/** Rows are counted while they are read, then prompts while they are worked on. */
const reported = (screen: Screen, report: (counted: Progress.Counted) => void) => {
  let before: number | undefined
  return ({ ofPrompts, prompts, read }: Preferences.Progress): void => {
    if (ofPrompts === 0) return screen.show(`Reading prompts: ${Summary.thousands(read)} rows`)
    before ??= prompts - 1
    report({ done: prompts, all: ofPrompts, before })
  }
}

const told = (summary: Preferences.Summary, seconds: number, isJson: boolean) => {
  if (isJson) return Output.json({ ...summary, seconds })
  const { card, file, prompts, rows, usage } = summary
  const of = `${Summary.plural(rows, "row")} of ${Summary.plural(prompts, "prompt")}`
  return Output.line(`${file}: ${of}, ${Summary.plural(usage.samples, "draft")}. What is in it: ${card}`)
}

/** Goes on where an earlier call stopped. */
export const preferences = ({ isJson, screen, ...options }: Options) =>
  Effect.gen(function* () {
    const start = performance.now()
    const summary = yield* Progress.run(screen, { unit: "prompts" }, (report) =>
      Preferences.run({ ...options, onProgress: reported(screen, report) })
    ).pipe(Effect.onInterrupt(() => again(screen)))
    yield* told(summary, (performance.now() - start) / 1000, isJson)
  }).pipe(Effect.provide(FetchHttpClient.layer))
