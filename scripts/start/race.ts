/**
 * One question: its drafts side by side, pruned at a quarter and at half, the best finished.
 */
import * as Effect from "effect/Effect"
import { styleText } from "node:util"
import { Candidate, Fact, Prompt } from "@mulligan/core"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import { isRight, type Problem, question } from "./Countdown.ts"
import { HALF, QUARTER } from "./policies.ts"
import { Screen } from "./Screen.ts"

const DRAFTS = 16
/** Milliseconds that a token is shown for; the model itself is much faster than an eye. */
const PACE = 20

const strategy = (problem: Problem, seed: number) =>
  Candidates.fromPrompt(Prompt.user(question(problem)), { count: DRAFTS, seed }).pipe(
    Candidates.rounds([DRAFTS], (round) =>
      round.pipe(
        Candidates.generate({ maxTokens: QUARTER }),
        Candidates.score(SelfEvaluator.make()),
        Candidates.prune({ keep: 0.5 }),
        Candidates.generate({ maxTokens: HALF - QUARTER }),
        Candidates.score(SelfEvaluator.make()),
        Candidates.prune({ keep: 0.5 }),
        Candidates.generate(),
        Candidates.score(SelfEvaluator.make())
      )
    ),
    Candidates.runBest
  )

interface Lane {
  text: string
  score: number | undefined
  state: "drawing" | "pruned" | "chosen"
}

const follow = (lanes: ReadonlyArray<Lane>, fact: Fact.Fact): void => {
  if (!("index" in fact)) return
  const lane = lanes[fact.index]
  if (lane === undefined) return
  if (fact._tag === "Drawn") lane.text += fact.token.text
  if (fact._tag === "Scored") lane.score = fact.score.value
  if (fact._tag === "Pruned") lane.state = "pruned"
  if (fact._tag === "Chosen") lane.state = "chosen"
}

const line = ({ score, state, text }: Lane, i: number, isPlain: boolean): string => {
  const mark = state === "chosen" ? "★" : state === "pruned" ? "✂" : " "
  const judged = score === undefined ? "     " : score.toFixed(3)
  const plain = `${mark} ${String(i + 1).padStart(2)}  ${judged}  ${text.replaceAll("\n", "   ")}`
  if (isPlain || state === "drawing") return isPlain && state === "pruned" ? `${plain} (pruned)` : plain
  return styleText(state === "chosen" ? ["green", "bold"] : ["gray"], plain)
}

const picture = (lanes: ReadonlyArray<Lane>, isPlain: boolean) =>
  lanes.map((lane, i) => line(lane, i, isPlain)).join("\n")

/** Shows the facts of the run one after the other, at a pace that an eye can follow. */
const replay = (screen: Screen, facts: ReadonlyArray<Fact.Fact>, lanes: ReadonlyArray<Lane>) =>
  Effect.gen(function* () {
    for (const [i, fact] of facts.entries()) {
      follow(lanes, fact)
      const isBeat = fact._tag !== "Drawn" || facts[i + 1]?._tag !== "Drawn" || i % DRAFTS === 0
      if (!screen.isLive || !isBeat) continue
      screen.show(picture(lanes, false))
      yield* Effect.sleep(PACE)
    }
  })

export const race = (problem: Problem, seed: number) =>
  Effect.gen(function* () {
    const screen = new Screen(process.stdout)
    console.log(
      `${question(problem)} ${DRAFTS} drafts; half are pruned after ${QUARTER} tokens, half of the rest after ${HALF}.\n`
    )
    const facts: Array<Fact.Fact> = []
    const start = performance.now()
    const winner = yield* strategy(problem, seed).pipe(
      Effect.provideService(Fact.Listener, (fact) => void facts.push(fact))
    )
    const seconds = (performance.now() - start) / 1000
    const lanes = Array.from({ length: DRAFTS }, (): Lane => ({ text: "", score: undefined, state: "drawing" }))
    yield* replay(screen, facts, lanes)
    if (screen.isLive) screen.done()
    else console.log(picture(lanes, true))
    const verdict = isRight(problem, Candidate.text(winner)) ? "right" : "wrong"
    console.log(
      `\nChosen with score ${winner.score.value.toFixed(3)}, and ${verdict}. Drawn and judged in ${seconds.toFixed(2)} s, shown slower.`
    )
  })
