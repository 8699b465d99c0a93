/**
 * Which files of a repository are needed: one graph with its weights, and what tells of model and text.
 */
import * as Effect from "effect/Effect"
import type * as BackendError from "@mulligan/core/BackendError"
import { pathsOf, type Precision, precisions } from "../GraphFiles.ts"
import { invalid, unsupported } from "../internal/errors.ts"
import type { Entry } from "./Listing.ts"

export interface Wanted {
  readonly model: string
  readonly device: "cpu" | "cuda"
  readonly precision?: Precision | undefined
  readonly subfolder?: string | undefined
}

export interface Selection {
  /** Folder of the repository that is the model's, "" for the root. */
  readonly folder: string
  readonly graph: Entry
  /** All that is needed, the graph among them. */
  readonly files: ReadonlyArray<Entry>
}

type Selected = Effect.Effect<Selection, BackendError.BackendError>
type Entries = ReadonlyArray<Entry>

const GENAI = "genai_config.json"
const ABOUT = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  GENAI
]

const NAMES = { cpu: "the CPU", cuda: "CUDA" }
const LARGEST_FP32 = 2 * 2 ** 30

const within = (folder: string, name: string) => (folder === "" ? name : `${folder}/${name}`)
const folderOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")))

/** The graph and its external data, by the names that exporters give it. */
const withData = (entries: Entries, graph: Entry): Entries =>
  entries.filter(
    ({ path }) =>
      path === graph.path || (path.startsWith(graph.path) && /^[._]data(_\d+)?$/.test(path.slice(graph.path.length)))
  )

const bytes = (entries: Entries) => entries.reduce((sum, { size }) => sum + size, 0)

const graphOf = (entries: Entries, folder: string, precision: Precision): Entry | undefined =>
  pathsOf(precision)
    .map((path) => entries.find((entry) => entry.path === within(folder, path)))
    .find((entry) => entry !== undefined)

/**
 * In which order precisions are taken where none is asked for. On the CPU a half-precision cache is slow or refused, so
 * full precision where it is small, else four bits. On CUDA half precision, which its tensor cores compute.
 */
const preferred = (entries: Entries, folder: string, device: Wanted["device"]): ReadonlyArray<Precision> => {
  if (device === "cuda") return ["fp16", "q4f16", "fp32", "q4", "int8"]
  const full = graphOf(entries, folder, "fp32")
  const isSmall = full !== undefined && bytes(withData(entries, full)) <= LARGEST_FP32
  return isSmall ? ["fp32"] : ["q4", "int8", "fp32"]
}

const selected = (entries: Entries, folder: string, graph: Entry, { model }: Wanted): Selected => {
  const about = entries.filter(({ path }) => ABOUT.some((name) => path === within(folder, name)))
  const has = (name: string) => about.some(({ path }) => path === within(folder, name))
  const lacking = has("tokenizer.json")
    ? has("config.json") || has(GENAI)
      ? undefined
      : "config.json"
    : "tokenizer.json"
  return lacking === undefined
    ? Effect.succeed({ folder, graph, files: [...about, ...withData(entries, graph)] })
    : invalid(`${model} has no ${within(folder, lacking)}.`, "Use another export of this model.")
}

/** A decoder beside its encoder reads what that makes; nothing of it is fetched. */
const checkAlone = (
  entries: Entries,
  graph: Entry,
  { model }: Wanted
): Effect.Effect<void, BackendError.BackendError> =>
  entries.some(({ path }) => folderOf(path) === folderOf(graph.path) && /(^|\/)encoder_model[^/]*\.onnx$/.test(path))
    ? unsupported(
        "encoder-decoder models",
        `${model} is an encoder-decoder model.`,
        "Use a model that is a decoder alone."
      )
    : Effect.void

