// transformers.js: one batch of as many copies of the prompt as drafts, which is how its `generate` draws several at once. The
// graph is Optimum's, as its documentation advises, or the one of GenAI's builder where "genai" is said before the job.
import { AutoModelForCausalLM, BaseStreamer, env, Tensor } from "@huggingface/transformers"
import { answer } from "../onnx/Turn.ts"
import { distinct, job, overBase, peak, Watch } from "../onnx/Watch.ts"

const given = job()
const base = peak()
env.allowRemoteModels = false
env.localModelPath = `${given.folder}/`

const isFused = process.argv.includes("genai")
const model = await AutoModelForCausalLM.from_pretrained(isFused ? "genai" : "optimum", {
  subfolder: isFused ? "" : "onnx",
  device: "cpu",
  dtype: "fp32", // the name of the file: model.onnx, whatever is in it
  session_options: { intraOpNumThreads: given.threads }
})

class Counter extends BaseStreamer {
  /** @param {(tokens: ReadonlyArray<ReadonlyArray<bigint>>) => void} told */
  constructor(told) {
    super()
    this.told = told
    this.isPrompt = true
  }
  /** @override */
  put(tokens) {
    if (!this.isPrompt) this.told(tokens)
    this.isPrompt = false
  }
  /** @override */
  end() {}
}

const draw = async (ids, tokens, told, isRandom = true) => {
  const rows = Array.from({ length: given.n }, () => ids).flat()
  const dims = [given.n, ids.length]
  const output = await model.generate({
    input_ids: new Tensor("int64", BigInt64Array.from(rows, BigInt), dims),
    attention_mask: new Tensor("int64", new BigInt64Array(rows.length).fill(1n), dims),
    max_new_tokens: tokens,
    min_new_tokens: tokens,
    do_sample: isRandom,
    temperature: 1,
    top_k: 50, // its default; from the whole vocabulary it draws several times slower
    streamer: new Counter(told)
  })
  return output.tolist().map((row) => row.slice(ids.length))
}

await draw(given.warmIds, 3, () => undefined)
const [greedy] = await draw(given.warmIds, given.greedy, () => undefined, false)
const watch = new Watch(given)
const drafts = await draw(given.ids, given.tokens, (tokens) => watch.token(tokens.length))
const times = watch.times()
answer({
  ...times,
  lengths: drafts.map(({ length }) => length),
  distinct: distinct(drafts),
  peakBytes: overBase(base),
  greedy: greedy.map(Number),
  version: env.version
})
