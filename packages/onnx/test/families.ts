/**
 * What the laws are checked on for each family, exporter and precision under fixtures/families: what `transformers` says, or,
 * where an export itself is something else (quantised, half precision, wrong), what the plain graph of the same file says.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Backend } from "@mulligan/core"
import type { Subject } from "@mulligan/core/testing/BackendLaws"
import { OnnxBackend } from "@mulligan/onnx"
import { fixture, json, reference } from "./subjects.ts"

interface Entry {
  /** Path under fixtures/families. */
  readonly graph: string
  readonly family: string
  /** Largest difference of a logit from `transformers`. */
  readonly prefill?: number
  /** What ONNX Runtime says where it does not run the graph. */
  readonly refused?: string
  /** What is wrong with the export. */
  readonly known?: string
}

/** Right to a few units of single precision. */
const EXACT = 1e-3
const TOKENS = 12

/** What the name of a file ends in. */
const precisions: Record<string, OnnxBackend.Options["precision"]> = {
  _fp16: "fp16",
  _q4: "q4",
  _q4f16: "q4f16",
  _quantized: "int8",
  _int8: "int8"
}

export interface Family {
  readonly name: string
  readonly options: OnnxBackend.Options
  readonly isExact: boolean
  /** Weights and activations in 8 bits, scaled over the whole batch: a row's result depends on what runs beside it. */
  readonly isDynamic: boolean
  readonly isHalf: boolean
  /** 4-bit weights whose products take the activations in 8 bits: in half precision a rounding becomes a step of those. */
  readonly isCoarse: boolean
}

/** What is known of a model, without a look at the rows of a backend. */
export type Known = Omit<Subject, "openRows">

/** All that ONNX Runtime can run on a CPU. */
export const all = (): ReadonlyArray<Family> =>
  json<ReadonlyArray<Entry>>(fixture("families/agreement.json"))
    .filter(({ refused }) => refused === undefined)
    .map(({ graph, known, prefill = 0 }) => {
      const [folder = "", file = ""] = [graph.split("/")[0], graph.split("/").at(-1)]
      const [, end = ""] = /^(?:decoder_)?model(?:_merged)?(.*)\.onnx$/.exec(file) ?? []
      const precision = precisions[end]
      return {
        name: `${folder} ${end}`.trim(),
        options: { model: fixture(`families/${folder}`), precision },
        isExact: prefill < EXACT && known === undefined,
        isDynamic: precision === "int8",
        isHalf: /f16|fp16/.test(graph),
        isCoarse: /^genai.*q4f16/.test(graph)
      }
    })

/** What the plain graph of the same file says. */
const fromPlain = (prompt: Subject["prompt"], question: string, labels: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const backend = yield* Backend.Backend
    const drawn = yield* Stream.runCollect(
      backend.generate({ prompt, prefix: [], temperature: 0, seed: 0, maxTokens: 2 * TOKENS })
    )
    const ask = (after: number) =>
      Effect.map(backend.logProbs({ prompt, prefix: drawn.slice(0, after), question, labels }), (found) => ({
        after,
        probabilities: found.labels.map(({ lower }) => Math.exp(lower))
      }))
    return { greedy: drawn.map(({ id }) => id as number), labels: [yield* ask(0), yield* ask(5)] }
  })

const known = ({ isExact, options }: Family): Effect.Effect<Subject["reference"], unknown> => {
  const { cases, labels, question } = reference(`families/${options.model.split(/[\\/]/).at(-1)}`)
  const { greedyIds, labels: told, prompt } = cases[1]!
  if (isExact) return Effect.succeed({ greedy: greedyIds, labels: told.filter(({ after }) => after <= TOKENS) })
  return fromPlain(prompt, question, labels).pipe(
    Effect.provide(OnnxBackend.layer({ ...options, graph: "plain", worker: false }))
  )
}

/**
 * CUDA multiplies four-bit weights by activations as they are, where the reference on the CPU has those in 8 bits; in half
 * precision it takes another kernel for one row than for several, so that a row's result depends on what runs beside it.
 */
const onCuda = (family: Family): Family => ({
  ...family,
  isCoarse: family.isCoarse || /^genai.*int4$/.test(family.name),
  isDynamic: family.isDynamic || /q4f16/.test(family.name)
})

/** What the laws may rely on. Half precision rounds elsewhere in the rewritten graph, whose cache is in single precision. */
export const subject = (given: Family, device: "cpu" | "cuda" = "cpu"): Effect.Effect<Known, unknown> => {
  const family = device === "cuda" ? onCuda(given) : given
  const { cases, labels, question } = reference(`families/${family.options.model.split(/[\\/]/).at(-1)}`)
  const loose = family.isDynamic
    ? ({ tolerance: 0.2, bound: 10, independenceBound: 1, seeds: "none" } as const)
    : family.isHalf || family.isCoarse
      ? { tolerance: family.isCoarse ? 0.1 : 2e-2, bound: 0.1, independenceBound: 0.05 }
      : { independenceBound: 0.02 }
  return Effect.map(known(family), (told) => ({
    prompt: cases[1]!.prompt,
    question,
    labels,
    maxTokens: TOKENS,
    reference: family.isCoarse ? { labels: told?.labels } : told,
    ...loose
  }))
}
