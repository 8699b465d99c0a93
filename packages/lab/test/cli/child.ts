import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

export const root = resolve(import.meta.dirname, "../../../..")
export const pocket = join(root, "models/pocket")
/** TypeScript runs as it is; older Node says with a warning that it does so. */
const command = ["--disable-warning=ExperimentalWarning", join(root, "packages/lab/src/cli.ts")]

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** How often something came on the standard output. */
  readonly pieces: number
}

export interface Given {
  readonly env?: NodeJS.ProcessEnv | undefined
  /** Piped in; left out: nothing. */
  readonly input?: string | undefined
  readonly cwd?: string | undefined
  /** Nobody reads its standard output. */
  readonly isUnread?: boolean | undefined
  /** Told what the child has written to its standard error so far; may end it. */
  readonly onStderr?: ((text: string, child: ChildProcess) => void) | undefined
}

/** Tokens, and what says something about colours. */
const unwanted = new Set(["HF_TOKEN", "NO_COLOR", "FORCE_COLOR", "NODE_DISABLE_COLORS", "CI", "COLORTERM"])

/** As on the machine of a person. */
const plain = (env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !unwanted.has(name))),
  ...env
})

/** The real command, as a process of its own, its output piped. */
export const mulligan = (
  args: ReadonlyArray<string>,
  { cwd = root, env, input = "", isUnread = false, onStderr }: Given = {}
) =>
  new Promise<Ended>((resolve, reject) => {
    const child = spawn(process.execPath, [...command, ...args], { cwd, env: plain(env) })
    let [stdout, stderr, pieces] = ["", "", 0]
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      pieces++
    })
    if (isUnread) child.stdout.destroy()
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
      onStderr?.(stderr, child)
    })
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, stdout, stderr, pieces }))
    child.stdin.on("error", () => {}).end(input)
  })

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

/** util-linux's, which runs a command on a terminal of its own. */
export const hasTerminal = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0

/** The same on a terminal; standard output and error are one there. */
export const onTerminal = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) =>
  new Promise<{ readonly code: number | null; readonly shown: string }>((resolve, reject) => {
    const line = `stty cols 100 rows 30; ${[process.execPath, ...command, ...args].map(quoted).join(" ")}`
    const child = spawn("script", ["-qec", line, "/dev/null"], { cwd: root, env: plain({ TERM: "xterm", ...env }) })
    let shown = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (shown += text))
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, shown }))
  })

/** A folder that is gone after the work. */
export const inFolder = async <A>(work: (folder: string) => Promise<A>): Promise<A> => {
  const folder = mkdtempSync(join(tmpdir(), "mulligan-cli-"))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Games that the pocket model plays, as a file of problems. */
export const writeGames = (file: string, count: number): void => {
  const games = Array.from({ length: count }, (_, i) => `Make ${20 + (i % 60)} from ${2 + (i % 7)} 3 ${5 + (i % 11)}`)
  writeFileSync(file, games.map((content) => `${JSON.stringify({ messages: [{ role: "user", content }] })}\n`).join(""))
}
