/**
 * A server that behaves as the Hub does, and another one as its CDN, on ports of this machine. Graphs, weights and Parquet are
 * in LFS: the Hub sends their askers to the CDN.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export type Files = Readonly<Record<string, string | Uint8Array>>

export interface Seen {
  readonly host: "hub" | "cdn"
  readonly method: string
  readonly path: string
  readonly range: string | undefined
  readonly authorization: string | undefined
}

/** Answers in the server's place; false: it does not, this time. `body`: what of the file was asked for. */
export type Fault = (response: ServerResponse, request: IncomingMessage, body: Buffer) => void | false

export interface Hub {
  readonly url: string
  readonly cdn: string
  readonly seen: Array<Seen>
  /** What is answered otherwise than by the Hub: the first whose pattern fits `HOST METHOD PATH`. */
  readonly faults: Array<{ readonly on: RegExp; times: number; readonly act: Fault }>
  /** Changes what `main` is. */
  readonly commit: (files: Files) => string
  /** Whoever sends no such token gets nothing. */
  token: string | undefined
  /** Ends at once, connections included. */
  readonly stop: () => void
}

export const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex")
export const gitHash = (bytes: Uint8Array | string): string =>
  createHash("sha1")
    .update(`blob ${Buffer.byteLength(bytes)}\0`)
    .update(bytes)
    .digest("hex")
const isLarge = (path: string) => /\.(onnx|parquet)/.test(path)
export const hashOf = (path: string, bytes: Uint8Array | string): string => (isLarge(path) ? sha256 : gitHash)(bytes)

export const ends =
  (status: number, headers: Record<string, string> = {}): Fault =>
  (response) =>
    void response.writeHead(status, headers).end("no, and here is what your token was")
/** Announces all, sends so much, and cuts the connection. */
export const cutsAfter =
  (bytes: number): Fault =>
  (response, request, body) => {
    head(response, request, body)
    response.write(body.subarray(0, bytes), () => setTimeout(() => response.destroy(), 5))
  }
/** Sends so much and then nothing, for ever. */
export const hangsAfter =
  (bytes: number): Fault =>
  (response, request, body) => {
    head(response, request, body)
    response.write(body.subarray(0, bytes))
  }
export const spoils: Fault = (response, request, body) => {
  head(response, request, body)
  const wrong = Buffer.from(body)
  wrong[wrong.length - 1]! ^= 1
  response.end(wrong)
}

const start = (request: IncomingMessage) => Number(request.headers.range?.match(/^bytes=(\d+)-/)?.[1] ?? 0)

const head = (response: ServerResponse, request: IncomingMessage, body: Buffer) => {
  const from = start(request)
  const total = from + body.length
  const isPart = request.headers.range !== undefined
  response.writeHead(isPart ? 206 : 200, {
    "content-length": String(body.length),
    ...(isPart ? { "content-range": `bytes ${from}-${total - 1}/${total}` } : {})
  })
}

const tree = (files: Files) =>
  Object.entries(files).map(([path, bytes]) => {
    const size = Buffer.byteLength(bytes)
    const entry = { type: "file", path, size, oid: gitHash(bytes) }
    if (!isLarge(path)) return entry
    return {
      ...entry,
      oid: "1".repeat(40),
      xetHash: "2".repeat(64),
      lfs: { oid: sha256(bytes), size, pointerSize: 130 }
    }
  })

const bodyOf = async (request: IncomingMessage): Promise<{ readonly paths: ReadonlyArray<string> }> => {
  let body = ""
  for await (const part of request) body += String(part)
  return JSON.parse(body)
}

const PAGE = 3

class Answers {
  readonly commits = new Map<string, Files>()
  main = ""
  url = ""
  cdn = ""
  repo: string | undefined

  hub(path: string, query: URLSearchParams, request: IncomingMessage, response: ServerResponse): void {
    const of = (repo: string) => path.startsWith(`/api/${repo}/`) || path.startsWith(`/${repo}/resolve/`)
    if (this.repo !== undefined && !of(this.repo))
      return void ends(404, { "x-error-code": "RepoNotFound" })(response, request, Buffer.of())
    const [, revision] = path.match(/^\/api\/(?:models|datasets)\/.+\/revision\/(.+)$/) ?? []
    if (revision !== undefined)
      return this.#json(response, this.#commitOf(decodeURIComponent(revision)), (sha) => ({ sha }))
    const [, , listed] = path.match(/^\/api\/models\/(.+)\/tree\/([^/]+)$/) ?? []
    if (listed !== undefined) return this.#tree(path, listed, Number(query.get("cursor") ?? 0), response)
    const [, about] = path.match(/^\/api\/.+\/paths-info\/([^/]+)$/) ?? []
    if (about !== undefined) return void this.#paths(about, request, response)
    const [, , at, file] = path.match(/^\/(.+)\/resolve\/([^/]+)\/(.+)$/) ?? []
    if (at === undefined || file === undefined) return void ends(404)(response, request, Buffer.of())
    return this.#resolve(at, file, request, response)
  }

