// A real PostgreSQL for tests, on this machine's processor: the one that is installed, in a folder of its own.
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { chownSync, existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import { delimiter, join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { orSkipped, run, type Skipped, Unavailable } from "./Cache.ts"
import { end, freePort, hasEnded, listen, notStarted } from "./Child.ts"

export interface Found {
  readonly version: string
  /** The folder with initdb and postgres. */
  readonly bin: string
}

/** Finds the newest PostgreSQL of this machine, on PATH or where Debian puts it, or says that there is none. */
export const find = (): Promise<Found | Skipped> =>
  orSkipped(async () => {
    if (process.platform !== "linux") throw new Unavailable("PostgreSQL is started on Linux only")
    const onPath = (process.env["PATH"] ?? "").split(delimiter)
    const debian = globSync("/usr/lib/postgresql/*/bin").toSorted((a, b) => b.localeCompare(a, "en", { numeric: true }))
    const bin = [...onPath, ...debian].find((folder) =>
      ["initdb", "postgres"].every((name) => existsSync(join(folder, name)))
    )
    if (bin === undefined) {
      throw new Unavailable("PostgreSQL's initdb and postgres are not here; Debian has them in the package postgresql")
    }
    return { version: (await run(join(bin, "postgres"), ["--version"])).trim(), bin }
  })

/** PostgreSQL refuses to run as root: then it runs as whoever owns nothing. The kernel ends it with who started it. */
const invocation = async (command: string, args: ReadonlyArray<string>) => {
  const { uid } = userInfo()
  if (uid !== 0) return { command: "setpriv", args: ["--pdeathsig", "QUIT", command, ...args], uid }
  const other = Number(await run("id", ["-u", "nobody"]))
  const user = ["--reuid", String(other), "--regid", String(other), "--clear-groups", "--pdeathsig", "QUIT"]
  return { command: "setpriv", args: [...user, command, ...args], uid: other }
}

export interface Running {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly stop: () => Promise<void>
}

/** Makes an empty database and serves it on a free port of this machine alone; `stop` leaves nothing behind. */
export const start = async ({ bin }: Found): Promise<Running> => {
  const folder = mkdtempSync(join(tmpdir(), "mulligan-postgres-"))
  const [user, password, port] = ["mulligan", randomBytes(16).toString("hex"), await freePort()]
  const secret = join(folder, "password")
  writeFileSync(secret, password)
  const data = join(folder, "data")
  const making = [
    "-D",
    data,
    "-U",
    user,
    "-E",
    "UTF8",
    "--locale=C",
    "-A",
    "scram-sha-256",
    `--pwfile=${secret}`,
    "--no-sync"
  ]
  const make = await invocation(join(bin, "initdb"), making)
  for (const path of [folder, secret]) chownSync(path, make.uid, make.uid)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    await run(make.command, make.args, { cwd: folder })
    const settings = { listen_addresses: "127.0.0.1", port, unix_socket_directories: folder, fsync: "off" }
    const set = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
    const serve = await invocation(join(bin, "postgres"), ["-D", data, ...set])
    const child = spawn(serve.command, serve.args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
    await ready(child)
    const stop = async () => {
      await end(child, "SIGQUIT")
      remove()
    }
    return { host: "127.0.0.1", port, user, password, database: "postgres", stop }
  } catch (error) {
    remove()
    throw error
  }
}

const ready = async (child: ChildProcess) => {
  const log = listen(child)
  const until = performance.now() + 60_000
  while (!log().includes("ready to accept connections")) {
    if (hasEnded(child) || performance.now() > until) {
      await end(child, "SIGQUIT")
      throw notStarted("PostgreSQL", log())
    }
    await setTimeout(20)
  }
}
