import * as Effect from "effect/Effect"
import type { Token } from "../../Token.ts"
import { draw, failed, type Law, passed, request } from "./law.ts"

const differing = (a: ReadonlyArray<Token>, b: ReadonlyArray<Token>): number => {
  const first = a.findIndex((token, i) => token.id !== b[i]?.id || token.text !== b[i]?.text)
  return first === -1 ? Math.abs(a.length - b.length) : Math.max(a.length, b.length) - first
}

export const independence: Law = {
  name: "independence",
  promise: "A candidate's tokens do not depend on how many others run beside it.",
  check: (subject) =>
    Effect.gen(function* () {
      const seeds = Array.from({ length: 8 }, (_, i) => 11 + i)
      const alone = yield* Effect.forEach(seeds, (seed) => draw(request(subject, { seed })))
      let different = 0
      let all = 0
      for (const beside of [2, 4, 8]) {
        const group = seeds.slice(0, beside)
        const together = yield* Effect.forEach(group, (seed) => draw(request(subject, { seed })), {
          concurrency: "unbounded"
        })
        together.forEach((tokens, i) => {
          different += differing(tokens, alone[i] ?? [])
          all += tokens.length
        })
      }
      const detail = `${different} of ${all} tokens differ when 2, 4 or 8 are drawn at once`
      if (different === 0) return passed(detail)
      const bound = subject.independenceBound ?? 0
      return different <= bound * all
        ? { outcome: "bounded", detail: `${detail}; the bound is ${bound}` }
        : failed(detail)
    })
}