  async #paths(commit: string, request: IncomingMessage, response: ServerResponse) {
    const { paths } = await bodyOf(request)
    const files = this.commits.get(commit)
    this.#json(response, files && tree(files), (all) => all.filter(({ path }) => paths.includes(path)))
  }

  #commitOf(revision: string) {
    return revision === "main" ? this.main : this.commits.has(revision) ? revision : undefined
  }

  #json<A>(response: ServerResponse, found: A | undefined, body: (found: A) => unknown) {
    if (found === undefined) return void response.writeHead(404, { "x-error-code": "RevisionNotFound" }).end()
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify(body(found)))
  }

  #tree(path: string, commit: string, from: number, response: ServerResponse) {
    const entries = tree(this.commits.get(commit) ?? {})
    const next = `<${this.url}${path}?recursive=true&cursor=${from + PAGE}>; rel="next"`
    if (from + PAGE < entries.length) response.setHeader("link", next)
    this.#json(response, entries, (all) => all.slice(from, from + PAGE))
  }

  #resolve(revision: string, file: string, request: IncomingMessage, response: ServerResponse) {
    const commit = this.#commitOf(decodeURIComponent(revision))
    const bytes = commit === undefined ? undefined : this.commits.get(commit)?.[file]
    if (commit === undefined || bytes === undefined)
      return void response.writeHead(404, { "x-error-code": "EntryNotFound" }).end()
    const hash = `"${hashOf(file, bytes)}"`
    response.setHeader("x-repo-commit", commit)
    response.setHeader(isLarge(file) ? "x-linked-etag" : "etag", hash)
    if (!isLarge(file)) return send(response, request, Buffer.from(bytes))
    response.setHeader("x-linked-size", String(Buffer.byteLength(bytes)))
    response.writeHead(302, { location: `${this.cdn}/${commit}/${file}?signed` }).end()
  }

  file(path: string): Buffer | undefined {
    const [, commit = "", file = ""] = path.match(/^\/(?:.+\/resolve\/)?([0-9a-f]{40})\/(.+)$/) ?? []
    const bytes = this.commits.get(commit)?.[file]
    return bytes === undefined ? undefined : Buffer.from(bytes)
  }
}

const send = (response: ServerResponse, request: IncomingMessage, bytes: Buffer) => {
  const body = bytes.subarray(start(request))
  head(response, request, body)
  response.end(request.method === "HEAD" ? undefined : body)
}

const listening = (server: Server) =>
  new Promise<string>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  )

class Running implements Hub {
  readonly seen: Array<Seen> = []
  readonly faults: Hub["faults"] = []
  readonly #answers = new Answers()
  readonly #servers = (["hub", "cdn"] as const).map((host) => createServer((q, r) => this.#answer(host, q, r)))
  token: string | undefined

  get url() {
    return this.#answers.url
  }
  get cdn() {
    return this.#answers.cdn
  }
  async start(files: Files, repo: string | undefined): Promise<this> {
    this.#answers.repo = repo
    this.#answers.url = await listening(this.#servers[0]!)
    this.#answers.cdn = await listening(this.#servers[1]!)
    this.commit(files)
    return this
  }
  readonly commit = (files: Files): string => {
    const commit = gitHash(JSON.stringify([Object.entries(files).map(([path, bytes]) => [path, gitHash(bytes)])]))
    this.#answers.commits.set(commit, files)
    return (this.#answers.main = commit)
  }
  readonly stop = () => {
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
  }
  #answer(host: "hub" | "cdn", request: IncomingMessage, response: ServerResponse) {
    const { pathname: path, searchParams } = new URL(request.url!, this.url)
    const { method = "" } = request
    const { authorization, range } = request.headers
    this.seen.push({ host, method, path, range, authorization })
    const fault = this.faults.find(({ on, times }) => times > 0 && on.test(`${host} ${method} ${path}`))
    const bytes = this.#answers.file(path) ?? Buffer.of()
    if (
      fault !== undefined &&
      fault.times-- > 0 &&
      fault.act(response, request, bytes.subarray(start(request))) !== false
    )
      return
    if (host === "cdn") return send(response, request, bytes)
    if (this.token !== undefined && authorization !== `Bearer ${this.token}`)
      return void response.writeHead(401, { "x-error-code": "RepoNotFound" }).end()
    this.#answers.hub(path, searchParams, request, response)
  }
}

/** A Hub whose `main` holds these files, of this dataset alone (`datasets/owner/name`) or of any; it ends with the scope. */
export const serve = (files: Files, repo?: string) =>
  Effect.acquireRelease(
    Effect.promise((): Promise<Hub> => new Running().start(files, repo)),
    (hub) => Effect.sync(hub.stop)
  )
