import * as Effect from "effect/Effect"
import * as Usage from "../../Usage.ts"
import { ask, draw, type Law, request, verdict } from "./law.ts"

export const accounting: Law = {
  name: "accounting",
  promise:
    "Usage equals what was really drawn and read: questions are charged to who asked, and emitted tokens to who takes them.",
  check: (subject) =>
    Effect.gen(function* () {
      const failures: Array<string> = []
      const [drawing, drawn] = yield* Usage.measure(draw(request(subject, { seed: 21 })))
      const tokens = yield* drawn
      if (drawing.readTokens > 0) failures.push(`drawing was charged ${drawing.readTokens} tokens read to judge`)
      if (drawing.drawnTokens > 0)
        failures.push(`${drawing.drawnTokens} tokens were charged as thrown away, and all were taken`)
      const [asking, asked] = yield* Usage.measure(ask(subject, tokens))
      yield* asked
      if (asking.readTokens <= 0) failures.push("a question was charged nothing")
      if (asking.drawnTokens + asking.promptTokens > 0) failures.push("a question was charged as drawing")
      const both = Effect.all([Usage.measure(ask(subject, tokens)), Usage.measure(ask(subject, tokens.slice(0, 1)))], {
        concurrency: "unbounded"
      })
      const [together, each] = yield* Usage.measure(both)
      const sum = (yield* each).reduce((total, [usage]) => total + usage.readTokens, 0)
      if (together.readTokens !== sum)
        failures.push(`two questions at once cost ${sum} apart and ${together.readTokens} together`)
      return verdict(
        failures,
        `${tokens.length} tokens drawn, ${drawing.promptTokens} read before, ${asking.readTokens} read for a question`
      )
    })
}
