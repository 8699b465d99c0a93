/**
 * `mulligan ask`: drafts of an answer, and the best of them.
 */
import * as Effect from "effect/Effect"
import type { Backend } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Candidate from "@mulligan/core/Candidate"
import * as Fact from "@mulligan/core/Fact"
import type { RunError } from "@mulligan/core/RunError"
import * as Usage from "@mulligan/core/Usage"
import * as Policy from "../Policy.ts"
import * as Judge from "./Judge.ts"
import { type Lane, Lanes } from "./Lanes.ts"
import * as Output from "./Output.ts"
import type { Screen } from "./Screen.ts"
import * as Strategy from "./Strategy.ts"
import type { Settings } from "./StrategyFlags.ts"
import * as Summary from "./Summary.ts"

export interface Ask {
  readonly question: string
  readonly system: string | undefined
  readonly settings: Settings
  readonly isJson: boolean
  readonly screen: Screen
}

const isWhole = ({ end, tokens }: Lane, { maxTokens }: Settings): boolean => end !== undefined || tokens >= maxTokens

/** Shows drafts as they come, and the answer as soon as it is known which draft it is. */
class Show {
  readonly lanes: Lanes
  readonly answer = new Output.Answer()
  readonly #ask: Ask
  readonly #settledAfter: number | undefined
  constructor(ask: Ask, isBounded: boolean) {
    this.lanes = new Lanes(isBounded)
    this.#ask = ask
    this.#settledAfter = ask.isJson ? undefined : Strategy.settledAfter(ask.settings)
  }
  readonly listen = (fact: Fact.Fact): void => {
    const lane = this.lanes.follow(fact)
    if (fact._tag === "Drawn") this.#drawn(lane, fact.token.text)
    if (fact._tag === "Scored") this.#scored(lane)
  }
  #drawn(lane: Lane, text: string): void {
    if (this.#settledAfter === undefined || lane.tokens <= this.#settledAfter) return
    // A score that is only bounded may have left more than one.
    if (this.lanes.all.filter(({ state }) => state === "drawn").length > 1) return
    if (this.answer.isBegun) return this.answer.add(text)
    this.#ask.screen.done()
    this.answer.add(lane.text)
  }
  #scored({ index, score = NaN, tokens, ...lane }: Lane): void {
    const { screen, settings } = this.#ask
    if (!screen.isLive && settings.drafts > 1 && isWhole({ index, score, tokens, ...lane }, settings))
      screen.note(`Draft ${index + 1}: score ${Summary.brief(score)}, ${tokens} tokens.`)
  }
  /** Empty once the answer has begun: it may stand on the same terminal. */
  readonly picture = (): string => (this.answer.isBegun ? "" : this.lanes.picture(this.#ask.screen))
  readonly interrupted = Effect.sync(() => {
    if (this.answer.isBegun) this.answer.end()
    const drawn = this.lanes.all.reduce((sum, { tokens }) => sum + tokens, 0)
    this.#ask.screen.done()
    this.#ask.screen.note(
      `Interrupted after ${Summary.plural(this.lanes.all.length, "draft")} and ${Summary.plural(drawn, "token")}. ` +
        "The same command draws the same drafts again."
    )
  })
}

const intro = ({ drafts, threshold }: Settings, judge: Judge.Chosen): string => {
  const how = drafts === 1 ? "One draft" : `${threshold === Infinity ? "" : "At most "}${drafts} drafts`
  const why = judge.reason === undefined ? "" : ` Not by self-evaluation: ${judge.reason}`
  return `${how}, judged by ${judge.name}.${why}`
}

const finished = (ran: Summary.Ran, show: Show, { isJson, question, screen }: Ask) =>
  Effect.gen(function* () {
    screen.done()
    if (isJson) return yield* Output.json({ question, ...Summary.json(ran), drafts: show.lanes.all })
    if (!show.answer.isBegun) {
      if (screen.isLive) screen.note("")
      show.answer.add(Candidate.text(ran.winner))
    }
    show.answer.end()
    screen.note(screen.paint("gray", Summary.sentence(ran)))
    const doubt = Summary.warning(ran.winner)
    if (doubt !== undefined) screen.note(screen.paint("yellow", doubt))
  })

const chosen = (given: Ask) =>
  Effect.gen(function* () {
    const { question, screen, system } = given
    const prompt = Strategy.promptOf(question, system)
    const judge = yield* Judge.choose(prompt, given.settings.drafts)
    const settings = judge.isBounded ? given.settings : { ...given.settings, threshold: Infinity }
    screen.note(screen.paint("gray", intro(settings, judge)))
    const show = new Show({ ...given, settings }, judge.isBounded)
    const run = Policy.run(Strategy.policyOf(settings, judge.judge), prompt, { seed: settings.seed })
    const winner = yield* screen.showing(show.picture, run).pipe(
      Effect.provideService(Fact.Listener, show.listen),
      Effect.onInterrupt(() => show.interrupted)
    )
    return { winner, judge, show }
  })

/** Answers on the standard output; all else goes to the screen. */
export const ask = (given: Ask): Effect.Effect<void, BackendError | RunError, Backend> =>
  Effect.gen(function* () {
    const start = performance.now()
    const [usage, exit] = yield* Usage.measure(chosen(given))
    const { show, ...ran } = yield* exit
    yield* finished({ ...ran, usage, seconds: (performance.now() - start) / 1000 }, show, given)
  })
