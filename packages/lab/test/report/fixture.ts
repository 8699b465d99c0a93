import * as Effect from "effect/Effect"
import { Report, Setting, type Policy } from "@mulligan/lab"
import type { Task } from "@mulligan/lab"
import { count, plan, prompts, script, task } from "../evaluated.ts"
import { recorded } from "../harness.ts"

/** What a hostile prompt or draft would hold. */
export const HOSTILE = `</p></pre><script>globalThis.pwned = "'"</script><img src="https://example.org/x.png" onerror='pwned=2'>&amp;`

/** A draft's second token is hostile, its third a long word and a line's end, its fourth the other way round. */
const texts = [undefined, HOSTILE, `${"long".repeat(40)}\n`, "\u202eהפוך"] as const

/** Prompts end in what is hostile. */
export const hostile: Task.Task = {
  ...task,
  name: `begins with a ${HOSTILE}`,
  problems: prompts.map((prompt, i) => ({
    id: `problem ${i}`,
    prompt: [{ role: "user", content: `${prompt} ${HOSTILE}` }],
    reference: HOSTILE,
    about: { level: HOSTILE }
  }))
}

const scorer = Setting.selfEvaluation.value

export const policies: Readonly<Record<string, Policy.Policy>> = {
  stops: { count, stop: 0.8, scorer },
  "prunes <b>half</b>": { count, cuts: [{ after: 3, keep: 0.5 }], scorer },
  "prunes twice, in rounds": {
    count,
    rounds: [2, 4],
    stop: 0.9,
    scorer,
    cuts: [
      { after: 2, keep: 0.75 },
      { after: 3, keep: 1 }
    ]
  },
  "prunes below": { count, cuts: [{ after: 3, below: 0.5 }], scorer }
}

export const recording = Effect.cached(
  recorded(
    { ...plan, prompts: hostile.problems.map(({ prompt }) => prompt) },
    { ...script, text: (request, position) => texts[position] ?? script.text!(request, position) }
  )
).pipe(Effect.runSync)

export const options = { task: hostile, policies, resamples: 200 } as const

export const report = Effect.cached(Effect.flatMap(recording, (all) => Report.make(all, options))).pipe(Effect.runSync)
export const html = Effect.cached(Effect.flatMap(report, Report.html)).pipe(Effect.runSync)
