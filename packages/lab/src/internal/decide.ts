/**
 * The decisions of `Policy.strategy` on drafts that are there, by arithmetic on flat arrays: no stream, no candidate and no
 * array is made on the way. Each function follows the stage it is named after in `@mulligan/strategies`.
 */
import type * as Scorer from "@mulligan/core/Scorer"
import type { VoteOptions } from "@mulligan/strategies/Run"
import type { Stopping } from "@mulligan/strategies/Stopping"
import * as Threshold from "@mulligan/strategies/Threshold"
import * as Weights from "@mulligan/strategies/Weights"
import { steps } from "../Latency.ts"
import type { Scores } from "./Columns.ts"

/** Drafts at one depth; `tokens` of each up to there. */
export interface Stage {
  readonly tokens: Int32Array
  readonly scores: Scores
}

export interface CutStage extends Stage {
  readonly keep: number | undefined
  readonly below: number | Threshold.Threshold | undefined
  /** The same number for the same text; undefined: copies do not matter. */
  readonly texts: Int32Array | undefined
}

export interface Decided {
  /** Numbers of drafts at most, and of each round. */
  readonly count: number
  readonly rounds: ReadonlyArray<number>
  readonly cuts: ReadonlyArray<CutStage>
  readonly end: Stage
  readonly stop: number | Stopping | undefined
  /** Undefined: by the score. */
  readonly answers: Int32Array | undefined
  readonly isWeighted: boolean
  /** Of a weighted vote, where it is not the score that counts, or not all vote. */
  readonly vote: VoteOptions | undefined
  /** Drafts that the hardware draws side by side. */
  readonly width: number
}

export class Decider {
  readonly #policy: Decided
  /** Drafts of the round that are still there, then those that passed, by place in the arrays. */
  readonly #alive: Int32Array
  readonly #passed: Int32Array
  readonly #ranked: Int32Array
  readonly #copies: Int32Array
  readonly #isKept: Uint8Array
  readonly #votes: Float64Array
  readonly #history: Array<Scorer.Scored> = []
  #reached = 0
  samples = 0
  rounds = 0
  steps = 0
  drawnTokens = 0
  readTokens = 0
  /** Is told who came to a cut and who was kept, by place in the arrays. */
  onCut: ((cut: number, came: Int32Array, kept: Int32Array) => void) | undefined

  constructor(policy: Decided) {
    this.#policy = policy
    const scratch = () => new Int32Array(policy.count)
    this.#alive = scratch()
    this.#passed = scratch()
    this.#ranked = scratch()
    this.#copies = scratch()
    this.#isKept = new Uint8Array(policy.count)
    this.#votes = new Float64Array(policy.count)
  }

  /** The place of the chosen draft; -1: there is none. Counts what it cost. */
  decide(problem: number): number {
    const { count, rounds } = this.#policy
    this.samples = this.rounds = this.steps = this.drawnTokens = this.readTokens = 0
    this.#reached = this.#history.length = 0
    for (const size of rounds) {
      const group = Math.min(size, count - this.samples)
      const first = problem * count + this.samples
      this.samples += group
      if (group > 0) this.rounds++
      if (group === 0 || this.#takeUntil(this.#round(first, group))) break
    }
    return this.#policy.answers === undefined ? this.#best() : this.#elected(this.#policy.answers)
  }

  /** Draws and judges the group down to its end; gives how many are left. */
  #round(first: number, group: number): number {
    const { cuts, end } = this.#policy
    let left = group
    for (let i = 0; i < group; i++) this.#alive[i] = first + i
    let drawn: Int32Array | undefined
    for (let i = 0; i < cuts.length; i++) {
      const cut = cuts[i]!
      this.#draw(cut, drawn, left)
      left = this.#drop(i, cut, left)
      drawn = cut.tokens
    }
    this.#draw(end, drawn, left)
    return this.#judged(end.scores, left)
  }

  #drop(i: number, cut: CutStage, all: number): number {
    const came = this.onCut === undefined ? undefined : this.#alive.slice(0, all)
    const left = this.#judged(cut.scores, all)
    const kept = cut.keep === undefined ? this.#pruneBelow(cut, left) : this.#prune(cut, cut.keep, left)
    if (came !== undefined) this.onCut?.(i, came, this.#alive.slice(0, kept))
    return kept
  }

  #draw({ scores, tokens }: Stage, drawn: Int32Array | undefined, left: number): void {
    let [longest, total] = [0, 0]
    for (let i = 0; i < left; i++) {
      const at = this.#alive[i]!
      const own = tokens[at]! - (drawn === undefined ? 0 : drawn[at]!)
      if (own > longest) longest = own
      total += own
      this.readTokens += scores.readTokens[at]!
    }
    this.drawnTokens += total
    this.steps += steps(longest, total, this.#policy.width)
  }

