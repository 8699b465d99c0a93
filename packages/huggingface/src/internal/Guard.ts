/**
 * The one `fetch` through which every request goes, made anew for each: its own abort signal, no redirects, caps on lines
 * and bodies, a time-out for silence, and errors told from answers before a client could retry or swallow them.
 */
import { EventStream, words } from "./EventStream.ts"
import { errorIn, Failure, fromThrown, refused, retryAfter } from "./Failure.ts"

export interface Limits {
  /** Milliseconds without anything of use from the server. */
  readonly idle: number
  /** Characters of one line of a stream. */
  readonly line: number
  /** Bytes of one JSON value. */
  readonly body: number
  /** Bytes of one stream. Nothing of it is kept, and an engine may say all tokens so far with each further one. */
  readonly stream: number
}

export interface Target {
  readonly url: string
  /** What is sent in place of the client's own body; left out: nothing, by GET. */
  readonly body?: string | undefined
  /** A stream of events is expected, not one JSON value. */
  readonly streams: boolean
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly limits: Limits
  readonly fetch: typeof fetch
  /** Hears every event as it comes, whether anybody takes it or not. */
  readonly heard: (json: unknown) => void
  /** Events were heard since the last time; called outside of their reading, so that whoever takes them may close this. */
  readonly fresh: () => void
  /** The server is through with it, for better or worse; may be called more than once. */
  readonly over: () => void
  /** Gets the words of a server's error; they may quote a prompt or a secret. */
  readonly said: (words: string) => void
}

/** What timers can hold, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1
const ERROR_BYTES = 64 * 1024
const EVENTS = { "content-type": "text/event-stream" }
/** Events are read once, here. What a client gets says no more than that they ended. */
const DONE = "data: [DONE]\n\n"

const contentType = (response: Response): string => (response.headers.get("content-type") ?? "").toLowerCase()

export class Guard {
  readonly #target: Target
  readonly #controller = new AbortController()
  #timer: ReturnType<typeof setTimeout> | undefined
  #heard = 0
  #isIdle = false
  /** The server said that all was said. */
  isDone = false
  /** What ended a stream before its end. */
  failure: Failure | undefined

  constructor(target: Target) {
    this.#target = target
  }

  /** Ends the request wherever it is and closes its socket; harmless when it is over. */
  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#target.over()
    if (!this.#controller.signal.aborted) this.#controller.abort()
  }

  /** Given to a client as its `fetch`; a client's own signal is left out, so that no listener stays on it. */
  readonly fetch = (_input: unknown, init: RequestInit = {}): Promise<Response> =>
    this.#watched(async () => this.#checked(await this.#send(init.headers, "manual")))

