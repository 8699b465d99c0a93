// npm run pocket:formats: the pocket model in every form that other programs read, made of the shipped ONNX model.
import { spawnSync } from "node:child_process"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { root } from "../checks/run.ts"
import { orSkipped } from "../servers/Cache.ts"
import { environment } from "../servers/PocketFormats.ts"

const usage = `npm run pocket:formats -- [options]

  --model FOLDER   the ONNX model with its configurations (default: models/pocket)
  --out FOLDER     where safetensors, gguf, genai and small go (default: tmp/pocket-formats)

small is the ONNX model in the fewest bits that move no probability by more than 0.001; it fails if none are that few.
Needs Python 3.11 or newer, and brings packages into tmp/servers once (100 MB).`

const { values } = parseArgs({
  options: {
    model: { type: "string", default: join(root, "models/pocket") },
    out: { type: "string", default: join(root, "tmp/pocket-formats") },
    help: { type: "boolean", short: "h", default: false }
  }
})

if (values.help) {
  console.log(usage)
} else {
  const brought = await orSkipped(environment)
  if (typeof brought !== "string") {
    console.error(`The formats cannot be written: ${brought.skipped}.`)
    process.exit(1)
  }
  const args = ["-m", "pocket.all_formats", "--model", resolve(values.model), "--out", resolve(values.out)]
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" }
  const { status } = spawnSync(join(brought, "bin/python"), args, {
    cwd: join(root, "training"),
    env,
    stdio: "inherit"
  })
  process.exitCode = status ?? 1
}