/** Graphs under the names that transformers.js and Optimum give them. */
const byName = (entries: Entries, folder: string, wanted: Wanted): Selected | undefined => {
  const there = precisions.filter((precision) => graphOf(entries, folder, precision) !== undefined)
  if (there.length === 0) return undefined
  const order = wanted.precision === undefined ? preferred(entries, folder, wanted.device) : [wanted.precision]
  const graph = order.map((precision) => graphOf(entries, folder, precision)).find((found) => found !== undefined)
  if (graph !== undefined)
    return Effect.andThen(checkAlone(entries, graph, wanted), selected(entries, folder, graph, wanted))
  const what = wanted.precision ?? `graph for ${NAMES[wanted.device]}`
  return invalid(`${wanted.model} has no ${what}, but ${there.join(", ")}.`, "Give one of these as `precision`.")
}

/** A GenAI folder holds one graph, of any name. */
const genaiGraph = (entries: Entries, folder: string): Entry | undefined => {
  const graphs = entries.filter(({ path }) => folderOf(path) === folder && path.endsWith(".onnx"))
  return (
    graphs.find(({ path }) => path === within(folder, "model.onnx")) ?? (graphs.length === 1 ? graphs[0] : undefined)
  )
}

const inFolder = (entries: Entries, folder: string, wanted: Wanted): Selected | undefined => {
  const graph = entries.some(({ path }) => path === within(folder, GENAI)) ? genaiGraph(entries, folder) : undefined
  return graph === undefined ? byName(entries, folder, wanted) : selected(entries, folder, graph, wanted)
}

const DEVICES: Record<Wanted["device"], ReadonlyArray<string>> = { cpu: ["cpu"], cuda: ["cuda", "gpu"] }
const OTHERS = ["directml", "dml", "webgpu", "web", "qnn", "npu", "openvino", "vitisai", "rocm", "coreml", "trt"]
const WORDS: Record<Precision, RegExp> = {
  fp32: /fp32/,
  fp16: /fp16/,
  q4: /int4|q4/,
  q4f16: /int4|q4/,
  int8: /int8|q8/
}

/** Whether the folder's name speaks of this device, or of none, and of this precision where one is asked for. */
const fits = (folder: string, { device, precision }: Wanted): boolean => {
  const words = folder.toLowerCase().split(/[^a-z0-9]+/)
  const isFor = (devices: ReadonlyArray<string>) => words.some((word) => devices.includes(word))
  const isForAny = isFor([...DEVICES.cpu, ...DEVICES.cuda, ...OTHERS])
  return (!isForAny || isFor(DEVICES[device])) && (precision === undefined || WORDS[precision].test(folder))
}

const byFolder = (entries: Entries, wanted: Wanted): Selected => {
  const folders = entries.filter(({ path }) => path.endsWith(`/${GENAI}`)).map(({ path }) => folderOf(path))
  if (folders.length === 0)
    return invalid(
      `${wanted.model} holds no ONNX decoder.`,
      "Use an ONNX export of it: onnx/model.onnx beside tokenizer.json, or ONNX Runtime GenAI folders."
    )
  const fitting = folders.filter((folder) => fits(folder, wanted))
  const [folder] = fitting
  if (folder !== undefined && fitting.length === 1) return inSubfolder(entries, folder, wanted)
  const what = fitting.length === 0 ? "none fits" : `${fitting.length} fit`
  return invalid(
    `${wanted.model} keeps its graphs in folders, of which ${what} ${NAMES[wanted.device]}${wanted.precision === undefined ? "" : ` in ${wanted.precision}`}.`,
    `Give one of these as \`subfolder\`: ${(fitting.length === 0 ? folders : fitting).join(", ")}.`
  )
}

const inSubfolder = (entries: Entries, folder: string, wanted: Wanted): Selected =>
  inFolder(entries, folder, wanted) ??
  invalid(`${wanted.model} has no graph in ${folder}.`, "Give the folder of the graph as `subfolder`, or none.")

/** Chooses; fails, saying what there is, where nothing fits or more than one does. */
export const select = (entries: Entries, wanted: Wanted): Selected => {
  if (wanted.subfolder !== undefined) return inSubfolder(entries, wanted.subfolder.replace(/\/+$/, ""), wanted)
  return inFolder(entries, "", wanted) ?? byFolder(entries, wanted)
}
