// The least that a process of Node can be: our graph in onnxruntime-node with our cache, in the main thread. No tokenizer, no
// scheduler, no Effect, no thread of its own, and the graph was rewritten in another process.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Handle, StepRow } from "../../packages/onnx/src/Driver.ts"
import * as Embeddings from "../../packages/onnx/src/driver/Embeddings.ts"
import { open } from "../../packages/onnx/src/driver/NodeSession.ts"
import { RewrittenDriver } from "../../packages/onnx/src/driver/Rewritten.ts"
import type { About } from "./rewritten.ts"
import { answer, inNode } from "./Turn.ts"
import { distinct, job, overBase, peak } from "./Watch.ts"

const CHUNK = 256

const given = job()
const { ids, n, threads, tokens } = given

const rewritten = () => {
  const out = mkdtempSync(join(tmpdir(), "mulligan-bare-"))
  try {
    const [node = "", ...args] = inNode("onnx/rewritten.ts")
    const { status, stderr } = spawnSync(node, [...args, join(given.folder, "optimum"), out], { encoding: "utf8" })
    if (status !== 0) throw new Error(`The graph could not be rewritten: ${stderr}`)
    const about = JSON.parse(readFileSync(join(out, "about.json"), "utf8")) as About
    return { about, graph: readFileSync(join(out, "model.onnx")) }
  } finally {
    rmSync(out, { recursive: true })
  }
}

const { about, graph } = rewritten()
const base = peak()
const session = await open({ graph, folder: about.folder }, { threads })
const fed = about.table === undefined ? session : Embeddings.around(session, about.table)
const { takesPositions } = about
const driver = new RewrittenDriver(fed, about.config, { windows: [undefined], takesPositions })

const slot = (row: number, uniform: number) => ({ row, inverseTemperature: 1, uniform, mass: 0, wantsTop: false })

/** Reads a prompt; the likeliest token behind it. */
const prefill = async (prefix: Handle, all: ReadonlyArray<number>): Promise<number> => {
  driver.open(prefix, all.length)
  let token = 0
  for (let at = 0; at < all.length; at += CHUNK) {
    const ids = all.slice(at, at + CHUNK)
    const row = { prefix, prefixLength: at, own: 0, ownLength: 0, ids, store: "prefix", expected: 0 } as const
    const { readings } = await driver.step({
      rows: [row],
      slots: [{ ...slot(0, 0), inverseTemperature: 1e30 }],
      labels: []
    })
    token = readings[0]!.token!
  }
  return token
}

const PROMPT = 1
const rowOf = (own: Handle, ownLength: number, id: number): StepRow => ({
  prefix: PROMPT,
  prefixLength: ids.length,
  own,
  ownLength,
  ids: [id],
  store: "own",
  expected: tokens
})

const greedy: Array<number> = []
while (greedy.length < given.greedy) {
  const handle = 10 + greedy.length
  greedy.push(await prefill(handle, [...given.warmIds, ...greedy]))
  driver.drop([handle])
}

const start = performance.now()
const likeliest = await prefill(PROMPT, ids)
const first = performance.now()
// All begin with the likeliest token; what they go on with is drawn.
const drafts = Array.from({ length: n }, () => [likeliest])
for (let at = 0; at < tokens - 1; at++) {
  const rows = drafts.map((draft, i) => rowOf(100 + i, at, draft[at]!))
  const slots = rows.map((_, i) => slot(i, ((at * n + i + 1) * Math.SQRT2) % 1))
  const { readings } = await driver.step({ rows, slots, labels: [] })
  readings.forEach(({ token }, i) => drafts[i]!.push(token!))
}
const end = performance.now()
const peakBytes = overBase(base)

answer({
  prefillMs: first - start,
  stepMs: (end - first) / (tokens - 1),
  totalMs: end - start,
  lengths: drafts.map(({ length }) => length),
  distinct: distinct(drafts),
  peakBytes,
  longestGapMs: null,
  greedy,
  version: "our driver"
})
