import type * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import { Record } from "@mulligan/lab"

export const plan: Omit<Record.Options, "file" | "flushEvery"> = {
  model: "scripted",
  prompts: ["one", "three", "fourteen"],
  count: 6,
  seed: 3,
  temperature: [1, 0.7],
  maxTokens: 40,
  readings: [
    { ...Record.paper, tokens: [5], shares: [0.5, 1] },
    { labels: ["x", "y"], shares: [1] }
  ]
}

/** Lengths about `maxTokens`, so that some drafts are cut. */
export const script = (log: (line: string) => void, delay: number | undefined): ScriptedBackend.Script => ({
  length: ({ prompt, seed }) => 20 + ((seed + String(prompt).length) % 30),
  text: ({ prompt, seed, temperature }, position) => {
    log(`t ${String(prompt)} ${temperature} ${seed} ${position}`)
    return `${position} `
  },
  probability: ({ labels, prefix, prompt }) => {
    log(`r ${String(prompt)} ${labels.join("")} ${prefix.map(({ id }) => id).join(".")}`)
    return 0.5
  },
  delay: () => delay,
  judgeDelay: () => delay
})
