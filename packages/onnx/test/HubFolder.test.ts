import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
  rmSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import * as ort from "onnxruntime-node"
import * as ExternalData from "@mulligan/onnx/ExternalData"
import { fileOf } from "../src/internal/folder.ts"
import { sha256 } from "./hubServer.ts"
import { read, world } from "./hubWorld.ts"
import { fixture } from "./subjects.ts"

const scratch = realpathSync(mkdtempSync(join(tmpdir(), "mulligan-hub-folder-")))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const commit = "0123456789abcdef0123456789abcdef01234567"
const write = (path: string, text = "x") => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}
const link = (path: string, target: string) => {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(relative(dirname(path), target), path)
}

let count = 0
/** A cache with one model, one blob, and another model beside it. */
const layout = () => {
  const cache = join(scratch, String(count++))
  const repository = join(cache, "models--a--b")
  const blob = write(join(repository, "blobs/abc"))
  write(join(cache, "models--c--d/blobs/abc"))
  write(join(cache, "secret"))
  write(join(repository, "secret"))
  write(join(repository, "blobs/deep/secret"))
  return { cache, repository, blob, snapshot: join(repository, "snapshots", commit) }
}

describe("a link leads out of a snapshot to a blob of the same repository, and nowhere else", () => {
  it.effect.each(["", "onnx", "cpu_and_mobile/cpu-int4"])("from %j", (folder) =>
    Effect.gen(function* () {
      const { blob, snapshot } = layout()
      const path = join(snapshot, folder, "model.onnx")
      link(path, blob)
      assert.strictEqual(yield* fileOf(join(snapshot, folder), "model.onnx"), path)
      assert.strictEqual(yield* fileOf(snapshot, join(folder, "model.onnx")), path)
    })
  )

  type Layout = ReturnType<typeof layout>
  it.effect.each([
    ["another model's blob", ({ cache }: Layout) => join(cache, "models--c--d/blobs/abc")],
    ["the cache", ({ cache }: Layout) => join(cache, "secret")],
    ["the repository's folder", ({ repository }: Layout) => join(repository, "secret")],
    ["below the blobs", ({ repository }: Layout) => join(repository, "blobs/deep/secret")],
    ["the blobs themselves", ({ repository }: Layout) => join(repository, "blobs")],
    ["another snapshot", ({ repository }: Layout) => write(join(repository, "snapshots/other/x"))]
  ] as const)("not to %s", ([, target]) =>
    Effect.gen(function* () {
      const there = layout()
      link(join(there.snapshot, "model.onnx"), target(there))
      assert.match((yield* Effect.flip(fileOf(there.snapshot, "model.onnx"))).message, /leads out of its folder/)
    })
  )

  it.effect("not by way of a blob", () =>
    Effect.gen(function* () {
      const { cache, repository, snapshot } = layout()
      link(join(repository, "blobs/link"), join(cache, "secret"))
      link(join(snapshot, "model.onnx"), join(repository, "blobs/link"))
      assert.match((yield* Effect.flip(fileOf(snapshot, "model.onnx"))).message, /leads out of its folder/)
    })
  )

  it.effect.each([
    ["models--a--b/other", "a folder beside the snapshots"],
    ["models--a--b/snapshots/main", "a snapshot of no commit"],
    [`datasets--a--b/snapshots/${commit}`, "what is no model"],
    [`snapshots/${commit}`, "what is no repository"]
  ] as const)("not from %s", ([folder]) =>
    Effect.gen(function* () {
      const { cache } = layout()
      const blob = write(join(cache, folder.split("/")[0]!, "blobs/abc"))
      const beside = write(join(cache, "blobs/abc"))
      for (const [name, target] of [
        ["1", blob],
        ["2", beside]
      ] as const) {
        link(join(cache, folder, name), target)
        assert.match((yield* Effect.flip(fileOf(join(cache, folder), name))).message, /leads out of its folder/)
      }
    })
  )
})

const real = () => {
  const files = Object.fromEntries(
    ["config.json", "tokenizer.json", "tokenizer_config.json"].map((name) => [
      name,
      readFileSync(join(fixture("llama-gqa"), name))
    ])
  )
  const [graph, data] = ["model.onnx", "model.onnx.data"].map((name) => readFileSync(join(fixture("llama-gqa"), name)))
  return { ...files, "onnx/model.onnx": graph!, "onnx/model.onnx.data": data! }
}
const loads = (graph: string) =>
  Effect.gen(function* () {
    yield* ExternalData.check(graph)
    const session = yield* Effect.promise(() => ort.InferenceSession.create(graph, { logSeverityLevel: 4 }))
    yield* Effect.promise(() => session.release())
  })

describe("ONNX Runtime loads a graph with external data out of the cache", () => {
  it.live("as it was fetched", () =>
    Effect.gen(function* () {
      const { fetch } = yield* world(real())
      const { graph } = yield* fetch()
      assert.isTrue(lstatSync(graph).isSymbolicLink())
      yield* loads(graph)
    })
  )

  it.live(
    "where huggingface_hub keeps the data in the store that repositories share, with and without the network",
    () =>
      Effect.gen(function* () {
        for (const env of [{}, { HF_HUB_OFFLINE: "1" }]) {
          const files = real()
          const { cache, fetch, home } = yield* world(files)
          const { graph } = yield* fetch()
          for (const [i, path] of (["onnx/model.onnx", "onnx/model.onnx.data"] as const).entries()) {
            const blob = join(cache, "blobs", sha256(files[path]))
            const shared = join(home, `hub/blobs/${i}${i}/${String(i).repeat(64)}`)
            mkdirSync(dirname(shared), { recursive: true })
            linkSync(blob, shared)
            rmSync(blob)
            link(blob, shared)
          }
          // This is what has to be got around.
          const refused = yield* Effect.exit(
            Effect.promise(() => ort.InferenceSession.create(graph, { logSeverityLevel: 4 }))
          )
          assert.match(String(refused), /escapes model directory/)
          assert.strictEqual((yield* fetch({}, env)).graph, graph)
          yield* loads(graph)
          assert.isTrue(read(graph).equals(files["onnx/model.onnx"]))
        }
      })
  )

  it.live("offline a graph that lacks its data is passed over for one that is whole", () =>
    Effect.gen(function* () {
      const files = real()
      const small = readFileSync(join(fixture("qwen2"), "model.onnx"))
      const { cache, fetch } = yield* world({ ...files, "onnx/model_q4.onnx": small })
      yield* fetch({ precision: "q4" })
      const { graph } = yield* fetch()
      assert.isTrue(graph.endsWith("model.onnx"))
      rmSync(join(cache, "blobs", sha256(files["onnx/model.onnx.data"])))
      const found = yield* fetch({}, { HF_HUB_OFFLINE: "1" })
      assert.isTrue(found.graph.endsWith("model_q4.onnx"))
      yield* loads(found.graph)
    })
  )
})
