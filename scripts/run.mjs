// node scripts/run.mjs FILE.ts [args]        sets up what is missing, then runs FILE on a Node that is new enough
// node scripts/run.mjs --bin NAME [args]     the same for a tool of node_modules/.bin
import { spawn } from "node:child_process"
import { join } from "node:path"
import { nodeBinary, root, setup, SetupError, toolPath } from "./setup.mjs"

const [first, ...rest] = process.argv.slice(2)
try {
  setup()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(`\n${error.message}\n`)
  process.exit(1)
}

const isTool = first === "--bin"
const script = isTool ? join(root, "node_modules", rest[0], ...binOf(rest[0])) : join(root, first)
const child = spawn(nodeBinary(), ["--disable-warning=ExperimentalWarning", script, ...rest.slice(isTool ? 1 : 0)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, PATH: toolPath() }
})
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal))
child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)))

/** Where a tool keeps its JavaScript: `.bin` holds shell scripts, which a brought Node cannot run. */
function binOf(name) {
  return { vitest: ["vitest.mjs"], oxfmt: ["bin", "oxfmt"] }[name]
}