  /** A file as text, whatever its type is called. A store of files may keep them elsewhere, so redirects are followed. */
  readonly file = (headers: Record<string, string>): Promise<string> =>
    this.#watched(async () => {
      const response = await this.#send(headers, "follow")
      if (!response.ok) throw await this.#refusal(response)
      const text = await this.#text(response, this.#target.limits.body, () => void (this.#heard = performance.now()))
      this.close()
      return text
    })

  #send(own: RequestInit["headers"], redirect: "manual" | "follow"): Promise<Response> {
    const { body, fetch, headers = {}, url } = this.#target
    return fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...(own as Record<string, string> | undefined), ...headers },
      ...(body === undefined ? {} : { body }),
      redirect,
      signal: this.#controller.signal
    })
  }

  async #watched<A>(work: () => Promise<A>): Promise<A> {
    this.#watch()
    try {
      return await work()
    } catch (error) {
      const failure = this.#isIdle ? new Failure("idle") : fromThrown(error)
      this.close()
      throw failure
    }
  }

  /** One timer a request, set again only when it fires: a token costs no timer. */
  #watch(): void {
    this.#heard = performance.now()
    const { idle } = this.#target.limits
    if (idle === Infinity) return
    const check = () => {
      const left = this.#heard + idle - performance.now()
      if (left > 0) this.#timer = setTimeout(check, Math.min(left, LONGEST_TIMER))
      else {
        this.#isIdle = true
        this.close()
      }
    }
    this.#timer = setTimeout(check, Math.min(idle, LONGEST_TIMER))
  }

  async #checked(response: Response): Promise<Response> {
    if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
      throw new Failure("redirected")
    }
    if (!response.ok) throw await this.#refusal(response)
    const type = contentType(response)
    if (type.startsWith("text/event-stream") && this.#target.streams) return this.#stream(response)
    if (!/^application\/([\w.+-]*\+)?json/.test(type)) throw new Failure("malformed")
    const json = this.#json(await this.#text(response, this.#target.limits.body))
    const error = errorIn(json)
    if (error !== undefined) throw this.#told(error, undefined)
    // A server that was asked for a stream and gave one value did something else than it was asked to.
    if (this.#target.streams) throw new Failure("malformed")
    this.#target.heard(json)
    this.isDone = true
    this.close()
    return new Response(DONE, { headers: EVENTS })
  }

  async #refusal(response: Response): Promise<Failure> {
    const text = await this.#text(response, ERROR_BYTES).catch(() => "")
    return this.#told(words(text), { status: response.status, retryAfter: retryAfter(response.headers, Date.now()) })
  }

  #told(error: unknown, details: { status?: number; retryAfter?: number | undefined } | undefined): Failure {
    this.#target.said(typeof error === "string" ? error : JSON.stringify(error))
    return refused(error, details)
  }

  #json(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch {
      throw new Failure("malformed")
    }
  }

  async *#chunks(response: Response, cap: number): AsyncGenerator<Uint8Array> {
    const reader = response.body?.getReader()
    if (reader === undefined) return
    for (let bytes = 0; ;) {
      const { done, value } = await reader.read()
      if (done) return
      bytes += value.length
      if (bytes > cap) throw new Failure("tooLarge")
      yield value
    }
  }

  async #text(response: Response, cap: number, heard = () => {}): Promise<string> {
    const decoder = new TextDecoder()
    let text = ""
    for await (const bytes of this.#chunks(response, cap)) {
      heard()
      text += decoder.decode(bytes, { stream: true })
    }
    return text + decoder.decode()
  }

  /**
   * The server's stream, for a client that sees nothing of it but its end. It is read as fast as it comes: what a server
   * drew is then known, and whoever takes his time is not mistaken for a silent server.
   */
  #stream(response: Response): Response {
    const end = new ReadableStream<Uint8Array>({ start: (controller) => void this.#pump(response, controller) })
    return new Response(end, { headers: EVENTS })
  }

  async #pump(response: Response, controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const client = this.#signals(controller)
    const done = () => {
      this.isDone = true
      client.end() // some servers keep the connection; whoever waits need not wait for them
    }
    const refused = (error: unknown) => {
      throw this.#told(error, undefined)
    }
    const { line, stream } = this.#target.limits
    const events = new EventStream({ event: client.event, done, refused }, line)
    try {
      for await (const bytes of this.#chunks(response, stream)) {
        events.push(bytes)
        client.signal()
      }
      events.end()
    } catch (error) {
      this.failure = this.#isIdle ? new Failure("idle") : fromThrown(error)
      this.close()
    }
    clearTimeout(this.#timer)
    client.end()
  }

  /** A failure is told after what came before it, so that nothing of that is thrown away. */
  #signals(controller: ReadableStreamDefaultController<Uint8Array>) {
    let [fresh, isOpen] = [0, true]
    const signal = () => {
      if (fresh > 0) this.#target.fresh()
      fresh = 0
    }
    const event = (json: unknown) => {
      fresh++
      this.#heard = performance.now()
      this.#target.heard(json)
    }
    const end = () => {
      signal()
      this.#target.over()
      if (isOpen) controller.close()
      isOpen = false
    }
    return { event, signal, end }
  }
}
