// node-llama-cpp: one context with a sequence for each draft, which are evaluated in common batches. The prompt is read once, and
// its state is given to the others by a file, the only way to copy a sequence that is documented.
import { getLlama, LlamaLogLevel } from "node-llama-cpp"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { answer } from "../onnx/Turn.ts"
import { distinct, job, overBase, peak, Watch } from "../onnx/Watch.ts"

const given = job()
const llama = await getLlama({
  gpu: false,
  build: "never",
  maxThreads: given.threads,
  progressLogs: false,
  logLevel: LlamaLogLevel.error
})
const base = peak()
const model = await llama.loadModel({ modelPath: join(given.folder, "model.gguf") })
const context = await model.createContext({
  sequences: given.n,
  contextSize: given.prompt + given.tokens,
  threads: { ideal: given.threads, min: given.threads }
})
const scratch = mkdtempSync(join(tmpdir(), "mulligan-bench-"))
const sequences = Array.from({ length: given.n }, () => context.getSequence())

/** All but the last token of the prompt, in every sequence. */
const share = async (ids) => {
  const [first, ...others] = sequences
  for (const sequence of sequences) await sequence.clearHistory()
  await first.evaluateWithoutGeneratingNewTokens(ids.slice(0, -1))
  if (others.length === 0) return
  const file = join(scratch, "prompt")
  await first.saveStateToFile(file)
  for (const sequence of others) await sequence.loadStateFromFile(file, { acceptRisk: true })
}

const drawOne = async (sequence, i, ids, tokens, told, temperature) => {
  // 40 is its default; from the whole vocabulary it draws several times slower.
  const options = { temperature, topK: 40, topP: 1, minP: 0, seed: given.seed * 1000 + i, yieldEogToken: true }
  const drawn = []
  for await (const token of sequence.evaluate(ids.slice(-1), options)) {
    drawn.push(token)
    told()
    if (drawn.length === tokens) break
  }
  return drawn
}

const draw = async (ids, tokens, told, temperature = 1) => {
  await share(ids)
  return Promise.all(sequences.map((sequence, i) => drawOne(sequence, i, ids, tokens, told, temperature)))
}

await draw(given.warmIds, 3, () => undefined)
const [greedy] = await draw(given.warmIds, given.greedy, () => undefined, 0)
const watch = new Watch(given)
const drafts = await draw(given.ids, given.tokens, () => watch.token())
const times = watch.times()
rmSync(scratch, { recursive: true })
answer({
  ...times,
  lengths: drafts.map(({ length }) => length),
  distinct: distinct(drafts),
  peakBytes: overBase(base),
  greedy,
  version: JSON.parse(readFileSync(new URL("node_modules/node-llama-cpp/package.json", import.meta.url), "utf8"))
    .version
})
process.exit(0) // its threads keep the process alive
