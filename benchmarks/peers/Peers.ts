// The peers, each brought once: the npm packages into benchmarks/peers/node_modules, the Python one into tmp/servers.
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../../scripts/checks/run.ts"
import { once, orSkipped, run, sha256 } from "../../scripts/servers/Cache.ts"
import { headline, nameOf } from "../onnx/Cell.ts"
import { type Contender, inNode } from "../onnx/Turn.ts"

const folder = join(root, "benchmarks/peers")

/** Without install scripts: one downloads CUDA libraries, the other builds llama.cpp; ready builds are among the packages. */
const packages = () =>
  orSkipped(async () => {
    const [stamp, lock] = [join(folder, "node_modules/stamp"), join(folder, "package-lock.json")]
    if (existsSync(stamp) && readFileSync(stamp, "utf8") === sha256(lock)) return undefined
    const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" }
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    // Optional packages are builds for other machines, gigabytes of them.
    await run("npm", ["ci", "--omit=optional", "--ignore-scripts", ...quiet], { cwd: folder, env })
    writeFileSync(stamp, sha256(lock))
    return undefined
  })

const genai = () =>
  orSkipped(async () => {
    const lock = join(folder, "genai.lock")
    const venv = await once("genai-venv", sha256(lock), async (draft) => {
      await run("python3", ["-m", "venv", draft])
      const quiet = ["--quiet", "--disable-pip-version-check"]
      await run(join(draft, "bin/python"), ["-m", "pip", "install", ...quiet, "--require-hashes", "-r", lock])
    })
    return join(venv, "bin/python")
  })

const inPackages: ReadonlyArray<Contender> = [
  { name: "transformersJs", command: inNode("peers/transformersJs.mjs"), isRandom: true },
  // The graph that GenAI's builder would write runs there too; its documentation advises Optimum's, so that one is compared.
  {
    name: "transformersJsFused",
    command: [...inNode("peers/transformersJs.mjs"), "genai"],
    isRandom: true,
    takes: (cell) => nameOf(cell) === nameOf(headline)
  },
  { name: "nodeLlamaCpp", command: inNode("peers/nodeLlamaCpp.mjs"), isRandom: true }
]

export interface Brought {
  readonly contenders: ReadonlyArray<Contender>
  /** Who could not be had, and why. */
  readonly missing: ReadonlyArray<string>
}

export const bring = async (): Promise<Brought> => {
  const [installed, python] = [await packages(), await genai()]
  const missing = [
    ...(installed === undefined ? [] : inPackages.map(({ name }) => `${name}: ${installed.skipped}`)),
    ...(typeof python === "string" ? [] : [`genai: ${python.skipped}`])
  ]
  const contenders = [
    ...(installed === undefined ? inPackages : []),
    ...(typeof python === "string"
      ? [{ name: "genai", command: [python, join(folder, "genai.py")], isRandom: true }]
      : [])
  ]
  return { contenders, missing }
}
