import type { Prompt } from "@mulligan/core"
import type * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Record } from "@mulligan/lab"
import type { Task } from "@mulligan/lab"
import { Annealing } from "@mulligan/strategies"
import type { Plan } from "./harness.ts"

/** Drafts of up to six tokens, `a` or `b`; right are those that begin with `a`, about half of them. */
export const script: ScriptedBackend.Script = {
  length: ({ seed }) => 3 + (seed % 4),
  text: ({ prompt, seed }, position) => ((seed >> (position + String(prompt).length)) % 2 === 0 ? "a" : "b"),
  // Knows nothing before the third token, and all but always the truth from there on.
  probability: ({ prefix }) => {
    const said = prefix.map(({ text }) => text).join("")
    const noise = ((said.length * 37 + said.split("a").length * 17) % 10) / 100
    if (prefix.length < 3) return 0.5
    return said.startsWith("a") ? 0.85 + noise : 0.1 + noise
  }
}

export const count = 6
export const prompts = Array.from({ length: 40 }, (_, i) => `problem ${"x".repeat(i % 7)} ${i}`)

export const plan: Plan = {
  prompts,
  count,
  seed: Record.seedOf,
  temperature: [1, Annealing.exponential({ from: 0, to: 1 })],
  readings: [{ ...Record.paper, tokens: [2, 3], shares: [0.5, 1] }]
}

export const task: Task.Task = {
  name: "begins with a",
  problems: prompts.map((prompt: Prompt.Prompt, i) => ({ id: String(i), prompt })),
  answerOf: (text) => text[0],
  grade: (_, text) => (text.startsWith("a") ? 1 : 0)
}
