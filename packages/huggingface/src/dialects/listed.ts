import * as Effect from "effect/Effect"
import type { LogProbs } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Ask } from "../Dialect.ts"
import * as TopK from "../TopK.ts"

/**
 * Labels from tokens that are listed by id. A list that does not tell one of the labels' ids tells only that each is rarer
 * than what is listed; where the ids were asked for by name, that is no answer.
 */
export const byId = (
  { can, spellings }: Ask,
  listed: ReadonlyArray<TopK.Listed<number>>,
  silent: BackendError
): Effect.Effect<LogProbs, BackendError> => {
  const wanted = new Set(spellings.flat())
  const isTold = can.labels === "interval" ? listed.length > 0 : listed.some(({ key }) => wanted.has(key))
  if (!isTold || !TopK.isNormalised(listed)) return Effect.fail(silent)
  const labels = spellings.map((ids) => ({ is: (id: number) => ids.includes(id), spellings: ids.length }))
  return Effect.succeed({ labels: TopK.bounds(listed, labels), over: "vocabulary" })
}
