import { spawnSync } from "node:child_process"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..")
export const packages = ["core", "tokenizer", "self-evaluator", "strategies", "onnx", "huggingface", "lab"] as const
/** Everything that goes to the registry, by folder. */
export const published = [...packages.map((name) => `packages/${name}`), "models/pocket"] as const

/** Runs a tool and gives what it printed; a tool that fails throws with all of that. */
export const run = (command: string, args: ReadonlyArray<string>, cwd: string = root): string => {
  const bin = join(root, "node_modules", ".bin")
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${bin}:${process.env.PATH}` }
  const result = spawnSync(command, args, { cwd, encoding: "utf8", env, maxBuffer: 1 << 28 })
  const printed = `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")}\n${printed}`)
  return printed
}
