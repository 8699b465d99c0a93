/** A small job on the scripted backend, for processes that are killed too. */
import type * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Reward from "@mulligan/lab/preferences/Reward"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import { writeFileSync } from "node:fs"
import { join } from "node:path"

const subjects = ["sky", "sea", "rain", "snow", "wind", "moon", "sun", "fog", "hail", "tide", "dew", "ice"]

/** The job's prompts: 12, or each as often as there are places. */
export const writePrompts = (folder: string, places: ReadonlyArray<string> = [""]): string => {
  const file = join(folder, "prompts.jsonl")
  const rows = places.flatMap((place) =>
    subjects.map((subject) => ({ prompt: `Why is the ${subject}${place} as it is, and what was it before?` }))
  )
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
  return file
}

type Log = (line: string) => void

const asked = (prompt: unknown) => JSON.stringify(prompt).match(/Why is the (\w+)/)?.[1] ?? ""

/** Answers of 3 to 9 digits, the end of text included. */
export const script = (log: Log = () => {}, delay?: number): ScriptedBackend.Script => ({
  length: ({ seed }) => 3 + (seed % 7),
  text: ({ prompt, seed }, position) => {
    log(`t ${asked(prompt)} ${seed} ${position}`)
    return position === 2 + (seed % 7) ? "" : String((seed >> position) % 10)
  },
  delay: () => delay
})

/** The sum of the digits, so that there are ties. */
export const sumOfDigits = (log: Log = () => {}) =>
  Reward.verifier("sum of digits", (prompt, text) => {
    log(`r ${asked(prompt)} ${text}`)
    return [...text].reduce((sum, digit) => sum + Number(digit), 0)
  })

export const options = (folder: string, file: string, log?: Log) => ({
  folder,
  sources: [{ file, dataset: "ours", licence: { name: "CC0", terms: "Do as you like." } }],
  model: "scripted",
  drafts: 5,
  seed: 3,
  reward: sumOfDigits(log),
  margin: 2
})

export const quiet = Effect.provideService(References.MinimumLogLevel, "None")
