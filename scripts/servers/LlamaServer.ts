// A real llama-server for tests and benchmarks, on this machine's processor.
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { cache, once, orSkipped, run, type Skipped, Unavailable } from "./Cache.ts"
import { end, freePort, hasEnded, listen, notStarted } from "./Child.ts"
import { type Pin, unpack } from "./DebianPackages.ts"

/** llama.cpp and what it needs down to the C library, which is newer than that of most machines. */
const PINS: ReadonlyArray<Pin> = [
  {
    name: "llama.cpp-tools",
    version: "1:0.7.0+dfsg-2",
    sha256: "3007c170f116891974bd37d5ba802f094c7d020412f2100cc71582fc8530895c"
  },
  {
    name: "libllama0",
    version: "1:0.7.0+dfsg-2",
    sha256: "7d49cde5582ccdc8c454b379ba627eea8c95813b6a9c70628653101f629204d6"
  },
  {
    name: "libggml0",
    version: "0.27.0-1",
    sha256: "f621153d6615a8dd1ac4b14e110cbafca34cc66f551367c5f6326f71fb141b0d"
  },
  {
    name: "libc6",
    version: "2.43-7",
    sha256: "5c71715c51103beb4fbba9fe9f8dff604af6610dfa71c70bff342f54a7860803"
  },
  {
    name: "libgcc-s1",
    version: "16.2.0-4",
    sha256: "d251ea642c3795e8723ac2b9eeebe511467ca04590ba70f3d555a7616787d7e3"
  },
  {
    name: "libstdc++6",
    version: "16.2.0-4",
    sha256: "cef6654bba1daece0bc0dbe0e3f69fa5a26eb6ba139f3536e6f4806bd787f3e7"
  },
  {
    name: "libgomp1",
    version: "16.2.0-4",
    sha256: "11cb09fd79c2de0acbdc23b0eb350445c563b16a36d879b355dfd45a5d2d6d3e"
  },
  {
    name: "libssl3t64",
    version: "3.6.5-1",
    sha256: "0a0ec84fe860c5c93c74d53cbb071aea0793327a3761b483080e9d7b73c21b37"
  },
  {
    name: "libzstd1",
    version: "1.5.7+dfsg-4",
    sha256: "93e7930e4c25b918f1dd980cc1c6d4487654a248f5fa71eacb976ed7bbe954bd"
  },
  {
    name: "zlib1g",
    version: "1:1.3.dfsg+really1.3.2-4",
    sha256: "8506ce550a81ac14b047608e0df121037d9cbb10c3cc28446f68cf8c1d9d31ce"
  }
]
const NAME = "llama.cpp"

export interface Brought {
  readonly version: string
  /** Versions that are not the pinned ones; empty when all are. */
  readonly note: string
}

/** Brings llama-server into tmp/servers, or says why it cannot be had; at once when it is there. */
export const bring = (): Promise<Brought | Skipped> =>
  orSkipped(async () => {
    const machine = `${process.platform}-${process.arch}`
    if (machine !== "linux-x64") throw new Unavailable(`llama-server is brought for linux-x64 only; this is ${machine}`)
    const folder = await once(NAME, JSON.stringify(PINS), async (draft) => {
      const scratch = join(draft, "apt")
      writeFileSync(join(draft, "note"), await unpack(PINS, join(draft, "root"), scratch))
      rmSync(scratch, { recursive: true })
    })
    const { args, command, options } = invocation(["--version"])
    const version = (await run(command, args, options)).match(/version: (.*)/)?.[1]
    if (version === undefined) throw new Unavailable("llama-server does not say its version")
    return { version, note: readFileSync(join(folder, "note"), "utf8") }
  })

/** How the unpacked program is run: by the loader and with the libraries that came with it. */
const invocation = (args: ReadonlyArray<string>) => {
  const root = join(cache, NAME, "root")
  const libraries = join(root, "usr/lib/x86_64-linux-gnu")
  const loader = join(libraries, "ld-linux-x86-64.so.2")
  const path = `${libraries}:${join(libraries, "llama")}`
  return {
    // The kernel ends the server with the thread that started it, however that ended.
    command: "setpriv",
    args: ["--pdeathsig", "KILL", loader, "--library-path", path, join(root, "usr/bin/llama-server"), ...args],
    // The best of the processor's back ends is looked for in the working folder; LLAMA_ARG_… of the user's stay out.
    options: { cwd: join(libraries, "ggml/backends0"), env: { PATH: process.env["PATH"] } }
  }
}

export interface Options {
  /** The full path of a GGUF file. */
  readonly model: string
  /** How many requests run at a time; 1 by default. */
  readonly slots?: number | undefined
  /** Tokens a slot can hold, by default as many as the model was made for. */
  readonly context?: number | undefined
  readonly args?: ReadonlyArray<string> | undefined
}

export interface Running {
  readonly url: string
  readonly stop: () => Promise<void>
  /** What the server has printed, the newest million characters. */
  readonly log: () => string
}

/** Starts a server that was brought, and waits until it answers; fails with its last words where it does not. */
export const start = async ({ args = [], context = 0, model, slots = 1 }: Options): Promise<Running> => {
  const port = await freePort()
  const address = ["--host", "127.0.0.1", "--port", `${port}`, "--metrics", "--slots", "--no-ui", "--offline"]
  const sizes = ["--model", model, "--parallel", `${slots}`, "--ctx-size", `${slots * context}`]
  // Threads that spin while they wait would take the cores from whoever asks, or from a second server.
  const call = invocation([...address, ...sizes, "--poll", "0", ...args])
  const child = spawn(call.command, call.args, { ...call.options, stdio: ["ignore", "pipe", "pipe"] })
  const [log, stop] = [listen(child), () => end(child, "SIGKILL")]
  const url = `http://127.0.0.1:${port}`
  if (await answers(child, url)) return { url, stop, log }
  await stop()
  throw notStarted("llama-server", log())
}

/** Until the model is loaded the server answers 503. */
const answers = async (child: ChildProcess, url: string): Promise<boolean> => {
  const until = performance.now() + 60_000
  while (!hasEnded(child) && performance.now() < until) {
    const { ok } = await fetch(`${url}/health`).catch(() => ({ ok: false }))
    if (ok) return !hasEnded(child)
    await setTimeout(20)
  }
  return false
}
