// The limit: GroupQueryAttention with its cache bound in place, by ONNX Runtime's C API, and nothing in the loop but the call.
// Nothing is drawn either: the tokens that are read are known beforehand.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Binding } from "../../packages/onnx/src/capi/Binding.ts"
import { Library } from "../../packages/onnx/src/capi/Library.ts"
import { Session } from "../../packages/onnx/src/capi/Session.ts"
import { Value } from "../../packages/onnx/src/capi/Value.ts"
import { answer } from "./Turn.ts"
import { job, overBase, peak } from "./Watch.ts"

interface Config {
  readonly num_hidden_layers: number
  readonly num_key_value_heads: number
  readonly head_dim: number
  readonly vocab_size: number
}

const given = job()
const { ids, n, threads, tokens } = given
const library = await Library.load()
const base = peak()
const session = await Session.open(library, join(given.folder, "raw/model.onnx"), { threads })
const config = JSON.parse(readFileSync(join(given.folder, "optimum/config.json"), "utf8")) as Config
const { head_dim: width, num_key_value_heads: heads, vocab_size: vocabulary } = config

const room = ids.length + tokens
const row = heads * room * width
const names = Array.from({ length: config.num_hidden_layers }, (_, i) => [`${i}.key`, `${i}.value`]).flat()
const cache = names.map((name) => ({ name, data: new Float32Array(n * row) }))

/** Reads `length` tokens in each of the first `rows` rows; what is in `ids`, `ends` and `total` is read at every run. */
const reader = (rows: number, length: number) => {
  const [read, ends, total] = [new BigInt64Array(rows * length), new Int32Array(rows), new Int32Array(1)]
  const logits = new Float32Array(rows * vocabulary)
  const kept = cache.map(({ data, name }) => [name, Value.over(library, "float32", data, [rows, heads, room, width])])
  const under = (prefix: string) =>
    Object.fromEntries(kept.map(([name, value]) => [`${prefix}.${name as string}`, value]))
  const inputs = {
    input_ids: Value.over(library, "int64", read, [rows, length]),
    seqlens_k: Value.over(library, "int32", ends, [rows]),
    total_sequence_length: Value.over(library, "int32", total, []),
    ...under("past_key_values")
  }
  const outputs = { logits: Value.over(library, "float32", logits, [rows, 1, vocabulary]), ...under("present") }
  return { read, ends, total, logits, binding: Binding.of(session, { inputs, outputs } as never) }
}
type Reader = ReturnType<typeof reader>

const run = ({ binding, ends, total }: Reader, before: number, length: number) => {
  ends.fill(before + length - 1)
  total[0] = before + length
  binding.run()
}

const prefill = (all: ReadonlyArray<number>): Float32Array => {
  const prompt = reader(1, all.length)
  all.forEach((id, i) => (prompt.read[i] = BigInt(id)))
  run(prompt, 0, all.length)
  prompt.binding.close()
  return prompt.logits
}

/** The prompt's keys and values, read once, for every row. */
const spread = () => {
  for (const { data } of cache) for (let i = 1; i < n; i++) data.copyWithin(i * row, 0, row)
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
const rows = reader(n, 1)
for (let at = 0; at < 3; at++) step(rows, at)

const start = performance.now()
prefill(ids)
spread()
const first = performance.now()
for (let at = 0; at < tokens - 1; at++) step(rows, at)
const end = performance.now()
const peakBytes = overBase(base)
check(rows.logits.slice((n - 1) * vocabulary))

answer({
  prefillMs: first - start,
  stepMs: (end - first) / (tokens - 1),
  totalMs: end - start,
  lengths: Array.from({ length: n }, () => tokens),
  distinct: n,
  peakBytes,
  longestGapMs: null,
  greedy,
  version: library.version
})
