/**
 * An HTTP/1.1 server by hand, on the loopback only: what stands on the wire is decided byte by byte, and everything that
 * clients do to it is written down.
 */
import * as Effect from "effect/Effect"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"

/** A request, and when its socket was closed by the other side; times as `performance.now` has them. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look at it field by field
  readonly json: any
  readonly at: number
  closedAt: number | undefined
}

/** The socket on which a request came. */
export interface Connection {
  /** Writes, and waits while the client does not read; false once the socket is closed. */
  readonly write: (bytes: string | Uint8Array) => Promise<boolean>
  readonly isOpen: () => boolean
  /** FIN, whatever was promised. */
  readonly end: () => void
  /** RST. */
  readonly reset: () => void
}

export type Reply = (connection: Connection, seen: Seen) => void | Promise<void>

export interface RawServer {
  readonly url: string
  readonly requests: ReadonlyArray<Seen>
  /** Sockets that are open now. */
  readonly open: () => number
  readonly connections: () => number
}

export const sleep = (milliseconds: number): Promise<void> => new Promise((done) => void setTimeout(done, milliseconds))

/** Waits until it is so; gives whether it came to be. */
export const eventually = async (is: () => boolean, atMost = 2000): Promise<boolean> => {
  for (const end = performance.now() + atMost; performance.now() < end;) {
    if (is()) return true
    await sleep(2)
  }
  return is()
}

const connection = (socket: Socket): Connection => ({
  write: (bytes) =>
    new Promise((done) => {
      if (!socket.writable) return done(false)
      socket.write(bytes, (error) => done(error === undefined || error === null))
    }),
  isOpen: () => socket.writable,
  end: () => void socket.end(),
  reset: () => void socket.resetAndDestroy()
})

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The first whole request of what came, and what is left after it. */
const taken = (bytes: Buffer): { readonly seen: Seen; readonly rest: Buffer } | undefined => {
  const end = bytes.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const [first = "", ...lines] = bytes.subarray(0, end).toString().split("\r\n")
  const [method = "", path = ""] = first.split(" ")
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()])
  )
  const length = Number(headers["content-length"] ?? 0)
  const rest = bytes.subarray(end + 4)
  if (rest.length < length) return undefined
  const body = rest.subarray(0, length).toString()
  const at = performance.now()
  return {
    seen: { method, path, headers, body, json: parsed(body), at, closedAt: undefined },
    rest: rest.subarray(length)
  }
}

const serve = (socket: Socket, reply: Reply, requests: Array<Seen>): void => {
  let bytes: Buffer = Buffer.alloc(0)
  socket.on("error", () => {})
  socket.on("data", (more: Buffer) => {
    bytes = Buffer.concat([bytes, more])
    for (let next = taken(bytes); next !== undefined; next = taken(bytes)) {
      const { rest, seen } = next
      bytes = rest
      requests.push(seen)
      const closed = () => void (seen.closedAt ??= performance.now())
      socket.once("end", closed).once("close", closed)
      void reply(connection(socket), seen)
    }
  })
}

const listening = (reply: Reply): Promise<RawServer & { readonly server: Server; readonly sockets: Set<Socket> }> => {
  const [requests, sockets] = [new Array<Seen>(), new Set<Socket>()]
  let connections = 0
  const server = createServer((socket) => {
    connections++
    sockets.add(socket.setNoDelay(true).setMaxListeners(0))
    socket.on("close", () => sockets.delete(socket))
    serve(socket, reply, requests)
  })
  return new Promise((done) => {
    server.listen(0, "127.0.0.1", () => {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      done({ url, requests, open: () => sockets.size, connections: () => connections, server, sockets })
    })
  })
}

/** Serves for as long as the scope is open. */
export const start = (reply: Reply) =>
  Effect.acquireRelease(
    Effect.promise(() => listening(reply)),
    ({ server, sockets }) =>
      Effect.promise(() => {
        for (const socket of sockets) socket.destroy()
        return new Promise<void>((done) => void server.close(() => done()))
      })
  )

/** The first lines of an answer. The socket is closed after it, unless `connection` says otherwise. */
export const head = (status: number, headers: Readonly<Record<string, string>> = {}): string => {
  const lines = Object.entries({ connection: "close", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Said\r\n${lines.join("")}\r\n`
}

export const chunk = (bytes: string | Uint8Array): Uint8Array => {
  const all = Buffer.from(bytes as string)
  return Buffer.concat([Buffer.from(`${all.length.toString(16)}\r\n`), all, Buffer.from("\r\n")])
}

/** The last chunk: the answer is whole. */
export const LAST = "0\r\n\r\n"

/** A whole answer with a body of a known length. */
export const whole =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Reply =>
  async (connection) => {
    const length = String(Buffer.byteLength(body))
    await connection.write(
      head(status, { "content-type": "application/json", "content-length": length, ...headers }) + body
    )
    if (headers["connection"] !== "keep-alive") connection.end()
  }

export const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply =>
  whole(status, JSON.stringify(value), headers)
