// The pocket model as servers read it, and a model of random weights to measure them with: made by Python, once.
import { globSync } from "node:fs"
import { join } from "node:path"
import { root } from "../checks/run.ts"
import { once, orSkipped, run, sha256, type Skipped } from "./Cache.ts"

const training = join(root, "training")
const lock = join(training, "formats.lock")

export interface Formats {
  /** The pocket model as transformers and vLLM read it: safetensors, configuration, tokenizer. */
  readonly folder: string
  /** The pocket model as GGUF. */
  readonly pocket: string
  /** Random weights with the pocket model's tokenizer and a context of 4096 tokens, as GGUF. */
  readonly random: string
  /** The same, which writes bytes that are no whole characters too. */
  readonly bytes: string
}

const isRecent =
  "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed, this is ' + sys.version)"

/** A Python that has what formats.lock names, brought into tmp/servers once. */
export const environment = () =>
  once("venv", sha256(lock), async (draft) => {
    await run("python3", ["-c", isRecent])
    await run("python3", ["-m", "venv", draft])
    const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock]
    await run(join(draft, "bin/python"), install)
  })

/** Writes both models into tmp/servers, or says why they cannot be had; at once when they are there. */
export const bring = (): Promise<Formats | Skipped> =>
  orSkipped(async () => {
    const python = join(await environment(), "bin/python")
    const programs = ["bpe", "formats", "random_model"].map((name) => join(training, `pocket/${name}.py`))
    const model = globSync("models/pocket/*{.json,.onnx}", { cwd: root }).toSorted()
    const stamp = sha256(lock, ...programs, ...model.map((name) => join(root, name)))
    const folder = await once("pocket", stamp, async (draft) => {
      const options = { cwd: training, env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" } }
      await run(python, ["-m", "pocket.formats", "--out", draft], options)
      await run(python, ["-m", "pocket.random_model", "--out", draft], options)
    })
    const gguf = (name: string) => join(folder, `${name}.gguf`)
    return { folder, pocket: gguf("pocket"), random: gguf("random"), bytes: gguf("bytes") }
  })
