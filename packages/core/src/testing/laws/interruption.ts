import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Backend } from "../../Backend.ts"
import * as Usage from "../../Usage.ts"
import { type Law, request, verdict } from "./law.ts"

const TAKEN = 2

export const interruption: Law = {
  name: "interruption",
  promise: "Interrupting frees the row, and nothing is drawn after the step under way.",
  check: (subject) =>
    Effect.gen(function* () {
      const backend = yield* Backend
      const openRows = subject.openRows ?? Effect.succeed(0)
      const before = yield* openRows
      let seen = 0
      const drawing = backend.generate(request(subject, { seed: 5 })).pipe(
        Stream.tap(() => (++seen < TAKEN ? Effect.void : Effect.never)),
        Stream.runDrain
      )
      const meter = new Usage.Meter()
      const fiber = yield* Effect.forkChild(Effect.provideService(drawing, Usage.CurrentMeter, meter))
      yield* Effect.repeat(Effect.sleep(1), {
        until: () => seen >= TAKEN || fiber.pollUnsafe() !== undefined,
        times: 5000
      })
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      const rows = yield* openRows
      const thrownAway = meter.usage.drawnTokens
      yield* Effect.sleep(20)
      const failures: Array<string> = []
      if (seen < TAKEN) failures.push(`only ${seen} tokens came: ${Exit.isFailure(exit) ? "it failed" : "it ended"}`)
      if (rows > before) failures.push(`${rows - before} rows stay open after the interruption`)
      if (seen > TAKEN) failures.push(`${seen - TAKEN} tokens came after the interruption`)
      if (meter.usage.drawnTokens !== thrownAway || thrownAway > 1)
        failures.push("more than the step under way was drawn")
      return verdict(failures, `stopped after ${TAKEN} tokens; ${thrownAway} thrown away`)
    })
}
