// The models, made once by Python into tmp/bench-models, and what they are asked.
import { globSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { root } from "../../scripts/checks/run.ts"
import { once, orSkipped, run, sha256, type Skipped } from "../../scripts/servers/Cache.ts"
import * as PocketFormats from "../../scripts/servers/PocketFormats.ts"
import type { Cell, Device } from "./Cell.ts"
import type { Job } from "./Turn.ts"

const training = join(root, "training")

/** Writes all forms of both models (3 GB, half a minute), or says why they cannot be had; at once when they are there. */
export const bring = (): Promise<string | Skipped> =>
  orSkipped(async () => {
    const programs = globSync(["bench/*.py", "pocket/{bpe,formats,genai}.py"], { cwd: training }).toSorted()
    const pocket = globSync("models/pocket/*{.json,.onnx}", { cwd: root }).toSorted()
    const files = [...programs.map((name) => join(training, name)), ...pocket.map((name) => join(root, name))]
    return once("../bench-models", sha256(join(training, "formats.lock"), ...files), async (draft) => {
      const python = join(await PocketFormats.environment(), "bin/python")
      const options = { cwd: training, env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" } }
      await run(python, ["-m", "bench.forms", "--out", draft], options)
    })
  })

interface Words {
  readonly ids: ReadonlyArray<number>
  readonly pieces: ReadonlyMap<number, string>
}

/** Tokens that are a space and small letters: any row of them is a text that is split into just these again. */
const wordsOf = (folder: string): Words => {
  const { model } = JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8")) as {
    readonly model: { readonly vocab: Readonly<Record<string, number>> }
  }
  const words = Object.entries(model.vocab).filter(([piece]) => /^Ġ[a-z]+$/.test(piece))
  return { ids: words.map(([, id]) => id), pieces: new Map(words.map(([piece, id]) => [id, piece])) }
}

/** A prime, so that neighbours have nothing in common. */
const STRIDE = 7919

const pick = ({ ids }: Words, count: number, from: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, i) => ids[((i + from) * STRIDE) % ids.length]!)

const textOf = ({ pieces }: Words, ids: ReadonlyArray<number>): string =>
  ids.map((id) => pieces.get(id)!.replace("Ġ", " ")).join("")

const WARM = 16
const GREEDY = 4

/** A line break before a question and one behind it are tokens too. */
const question = (words: Words, tokens: number): string => textOf(words, pick(words, tokens - 2, 5 * WARM))

export interface Setting {
  readonly tokens: number
  readonly threads: number
  readonly device: Device
  readonly seed: number
  /** Numbers of tokens of the questions whose evaluation is measured. */
  readonly questions: ReadonlyArray<number>
}

export const jobOf = (models: string, cell: Cell, { questions, ...setting }: Setting): Job => {
  const folder = join(models, cell.model, cell.precision)
  const words = wordsOf(join(folder, "optimum"))
  const [ids, warmIds] = [pick(words, cell.prompt, WARM), pick(words, WARM, 0)]
  const asked = questions.map((tokens) => [String(tokens), question(words, tokens)])
  const texts = { text: textOf(words, ids), warmText: textOf(words, warmIds) }
  const labels = pick(words, 2, 0).map((id) => textOf(words, [id]).trim())
  return {
    ...cell,
    ...setting,
    ...texts,
    folder,
    ids,
    warmIds,
    labels,
    greedy: GREEDY,
    questions: Object.fromEntries(asked)
  }
}

interface Shape {
  readonly num_hidden_layers: number
  readonly num_key_value_heads: number
  readonly head_dim: number
}

/** What a model needs at least while it draws: its weights, and single-precision keys and values of one prompt and all drafts. */
export const leastBytes = ({ folder, n, prompt, tokens }: Job): number => {
  const optimum = join(folder, "optimum")
  const shape = JSON.parse(readFileSync(join(optimum, "config.json"), "utf8")) as Shape
  const token = 2 * shape.num_hidden_layers * shape.num_key_value_heads * shape.head_dim * 4
  return statSync(join(optimum, "onnx/model.onnx_data")).size + token * (prompt + n * tokens)
}
