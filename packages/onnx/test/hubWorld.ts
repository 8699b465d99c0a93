/** What the tests of the Hub share: a small repository, an empty cache each, and the environment that leads to both. */
import { afterAll, assert } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type FetchOptions, fetchFile, type FileOptions, fetchModel } from "@mulligan/onnx/Hub"
import { type Files, type Hub, serve, sha256 } from "./hubServer.ts"

const scratch = mkdtempSync(join(tmpdir(), "mulligan-hub-"))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

export const model = "some-owner/some-model"
export const dataset = "some-owner/some-data"
/** Bytes that differ everywhere, so that a wrong offset shows. */
export const bytes = (size: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 2654435761) >>> 13))
export const weights = bytes(300_000)

/** A protobuf message of one field. */
const field = (number: number, body: string | Buffer): Buffer => {
  const content = Buffer.from(body)
  const length = [content.length & 0x7f, content.length >> 7].map((part, i) => (i === 0 ? part | 0x80 : part))
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), content])
}
/** As much of an ONNX graph as says where its weights are. */
export const graph = (data?: string): Buffer => {
  const location = Buffer.concat([field(1, "location"), field(2, data ?? "")])
  return Buffer.concat([
    field(6, bytes(5000)),
    ...(data === undefined ? [] : [field(7, field(5, field(13, location)))])
  ])
}
export const files: Files = {
  "README.md": "not needed",
  "config.json": '{ "model_type": "llama" }',
  "generation_config.json": "{}",
  "tokenizer.json": '{ "model": {} }',
  "tokenizer_config.json": "{}",
  "chat_template.jinja": "{{ messages }}",
  "onnx/model.onnx": graph("model.onnx_data"),
  "onnx/model.onnx_data": weights,
  "onnx/model_q4.onnx": graph()
}
/** What the default takes of it on the CPU. */
export const needed = Object.keys(files).filter((path) => path !== "README.md" && !path.includes("q4"))

export interface World {
  readonly hub: Hub
  /** HF_HOME */
  readonly home: string
  /** The model's folder of the cache. */
  readonly cache: string
  /** What was logged. */
  readonly logged: Array<string>
  readonly fetch: (options?: Partial<FetchOptions>, env?: Record<string, string>) => ReturnType<typeof fetchModel>
  /** A file of a dataset. */
  readonly file: (
    path: string,
    options?: Partial<FileOptions>,
    env?: Record<string, string>
  ) => ReturnType<typeof fetchFile>
}

/** A Hub and an empty cache. */
export const world = (there: Files = files, repo?: string) =>
  Effect.map(serve(there, repo), (hub): World => {
    const home = mkdtempSync(join(scratch, "home-"))
    const logged: Array<string> = []
    const within = (env: Record<string, string> = {}) => {
      const provider = ConfigProvider.fromUnknown({ HF_ENDPOINT: hub.url, HF_HOME: home, ...env })
      const logger = Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])
      return Effect.provide([ConfigProvider.layer(provider), logger])
    }
    const fetch: World["fetch"] = (options, env) => within(env)(fetchModel({ model, ...options }))
    const file: World["file"] = (path, options, env) =>
      within(env)(fetchFile({ repo: dataset, repoType: "dataset", path, ...options }))
    return { hub, home, logged, fetch, file, cache: join(home, "hub/models--some-owner--some-model") }
  })

/** All files under a folder, as text paths; links are what they are. */
export const tree = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted()

export const read = (...path: ReadonlyArray<string>): Buffer => readFileSync(join(...path))

/** What was asked of a file, as `HOST RANGE`. */
export const asked = ({ hub }: World, file: string): ReadonlyArray<string> =>
  hub.seen.filter(({ path }) => path.endsWith(`/${file}`)).map(({ host, range }) => `${host} ${range ?? "all"}`)

/** The file that most of these tests are about, and where its bytes come from. */
export const DATA = "model.onnx_data"
export const cdn = (times = 1) => ({ on: /^cdn GET .*_data$/, times })
export const blob = ({ cache }: World): string => join(cache, "blobs", sha256(weights))
export const isRight = (at: World): void => assert.isTrue(read(blob(at)).equals(weights))
/** What lies among the blobs and is none. */
export const leftovers = ({ cache }: World): ReadonlyArray<string> =>
  tree(join(cache, "blobs")).filter((name) => name.includes("."))
