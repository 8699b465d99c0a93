/**
 * What the laws are checked on for each model in the repository: what `transformers`, or the code that trained it, says.
 */
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Prompt } from "@mulligan/core"
import type { Subject } from "@mulligan/core/testing/BackendLaws"
import { OnnxBackend } from "@mulligan/onnx"

export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
export const families = ["llama-gqa", "qwen2", "gpt-neox"] as const
export const pocketFolder = fileURLToPath(new URL("../../../models/pocket", import.meta.url))

export interface Case {
  readonly prompt: Prompt.Prompt
  readonly promptIds: ReadonlyArray<number>
  readonly logits: ReadonlyArray<number>
  readonly greedyIds: ReadonlyArray<number>
  readonly greedyText: string
  readonly logProbs: ReadonlyArray<number>
  readonly labels: ReadonlyArray<{ readonly after: number; readonly probabilities: ReadonlyArray<number> }>
}
export interface Reference {
  readonly question: string
  readonly labels: ReadonlyArray<string>
  readonly spellings: Record<string, ReadonlyArray<number>>
  readonly unicode: ReadonlyArray<{ readonly text: string; readonly ids: ReadonlyArray<number> }>
  readonly cases: ReadonlyArray<Case>
}
export const json = <T>(path: string): T => JSON.parse(readFileSync(path, "utf8")) as T

export const reference = (name: string): Reference => json(fixture(`${name}/reference.json`))

interface Asked {
  readonly No: number
  readonly Yes: number
}
export interface PocketCase {
  readonly level: string
  readonly prompt: string
  readonly promptIds: ReadonlyArray<number>
  readonly checkIds: ReadonlyArray<number>
  readonly answerIds: ReadonlyArray<number>
  readonly answer: string
  readonly logProbs: ReadonlyArray<number>
  readonly right: boolean
  /** After so many tokens: asked by the question, and the reserved tokens at the answer's own next position. */
  readonly labels: ReadonlyArray<{ readonly after: number; readonly asked: Asked; readonly reserved: Asked }>
}
export const pocketCases = (): ReadonlyArray<PocketCase> => json(fixture("pocket.json"))
export const pocketQuestion = 'Would you do better if you started over? ("Yes." or "No.")'

export const pocketPrompt = ({ prompt }: PocketCase): Prompt.Prompt => Prompt.user(prompt)

/** Floating point differs with the size of a batch, by about 1e-6: at most one draft in many may take another turn. */
const independenceBound = 0.02

const familySubject = (name: string): Omit<Subject, "openRows"> => {
  const { cases, labels, question } = reference(name)
  const { greedyIds, labels: known, prompt } = cases[1]!
  return {
    prompt,
    question,
    labels,
    maxTokens: 12,
    reference: { greedy: greedyIds, labels: known.filter((l) => l.after <= 12) },
    independenceBound
  }
}

const pocketSubject = (): Omit<Subject, "openRows"> => {
  const first = pocketCases()[0]!
  const known = first.labels.map(({ after, asked }) => ({ after, probabilities: [asked.No, asked.Yes] }))
  return {
    prompt: pocketPrompt(first),
    question: pocketQuestion,
    labels: ["No", "Yes"],
    maxTokens: first.answerIds.length,
    reference: { greedy: first.answerIds, labels: known },
    independenceBound
  }
}

/** Each model with its folder and subject. */
export const subjects = () => [
  ...families.map((name) => ({ name, model: fixture(name), subject: familySubject(name) })),
  { name: "pocket", model: pocketFolder, subject: pocketSubject() }
]

/** The subject with a look at the rows of the backend around. */
export const observed = (subject: Omit<Subject, "openRows">) =>
  Effect.map(OnnxBackend.Onnx, (onnx): Subject => ({
    ...subject,
    openRows: Effect.map(onnx.describe, (d) => d.drawing + d.waiting)
  }))