  /** Without those that left their question no room. */
  #judged({ isFull }: Scores, left: number): number {
    if (isFull === undefined) return left
    let kept = 0
    for (let i = 0; i < left; i++) {
      const at = this.#alive[i]!
      if (isFull[at] === 0) this.#alive[kept++] = at
    }
    return kept
  }

  #pruneBelow({ below = -Infinity, scores }: CutStage, left: number): number {
    const bar = typeof below === "number" ? below : below(this.#scored())
    let kept = 0
    for (let i = 0; i < left; i++) {
      const at = this.#alive[i]!
      if (!(scores.upper[at]! < bar)) this.#alive[kept++] = at
    }
    return kept
  }

  /** The best, and those whose interval reaches above the lower bound of the last of them. */
  #prune({ scores, texts }: CutStage, keep: number, left: number): number {
    this.#rank(scores.value, texts, left)
    const count = Math.max(1, keep < 1 ? Math.ceil(keep * left) : Math.floor(keep))
    if (count >= left) return left
    const first = this.#alive[0]!
    const last = this.#ranked[count - 1]!
    const copies = this.#copies[last - first]
    for (let place = 0; place < left; place++) {
      const at = this.#ranked[place]!
      const mayBeBetter = this.#copies[at - first] === copies && scores.upper[at]! > scores.lower[last]!
      this.#isKept[at - first] = place < count || mayBeBetter ? 1 : 0
    }
    let kept = 0
    for (let i = 0; i < left; i++)
      if (this.#isKept[this.#alive[i]! - first] === 1) this.#alive[kept++] = this.#alive[i]!
    return kept
  }

  /** The best first, the earliest of equals; by texts the best of each, then the second of each, and so on. */
  #rank(value: Float64Array, texts: Int32Array | undefined, left: number): void {
    const ranked = this.#ranked
    for (let i = 0; i < left; i++) {
      const at = this.#alive[i]!
      let place = i
      for (; place > 0 && value[ranked[place - 1]!]! < value[at]!; place--) ranked[place] = ranked[place - 1]!
      ranked[place] = at
    }
    this.#countCopies(texts, left)
    if (texts === undefined) return
    const first = this.#alive[0]!
    for (let i = 1; i < left; i++) {
      const at = ranked[i]!
      const copies = this.#copies[at - first]!
      let place = i
      for (; place > 0 && this.#copies[ranked[place - 1]! - first]! > copies; place--)
        ranked[place] = ranked[place - 1]!
      ranked[place] = at
    }
  }

  /** Better ones with the same text, by the draft's place in the group. */
  #countCopies(texts: Int32Array | undefined, left: number): void {
    const first = this.#alive[0]!
    for (let i = 0; i < left; i++) {
      const at = this.#ranked[i]!
      let copies = 0
      if (texts !== undefined) for (let j = 0; j < i; j++) if (texts[this.#ranked[j]!] === texts[at]) copies++
      this.#copies[at - first] = copies
    }
  }

  /** True when the rule is satisfied by what has passed, the last one included. */
  #takeUntil(left: number): boolean {
    const { end, stop } = this.#policy
    for (let i = 0; i < left; i++) {
      const at = this.#alive[i]!
      this.#passed[this.#reached++] = at
      if (typeof stop === "number") {
        if (end.scores.lower[at]! >= stop) return true
      } else if (stop !== undefined) {
        this.#history.push(end.scores.scored[at]!)
        if (stop(this.#history)) return true
      }
    }
    return false
  }

  #best(): number {
    const { value } = this.#policy.end.scores
    let best = -1
    for (let i = 0; i < this.#reached; i++) {
      const at = this.#passed[i]!
      if (best === -1 || value[at]! > value[best]!) best = at
    }
    return best
  }

  /** What has passed so far, as a rule is told of it. */
  #scored(): ReadonlyArray<Scorer.Scored> {
    const { scored } = this.#policy.end.scores
    return Array.from(this.#passed.subarray(0, this.#reached), (at) => scored[at]!)
  }

  /** The votes of those that have one, by place; undefined: each has its score, or one. */
  #weights(answers: Int32Array): ReadonlyMap<number, number> | undefined {
    const { end, vote } = this.#policy
    if (vote === undefined) return undefined
    const { above = Threshold.none, weights = Weights.score } = vote
    const bar = above(this.#scored())
    const voters = [...this.#passed.subarray(0, this.#reached)].filter(
      (at) => answers[at] !== -1 && !(end.scores.upper[at]! < bar)
    )
    const counts = weights(voters.map((at) => end.scores.scored[at]!))
    return new Map(voters.map((at, i) => [at, counts[i] ?? 0]))
  }

  /** By its earliest voter the answer with most votes, the earliest answer of equals. */
  #elected(answers: Int32Array): number {
    const { end, isWeighted } = this.#policy
    const votes = this.#votes
    const weights = this.#weights(answers)
    // `ranked` serves as the earliest voters.
    let voters = 0
    for (let i = 0; i < this.#reached; i++) {
      const at = this.#passed[i]!
      if (answers[at] === -1 || weights?.has(at) === false) continue
      let slot = 0
      while (slot < voters && answers[this.#ranked[slot]!] !== answers[at]) slot++
      if (slot === voters) {
        this.#ranked[voters++] = at
        votes[slot] = 0
      }
      votes[slot] = votes[slot]! + (weights?.get(at) ?? (isWeighted ? end.scores.value[at]! : 1))
    }
    let best = -1
    for (let slot = 0; slot < voters; slot++) if (best === -1 || votes[slot]! > votes[best]!) best = slot
    return best === -1 ? -1 : this.#ranked[best]!
  }
}
