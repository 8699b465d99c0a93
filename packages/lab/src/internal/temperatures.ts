import type * as Scorer from "@mulligan/core/Scorer"
import type { Annealing } from "@mulligan/strategies/Annealing"

/** What a recording holds must not depend on scores: another policy would have others. */
const unknowable: ReadonlyArray<Scorer.Scored> = new Proxy([], {
  get: () => {
    throw new RangeError("A temperature that depends on scores cannot be recorded: anneal by the index alone.")
  }
})

/** The temperatures of the first `count` candidates; throws a `RangeError` for an annealing that looks at scores. */
export const temperaturesOf = (schedule: number | Annealing, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, index) => {
    const temperature = typeof schedule === "number" ? schedule : schedule(index, unknowable)
    if (temperature >= 0 && temperature < Infinity) return temperature
    throw new RangeError(`A temperature is a number from 0 (greedy) up, not ${temperature}.`)
  })
