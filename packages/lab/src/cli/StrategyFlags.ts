/**
 * A strategy from the options of the command line: how many drafts, in which groups, how hot, when to prune and when to
 * stop. One value serves every command that runs one.
 */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Problem from "./Problem.ts"

export const annealings = ["exponential", "linear", "greedy-first", "off"] as const
export type AnnealingName = (typeof annealings)[number]

/** Everything left out is the strategy's own business; see `settle`. */
export interface Flags {
  readonly strategy: Name
  readonly drafts: number | undefined
  readonly rounds: ReadonlyArray<number> | undefined
  readonly threshold: number | undefined
  readonly temperature: number | undefined
  readonly anneal: AnnealingName | undefined
  readonly pruneAt: ReadonlyArray<number> | undefined
  readonly keep: number | undefined
  readonly maxTokens: number | undefined
  readonly seed: number
}

/** All of it said. */
export interface Settings {
  readonly drafts: number
  /** Drafts that start together; the next group only if nothing reached the threshold. */
  readonly rounds: ReadonlyArray<number>
  /** A score from 0 to 1; Infinity never stops early. */
  readonly threshold: number
  readonly temperature: number
  readonly anneal: AnnealingName
  /** Tokens after which the worse ones are dropped, rising. */
  readonly pruneAt: ReadonlyArray<number>
  /** Below 1 a share, from 1 a number. */
  readonly keep: number
  /** Of one draft. */
  readonly maxTokens: number
  readonly seed: number
}

export const names = ["adaptive", "best", "pruned", "one"] as const
export type Name = (typeof names)[number]

/** Text to a number. */
export const number = (expected: string, isFine: (value: number) => boolean) => (text: string) => {
  const value = text.trim() === "" ? NaN : Number(text)
  return isFine(value) ? Effect.succeed(value) : Effect.fail(expected)
}

const isCount = (value: number): boolean => Number.isInteger(value) && value > 0

/** Texts with commas between them, each by `parse`. */
export const listOf = <A>(text: string, parse: (text: string) => Effect.Effect<A, string>) =>
  Effect.forEach(text.split(","), (word) => parse(word.trim()))

/** A flag of its own words: text in, a value out, or a sentence on what was expected. */
export const parsed = <A>(
  name: string,
  metavar: string,
  description: string,
  parse: (text: string) => Effect.Effect<A, string>
) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.mapEffect((text) => Effect.mapError(parse(text), (expected) => Problem.invalidFlag(name, text, expected))),
    Flag.withDescription(description),
    Flag.withDefault(undefined)
  )

export const count = (name: string, description: string) =>
  parsed(name, "N", description, number("a whole number from 1", isCount))

export const counts = (name: string, description: string) =>
  parsed(name, "N,N,…", description, (text) =>
    listOf(text, number("whole numbers from 1 with commas between them", isCount))
  )

const threshold = (text: string) =>
  text === "off" ? Effect.succeed(Infinity) : number('a score from 0 to 1, or "off"', (x) => x >= 0 && x <= 1)(text)

export const isTemperature = (x: number): boolean => x >= 0 && x < Infinity

export const temperature = parsed(
  "temperature",
  "T",
  "0 is greedy, 1 the model's own distribution; default 1",
  number("a number from 0 (greedy) up", isTemperature)
)

const anneal = Flag.Literals("anneal", annealings).pipe(
  Flag.withDescription(
    "the first draft greedy, the others nearer and nearer to --temperature, or not; default exponential"
  ),
  Flag.withDefault(undefined)
)

export const maxTokens = count("max-tokens", "tokens of one draft at most; default 512")

export const seed = Flag.Int("seed").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("the same seed draws the same drafts; default 0"),
  Flag.withDefault(0)
)

export const strategy = Flag.Literals("strategy", names).pipe(
  Flag.withDescription("another draft only where it pays, all drafts, all with pruning, or one; default adaptive")
)

/** All but its name. */
export const settings = {
  drafts: count("drafts", "at most; default 16"),
  rounds: counts(
    "rounds",
    "drafts that start together; default 1,1,2,4,8 and so on, or all at once where nothing stops early"
  ),
  threshold: parsed("threshold", "P", 'the score that is enough, 0 to 1, or "off"; default 0.92', threshold),
  temperature,
  anneal,
  pruneAt: counts("prune-at", "drops the worse drafts of a group after so many tokens; default never, of pruned 32"),
  keep: parsed(
    "keep",
    "K",
    "what pruning keeps: below 1 a share, from 1 a number; default 0.5",
    number("a share below 1 or a number from 1", (x) => x > 0 && x < Infinity)
  ),
  maxTokens
}

/** One, then another, then as many again as there are. */
const doubling = (drafts: number): ReadonlyArray<number> => {
  const sizes: Array<number> = []
  for (let all = 0; all < drafts;) {
    const size = Math.min(Math.max(1, all), drafts - all)
    sizes.push(size)
    all += size
  }
  return sizes
}

const rising = (values: ReadonlyArray<number>): ReadonlyArray<number> => values.toSorted((a, b) => a - b)

/** What the name stands for; what is given by an option wins. */
export const settle = (given: Flags): Effect.Effect<Settings, Problem.UsageError> =>
  Effect.gen(function* () {
    const { anneal = "exponential", keep = 0.5, maxTokens = 512, seed, strategy, temperature = 1 } = given
    const asked = given.drafts ?? given.rounds?.reduce((sum, size) => sum + size, 0)
    const drafts = strategy === "one" ? 1 : (asked ?? 16)
    const threshold = given.threshold ?? (strategy === "adaptive" ? 0.92 : Infinity)
    const rounds = given.rounds ?? (threshold === Infinity ? [drafts] : doubling(drafts))
    const pruneAt = rising(given.pruneAt ?? (strategy === "pruned" ? [32] : []))
    if (strategy === "one" && (asked ?? 1) !== 1)
      return yield* Problem.usage("--strategy one draws a single draft.", "Leave out --drafts and --rounds.")
    if (given.keep !== undefined && pruneAt.length === 0)
      return yield* Problem.usage("--keep says how much pruning keeps, and nothing is pruned.", "Give --prune-at too.")
    if ((pruneAt.at(-1) ?? 0) >= maxTokens)
      return yield* Problem.usage(`--prune-at ${pruneAt.at(-1)} is no less than --max-tokens.`, "Prune earlier.")
    return { drafts, rounds, threshold, temperature, anneal, pruneAt, keep, maxTokens, seed }
  })
