/**
 * The engines' HTTP: routes to answers, of one JSON value or of events, and what was asked.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { defined } from "../../src/internal/json.ts"
import type { Engine } from "./engine.ts"

export interface Call {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  /** Parsed; undefined for a GET. */
  readonly body: unknown
  /** Whoever asked closed the connection. */
  readonly isGone: () => boolean
}

export interface Answer {
  readonly status?: number | undefined
  readonly headers?: Record<string, string> | undefined
  /** One value. */
  readonly json?: unknown
  /** In place of a value. */
  readonly text?: string | undefined
  /** Events as text; read to the end by `outlives`, also when nobody listens any more. */
  readonly events?: AsyncIterable<string> | undefined
  readonly outlives?: boolean | undefined
}

export type Routes = Record<string, (call: Call) => Answer | Promise<Answer>>

export interface Fake {
  readonly url: string
  readonly engine: Engine
  /** All that was asked, in order. */
  readonly calls: ReadonlyArray<Call>
  readonly stop: () => Promise<void>
}

export const event = (json: unknown): string => `data: ${JSON.stringify(json)}\n\n`
export const DONE = "data: [DONE]\n\n"

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  let text = ""
  for await (const chunk of request.setEncoding("utf8")) text += chunk
  return text === "" ? undefined : JSON.parse(text)
}

const write = async (response: ServerResponse, answer: Answer) => {
  const { events, headers = {}, json, outlives = false, status = 200, text } = answer
  if (events === undefined) {
    const type = text === undefined ? "application/json" : "text/plain; charset=utf-8"
    response.writeHead(status, { "content-type": type, ...headers }).end(text ?? JSON.stringify(json))
    return
  }
  response.writeHead(status, { "content-type": "text/event-stream; charset=utf-8", ...headers })
  for await (const chunk of events) {
    if (!response.destroyed) response.write(chunk)
    else if (!outlives) break
  }
  response.end()
}

/** Serves on a free port of this machine. */
export const serve = async (engine: Engine, routes: Routes, missing: Answer): Promise<Fake> => {
  const calls: Array<Call> = []
  const server = createServer((request, response) => {
    const handle = async () => {
      const path = (request.url ?? "").split("?")[0]!
      const method = request.method ?? "GET"
      const isGone = () => response.destroyed
      const call = { method, path, headers: request.headers, body: await bodyOf(request), isGone }
      calls.push(call)
      await write(response, (await routes[`${method} ${path}`]?.(call)) ?? missing)
    }
    handle().catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${port}`, engine, calls, stop }
}

/** The first check that fails. */
export const firstBad = (checks: ReadonlyArray<readonly [isFine: boolean, message: string]>): string | undefined =>
  checks.find(([isFine]) => !isFine)?.[1]

export { defined }
