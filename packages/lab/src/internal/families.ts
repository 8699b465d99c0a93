/**
 * What families of settings are made of.
 */
import * as Setting from "../Setting.ts"
import type { Options } from "../Spaces.ts"

export type Settings = ReadonlyArray<Setting.Setting>

/** 1, 1, 2, 4, 8 for 16: how latency is bounded without drawing more than twice what is needed. */
export const doubling = (count: number, first: number): ReadonlyArray<number> => {
  const sizes = [first]
  for (let drawn = first; drawn < count; drawn += sizes.at(-1)!) sizes.push(Math.min(drawn, count - drawn))
  return sizes
}

export type Rule = NonNullable<Setting.Setting["stop"]>

export const voting = (
  { count = 16, maxTokens }: Options,
  rules: ReadonlyArray<Rule>,
  rest: Pick<Setting.Setting, "choose" | "rounds"> & { readonly scorer?: Setting.ScorerPart | undefined } = {}
): Settings =>
  rules.map(
    (stop) => ({ count, maxTokens, scorer: Setting.unscored, choose: "majority", ...rest, stop }) as Setting.Setting
  )

export const rule = (code: string, value: Rule["value"]): Rule => ({ code: `Stopping.${code}`, value })

export const confidences = [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999]
