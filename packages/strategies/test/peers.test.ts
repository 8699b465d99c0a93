/**
 * Strategies of others, composed as docs/peers.md writes them, against what their sources do on the same drafts.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Candidate, Scorer } from "@mulligan/core"
import type { Script } from "@mulligan/core/testing/ScriptedBackend"
import { Candidates, Scorers, Stopping, Threshold, Weights } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import { flow } from "effect/Function"
import * as Stream from "effect/Stream"
import { byIndex, draws, history, indexes, scripted, usageOf } from "./harness.ts"

const seen =
  (into: Array<Scorer.Scored>) =>
  <E, R>(self: Stream.Stream<Scorer.Scored, E, R>) =>
    Stream.tap(self, (c) => Effect.sync(() => void into.push(c)))

describe("DeepConf online", () => {
  const SIZE = 4
  const script: Script = { length: () => 24 }
  const confidence = Scorers.lowestGroupLogProb({ size: SIZE })
  const bar = Threshold.warmUp({ count: 8, keep: 0.5 })
  const judged = flow(Candidates.score(confidence), Candidates.pruneBelow(bar))
  const online = Candidates.fromPrompt("p", { count: 24 }).pipe(
    Candidates.rounds([8, 16], (round) =>
      round.pipe(
        Candidates.generate({ maxTokens: 6 }),
        judged,
        Candidates.generate({ maxTokens: 6 }),
        judged,
        Candidates.generate(),
        judged
      )
    )
  )

  /** What DeepConf does to whole drafts: the lowest window mean of each, the median of the first eight, and who reaches it. */
  const oracle = (drafts: ReadonlyArray<Candidate.Candidate>) => {
    const lowest = drafts.map(({ tokens }) => {
      const means = tokens.slice(SIZE - 1).map((_, i) => {
        return tokens.slice(i, i + SIZE).reduce((sum, t) => sum + (t.logProb ?? NaN), 0) / SIZE
      })
      return Math.min(...means)
    })
    const warm = lowest.slice(0, 8).toSorted((a, b) => a - b)
    const median = ((warm[3] ?? NaN) + (warm[4] ?? NaN)) / 2
    return { lowest, reached: lowest.flatMap((c, i) => (c >= median ? [i] : [])) }
  }

  it.effect("keeps the warm-up and, of the others, those whose every group reaches its bar", () =>
    Effect.gen(function* () {
      const [whole] = yield* scripted(Stream.runCollect(draws(24)), script)
      const kept: Array<Scorer.Scored> = []
      yield* scripted(Candidates.runBest(seen(kept)(online)), script)
      const { lowest, reached } = oracle(whole)
      assert.isNotEmpty(reached.filter((i) => i >= 8))
      assert.isBelow(reached.length, 24)
      assert.deepStrictEqual(indexes(kept), [0, 1, 2, 3, 4, 5, 6, 7, ...reached.filter((i) => i >= 8)])
      kept.forEach((c) => assert.closeTo(c.score.value, lowest[c.index] ?? NaN, 1e-9))
    })
  )

  it.effect("draws fewer tokens than all drafts have", () =>
    Effect.gen(function* () {
      const [usage] = yield* scripted(usageOf(Candidates.runBest(online)), script)
      assert.isBelow(usage.drawnTokens, 24 * 24)
      assert.isAbove(usage.prunedTokens, 0)
    })
  )

  it.effect("votes by those that reach the bar, the warm-up's own included", () =>
    Effect.gen(function* () {
      const answer = (c: Candidate.Candidate) => (Number(c.tokens.at(-1)?.text) < 5 ? "low" : "high")
      const [whole] = yield* scripted(Stream.runCollect(draws(24)), script)
      const { lowest, reached } = oracle(whole)
      const votes = { low: 0, high: 0 }
      for (const i of reached) votes[answer(whole[i]!)] += Math.exp(lowest[i] ?? NaN)
      const vote = Candidates.runWeightedMajority(online, answer, { above: bar, weights: Weights.exp })
      const [chosen] = yield* scripted(vote, script)
      assert.notStrictEqual(votes.low, votes.high)
      assert.strictEqual(answer(chosen), votes.low > votes.high ? "low" : "high")
    })
  )

  it.effect("stops when those agree, not before the warm-up is over", () =>
    Effect.gen(function* () {
      const stop = Stopping.consensus(() => "a", { above: bar, least: 8, weights: Weights.exp })
      const kept: Array<Scorer.Scored> = []
      yield* scripted(Candidates.runBest(seen(kept)(Candidates.takeUntil(online, stop))), script)
      assert.deepStrictEqual(indexes(kept), [0, 1, 2, 3, 4, 5, 6, 7])
    })
  )
})

