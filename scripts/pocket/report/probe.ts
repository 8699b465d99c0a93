/**
 * What is measured on the running backend itself: which forms it can ask, what they cost, and its speed.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Candidate, Usage } from "@mulligan/core"
import { Candidates } from "@mulligan/strategies"
import { scorers } from "../forms.ts"
import { LONGEST } from "../problems.ts"
import { empty } from "../recordJob.ts"
import { type Form, forms } from "../Recording.ts"
import { type Figure, figure, ratio } from "./Figure.ts"

const draft = (prompt: string) =>
  Stream.runCollect(empty({ prompt, temperature: 1 }, 1).pipe(Candidates.generate({ maxTokens: LONGEST }))).pipe(
    Effect.map((drafts): ReadonlyArray<Candidate.Candidate> => drafts)
  )

/** Tokens read to judge one finished draft, by form; a form that the backend cannot ask is left out. */
export const questionTokens = (prompt: string) =>
  Effect.gen(function* () {
    const tokens = { full: 0, short: 0, token: 0, reserved: 0 }
    const able: Array<Form> = []
    for (const form of forms) {
      // Drawn anew each time: a token that is appended takes the row of the draft that it follows.
      const drafts = yield* draft(prompt)
      const asked = Stream.runDrain(Stream.fromIterable(drafts).pipe(Candidates.score(scorers[form])))
      const [usage, exit] = yield* Usage.measure(asked)
      if (exit._tag === "Failure") continue
      tokens[form] = usage.readTokens
      able.push(form)
    }
    return { tokens, able }
  })

/** One draft after another, on one thread. */
export const speed = (
  prompts: ReadonlyArray<string>
): Effect.Effect<Figure, unknown, Effect.Services<ReturnType<typeof draft>>> =>
  Effect.gen(function* () {
    for (const prompt of prompts.slice(0, 5)) yield* draft(`${prompt}`)
    const rows: Array<ReadonlyArray<number>> = []
    for (const prompt of prompts) {
      const start = performance.now()
      const [usage] = yield* Usage.measure(draft(prompt))
      rows.push([usage.drawnTokens, (performance.now() - start) / 1000])
    }
    return figure("tokensPerSecond", rows, ratio, ">= 300")
  })
