/**
 * `npm start -- --model FOLDER "..."`: drafts of a question by somebody's own model, and what it says of each.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Backend, Candidate, Prompt, type Scorer, Usage } from "@mulligan/core"
import { OnnxBackend } from "@mulligan/onnx"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Annealing, Candidates, Scorers, Stopping } from "@mulligan/strategies"
import { Screen } from "./Screen.ts"

export interface Own {
  /** A folder, or a name on the Hub. */
  readonly model: string
  readonly question: string
  readonly seed: number
  readonly drafts: number
  readonly maxTokens: number
  readonly precision: OnnxBackend.Options["precision"]
}

const GOOD = 0.95
/** One, then another, then as many again as there are. */
const sizes = (drafts: number): ReadonlyArray<number> => {
  const out: Array<number> = []
  for (let left = drafts, next = 1; left > 0; left -= out.at(-1)!, next = Math.max(1, drafts - left))
    out.push(Math.min(left, next))
  return out
}

const shown = (scored: Scorer.Scored): string => {
  const { index, score, tokens } = scored
  const end = Candidate.end(scored) === undefined ? " (cut)" : ""
  const head = `── draft ${index + 1}, score ${score.value.toFixed(3)}, ${tokens.length} tokens${end}`
  return `${head}\n${Candidate.text(scored).trim()}\n`
}

/** A model whose vocabulary has no single token for the reply cannot be asked; its log-probability judges then. */
const judge = (prompt: Prompt.Prompt) =>
  Effect.flatMap(Backend.Backend, (backend) =>
    backend.logProbs({ prompt, prefix: [], question: "?", labels: ["No", "Yes"] })
  ).pipe(
    Effect.as({ name: "self-evaluation", scorer: SelfEvaluator.make(), isBounded: true }),
    Effect.catchReason("BackendError", "Unsupported", () =>
      Effect.succeed({ name: "mean log-probability", scorer: Scorers.meanLogProb, isBounded: false })
    )
  )

const answered = ({ drafts, maxTokens, question, seed }: Own) =>
  Effect.gen(function* () {
    const prompt = Prompt.user(question)
    const { isBounded, name, scorer } = yield* judge(prompt)
    console.log(`At most ${drafts} drafts, the first one greedy, judged by ${name}.\n`)
    const run = Candidates.fromPrompt(prompt, { count: drafts, seed }).pipe(
      Candidates.anneal(Annealing.exponential({ from: 0, to: 1 })),
      Candidates.rounds(sizes(drafts), (round) =>
        round.pipe(Candidates.generate({ maxTokens }), Candidates.score(scorer))
      ),
      Stream.tap((scored) => Effect.sync(() => console.log(shown(scored)))),
      Candidates.takeUntil(Stopping.threshold(isBounded ? GOOD : Infinity)),
      Candidates.runBest
    )
    const start = performance.now()
    const [usage, exit] = yield* Usage.measure(run)
    const winner = yield* exit
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    const { drawnTokens, readTokens, samples } = usage
    console.log(
      `Chosen: draft ${winner.index + 1} of ${samples}. ${drawnTokens} tokens drawn, ${readTokens} read, ${seconds} s.`
    )
    if (isBounded)
      console.log("What this score is worth for a model that was not trained for it: docs/self-evaluation.md")
  })

const loaded = Effect.gen(function* () {
  const onnx = yield* OnnxBackend.Onnx
  const { context, graph, reason } = yield* onnx.describe
  const how = graph === "plain" ? `as exported, which is slower (${reason})` : "rewritten for many drafts of one prompt"
  console.log(`${context} tokens of context; the graph runs ${how}.`)
})

/** Loads the model, fetching it first if need be, and answers. */
export const own = (asked: Own) =>
  Effect.suspend(() => {
    const screen = new Screen(process.stderr)
    const layer = OnnxBackend.layer({
      model: asked.model,
      precision: asked.precision,
      onProgress: ({ file, receivedBytes, totalBytes }) =>
        screen.show(`${file} ${((100 * receivedBytes) / Math.max(1, totalBytes)).toFixed(0)}%`)
    })
    return Effect.andThen(loaded, answered(asked)).pipe(Effect.provide(layer))
  })