describe("Speculative Rejection", () => {
  // How many of 1 to 9 drafts reach their own alpha quantile: (s >= numpy.quantile(s, 0.5)).sum() of s = arange(n).
  it.effect.each([1, 1, 2, 2, 3, 3, 4, 4, 5].map((kept, i) => [i + 1, kept] as const))(
    "of %d drafts keeps %d: those at the median or above",
    ([count, kept]) =>
      Effect.gen(function* () {
        const alpha = 0.5
        const all = Stream.fromIterable(history(Array.from({ length: count }, (_, i) => -i)))
        const survivors = yield* Stream.runCollect(Candidates.prune(all, { keep: 1 - alpha }))
        assert.deepStrictEqual(
          indexes(survivors),
          Array.from({ length: kept }, (_, i) => i)
        )
      })
  )

  it.effect("halves at every depth, and those that have ended compete on", () =>
    Effect.gen(function* () {
      // By index, the higher the better; 6 ends after two tokens, is second best and so stays until two are left.
      const judge = byIndex((i) => i)
      const cut = flow(Candidates.score(judge), Candidates.prune({ keep: 0.5 }))
      const strategy = Candidates.fromPrompt("p", { count: 8 }).pipe(
        Candidates.rounds([8], (round) =>
          round.pipe(
            Candidates.generate({ maxTokens: 2 }),
            cut,
            Candidates.generate({ maxTokens: 2 }),
            cut,
            Candidates.generate(),
            Candidates.score(judge)
          )
        )
      )
      const seeds = yield* Stream.runCollect(Candidates.fromPrompt("p", { count: 8 }))
      const script: Script = { length: ({ seed }) => (seed === seeds[6]?.seed ? 2 : 8) }
      const finalists: Array<Scorer.Scored> = []
      const [[usage, best]] = yield* scripted(
        Effect.gen(function* () {
          const usage = yield* usageOf(Candidates.runBest(strategy))
          return [usage, yield* Candidates.runBest(seen(finalists)(strategy))] as const
        }),
        script
      )
      assert.strictEqual(best.index, 7)
      assert.deepStrictEqual(
        finalists.map((c) => [c.index, c.tokens.length]),
        [
          [6, 2],
          [7, 8]
        ]
      )
      // 8 drafts of 2; 4 left, of which one has ended: 3 · 2 more; 2 left, one of them open: 4 more.
      assert.strictEqual(usage.drawnTokens, 16 + 6 + 4)
    })
  )
})

describe("Self-Calibration's early exit", () => {
  // EarlyStopAggregator(0.7), run from the repository (ee53787): samples used, and the place of the sample it answers by.
  it.effect.each([
    [[0.9, 0.3], 1, 0],
    [[0.2, 0.9, 0.5], 2, 1],
    [[0.5, 0.6, 0.4, 0.1], 4, 3],
    [[0.7, 0.9], 1, 0]
  ] as const)("of %j uses %d and answers by %d", ([scores, used, answer]) =>
    Effect.gen(function* () {
      const kept: Array<Scorer.Scored> = []
      const stream = Stream.fromIterable(history(scores)).pipe(
        Candidates.takeUntil(Stopping.threshold(0.7)),
        seen(kept)
      )
      const best = yield* Candidates.runBest(stream)
      assert.strictEqual(kept.length, used)
      // Ours is the same candidate where the threshold was met; where it never is, theirs is the last, ours the best.
      assert.strictEqual(best.index, (scores[answer] ?? 0) >= 0.7 ? answer : 1)
      assert.strictEqual(kept.at(-1)?.index, answer)
    })
  )
})

describe("its_hub's doubling", () => {
  it.effect.each([
    ["aabbbbbb", 2],
    ["abaabbbb", 4],
    ["ababbbbb", 8],
    ["ababaabbaaaaaaaa", 16]
  ] as const)("draws of %s %d", ([answers, used]) =>
    Effect.gen(function* () {
      const script: Script = { length: () => 1 }
      const answer = (c: Candidate.Candidate) => answers[c.index]
      const strategy = Candidates.fromPrompt("p", { count: 16 }).pipe(
        Candidates.rounds([2, 2, 4, 8], flow(Candidates.generate(), Candidates.score(byIndex(() => 1)))),
        Candidates.takeUntil(Stopping.supermajority(answer)),
        Candidates.runMajority(answer)
      )
      const [usage] = yield* scripted(usageOf(strategy), script)
      assert.strictEqual(usage.samples, used)
    })
  )
})
