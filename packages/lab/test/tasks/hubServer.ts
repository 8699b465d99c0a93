/**
 * A server that behaves as the Hub does with one dataset, and another one as its CDN, on ports of this machine. Parquet is
 * in LFS: the Hub sends its askers to the CDN.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export type Files = Readonly<Record<string, string | Uint8Array>>

export interface Hub {
  readonly url: string
  /** `HOST METHOD PATH AUTHORIZATION` of each request. */
  readonly seen: Array<string>
  /** Answers in the Hub's place where `HOST METHOD PATH` fits, so often. */
  fault: { readonly on: RegExp; times: number; readonly act: (response: ServerResponse) => void } | undefined
  /** Changes what `main` is; gives the commit. */
  readonly commit: (files: Files) => string
  readonly stop: () => void
}

export const gitHash = (bytes: string | Uint8Array): string =>
  createHash("sha1")
    .update(`blob ${Buffer.byteLength(bytes)}\0`)
    .update(bytes)
    .digest("hex")
export const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex")
const isLarge = (path: string) => path.endsWith(".parquet")

const json = (response: ServerResponse, value: unknown) =>
  void response.setHeader("content-type", "application/json").end(JSON.stringify(value))

const bodyOf = async (request: IncomingMessage) => {
  let body = ""
  for await (const part of request) body += part
  return body
}

class Dataset {
  readonly commits = new Map<string, Files>()
  main = ""
  cdn = ""
  readonly #name: string
  constructor(name: string) {
    this.#name = name
  }

  async hub(path: string, request: IncomingMessage, response: ServerResponse) {
    const no = (code: string) => void response.writeHead(404, { "x-error-code": code }).end("your token was hf_secret")
    const api = `/api/datasets/${this.#name}/`
    const [, revision] = /^revision\/(.+)$/.exec(path.startsWith(api) ? path.slice(api.length) : "") ?? []
    if (revision !== undefined) {
      const sha = this.#commitOf(decodeURIComponent(revision))
      return sha === undefined ? no("RevisionNotFound") : json(response, { id: this.#name, sha })
    }
    if (path.startsWith(`${api}paths-info/`)) return json(response, this.#paths(path, await bodyOf(request)))
    const [, name, commit = "", file = ""] = /^\/datasets\/(.+)\/resolve\/([^/]+)\/(.+)$/.exec(path) ?? []
    const bytes = name === this.#name ? this.commits.get(commit)?.[file] : undefined
    if (bytes === undefined) return no(name === this.#name ? "EntryNotFound" : "RepoNotFound")
    if (isLarge(file)) return void response.writeHead(302, { location: `${this.cdn}/${commit}/${file}` }).end()
    response.end(bytes)
  }

  file(path: string): Buffer {
    const [, commit = "", file = ""] = /^\/([^/]+)\/(.+)$/.exec(path) ?? []
    return Buffer.from(this.commits.get(commit)?.[file] ?? "")
  }

  #commitOf(revision: string) {
    return revision === "main" ? this.main : this.commits.has(revision) ? revision : undefined
  }

  #paths(path: string, body: string) {
    const { paths } = JSON.parse(body) as { readonly paths: ReadonlyArray<string> }
    const files = this.commits.get(path.split("/").at(-1)!) ?? {}
    return paths.flatMap((path) => {
      const bytes = files[path]
      if (bytes === undefined) return []
      const size = Buffer.byteLength(bytes)
      const entry = { type: "file", path, size, oid: gitHash(bytes) }
      return [isLarge(path) ? { ...entry, lfs: { oid: sha256(bytes), size, pointerSize: 130 } } : entry]
    })
  }
}

const listening = (server: Server) =>
  new Promise<string>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  )

const start = async (name: string, files: Files): Promise<Hub> => {
  const dataset = new Dataset(name)
  const answer = (host: "hub" | "cdn") => (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url!, "http://here")
    const what = `${host} ${request.method} ${pathname}`
    hub.seen.push(`${what} ${request.headers.authorization ?? "nobody"}`)
    const { fault } = hub
    if (fault !== undefined && fault.times > 0 && fault.on.test(what)) {
      fault.times--
      return fault.act(response)
    }
    if (host === "cdn") return void response.end(dataset.file(pathname))
    void dataset.hub(pathname, request, response)
  }
  const servers = [createServer(answer("hub")), createServer(answer("cdn"))] as const
  const hub: Hub = {
    url: await listening(servers[0]),
    seen: [],
    fault: undefined,
    commit: (files) => {
      dataset.main = gitHash(JSON.stringify(Object.entries(files).map(([path, bytes]) => [path, gitHash(bytes)])))
      dataset.commits.set(dataset.main, files)
      return dataset.main
    },
    stop: () => {
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
    }
  }
  dataset.cdn = await listening(servers[1])
  hub.commit(files)
  return hub
}

/** A Hub with this dataset; it ends with the scope. */
export const serve = (name: string, files: Files) =>
  Effect.acquireRelease(
    Effect.promise(() => start(name, files)),
    (hub) => Effect.sync(hub.stop)
  )
