// The limit: GroupQueryAttention with its cache bound in place, by ONNX Runtime's C API, and nothing in the loop but the call.
// Nothing is drawn either: the tokens that are read are known beforehand. On a device cache and logits stay there.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Binding } from "../../packages/onnx/src/capi/Binding.ts"
import * as ElementType from "../../packages/onnx/src/capi/ElementType.ts"
import { Library } from "../../packages/onnx/src/capi/Library.ts"
import { Session } from "../../packages/onnx/src/capi/Session.ts"
import { Value } from "../../packages/onnx/src/capi/Value.ts"
import { fromHalf } from "../../packages/onnx/src/internal/half.ts"
import { answer } from "./Turn.ts"
import { job, overBase, peak } from "./Watch.ts"

interface Config {
  readonly num_hidden_layers: number
  readonly num_key_value_heads: number
  readonly head_dim: number
  readonly vocab_size: number
}

const given = job()
const { device, ids, n, threads, tokens } = given
const isOnDevice = device === "cuda"
const library = await Library.load()
const base = peak()
const provider = isOnDevice ? { cuda: 0 } : "cpu"
const session = await Session.open(library, join(given.folder, "raw/model.onnx"), { threads, provider })
const config = JSON.parse(readFileSync(join(given.folder, "optimum/config.json"), "utf8")) as Config
const { head_dim: width, num_key_value_heads: heads, vocab_size: vocabulary } = config

const room = ids.length + tokens
const row = heads * room * width
const names = Array.from({ length: config.num_hidden_layers }, (_, i) => [`${i}.key`, `${i}.value`]).flat()
const kind = session.inputs.find(({ name }) => name.startsWith("past"))?.type === "float16" ? "float16" : "float32"
const inJavaScript = (dims: ReadonlyArray<number>) =>
  Value.over(library, kind, ElementType.make(kind, ElementType.elements(dims)) as never, dims)
const made = (dims: ReadonlyArray<number>) => (isOnDevice ? Value.allocate(session, kind, dims) : inJavaScript(dims))
/** The last row, in single precision. */
const numbers = ({ data }: Value): Float32Array => {
  const last = data!.slice(-vocabulary)
  return last instanceof Uint16Array ? Float32Array.from(last, fromHalf) : (last as Float32Array)
}
const cache = names.map((name) => ({ name, value: made([n, heads, room, width]) }))

/** Reads `length` tokens in each of `rows` rows from one on; what is in `ids`, `ends` and `total` is read at every run. */
const reader = (rows: number, length: number, { from = 0, logits = inJavaScript([rows, 1, vocabulary]) } = {}) => {
  const [read, ends, total] = [new BigInt64Array(rows * length), new Int32Array(rows), new Int32Array(1)]
  const kept = cache.map(({ name, value }) => [name, value.view([rows, heads, room, width], from * row)] as const)
  const under = (prefix: string) => Object.fromEntries(kept.map(([name, value]) => [`${prefix}.${name}`, value]))
  const inputs = {
    input_ids: Value.over(library, "int64", read, [rows, length]),
    seqlens_k: Value.over(library, "int32", ends, [rows]),
    total_sequence_length: Value.over(library, "int32", total, []),
    ...under("past_key_values")
  }
  const outputs = { logits, ...under("present") }
  return { read, ends, total, logits, binding: Binding.of(session, { inputs, outputs } as never) }
}
type Reader = ReturnType<typeof reader>

const run = ({ binding, ends, total }: Reader, before: number, length: number) => {
  ends.fill(before + length - 1)
  total[0] = before + length
  binding.run()
}

const prefill = (all: ReadonlyArray<number>, from = 0): Float32Array => {
  const prompt = reader(1, all.length, { from })
  all.forEach((id, i) => (prompt.read[i] = BigInt(id)))
  run(prompt, 0, all.length)
  prompt.binding.close()
  return numbers(prompt.logits)
}

/** The prompt's keys and values, read once, for every row; on a device each row reads for itself, and nobody counts it. */
const spread = () => {
  for (let i = 1; i < n; i++) {
    if (isOnDevice) prefill(ids, i)
    else for (const { value } of cache) value.data!.copyWithin(i * row, 0, row)
  }
}

/** What is read in place of drawn tokens. */
const fed = (i: number, step: number): number => ids[(i + step) % ids.length]!

const step = (rows: Reader, at: number) => {
  for (let i = 0; i < n; i++) rows.read[i] = BigInt(fed(i, at))
  run(rows, ids.length + at, 1)
}

/** Whether the cache in place holds what it should: a row read from its beginning has the same logits at its end. */
const check = (last: Float32Array) => {
  const all = [...ids, ...Array.from({ length: tokens - 1 }, (_, at) => fed(n - 1, at))]
  const again = prefill(all)
  const mean = (of: (i: number) => number) => last.reduce((sum, _, i) => sum + of(i), 0) / last.length
  const apart = mean((i) => Math.abs(last[i]! - again[i]!)) / mean((i) => Math.abs(again[i]!))
  if (!(apart < (given.precision === "fp32" ? 1e-4 : 0.1))) throw new Error(`The cache in place is off by ${apart}.`)
}

const likeliest = (logits: Float32Array): number => logits.reduce((best, x, i) => (x > logits[best]! ? i : best), 0)

const greedy: Array<number> = []
while (greedy.length < given.greedy) greedy.push(likeliest(prefill([...given.warmIds, ...greedy])))
const rows = reader(n, 1, { logits: made([n, 1, vocabulary]) })
for (let at = 0; at < 3; at++) step(rows, at)

const start = performance.now()
prefill(ids)
const read = performance.now()
spread()
const first = performance.now()
for (let at = 0; at < tokens - 1; at++) step(rows, at)
const end = performance.now()
const peakBytes = overBase(base)
const told = isOnDevice ? reader(n, 1) : rows
if (isOnDevice) step(told, tokens - 2)
check(numbers(told.logits))

const prefillMs = (isOnDevice ? read : first) - start
answer({
  prefillMs,
  stepMs: (end - first) / (tokens - 1),
  totalMs: prefillMs + end - first,
  lengths: Array.from({ length: n }, () => tokens),
  distinct: n,
  peakBytes,
  longestGapMs: null,
  greedy,
  version: library.version
})
