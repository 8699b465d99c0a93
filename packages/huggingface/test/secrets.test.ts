import { assert, describe, it } from "@effect/vitest"
import { Backend, Prompt } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import * as RawServer from "./RawServer.ts"
import * as Speech from "./speech.ts"

const TOKEN = "hf_TheTokenMarker0123456789"
const MARKS = [TOKEN, "ThePromptMarker", "TheQuestionMarker", "TheQueryMarker"]
const echo = MARKS.join(" ")

/** Everything that a process shows of what it does: logs, spans, the console. */
class Shown {
  readonly all: Array<unknown> = []
  readonly tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      this.all.push(span)
      return span
    }
  })
  readonly logger = Logger.make((options) => {
    this.all.push(inspect([options.message, options.cause, options.logLevel], { depth: Infinity }))
  })
  /** Runs it with all of that looked at; gives its error too. */
  watching<A, E>(effect: Effect.Effect<A, E>) {
    return Effect.acquireUseRelease(
      Effect.sync(() => this.#patch()),
      () =>
        Effect.result(effect).pipe(
          Effect.withTracer(this.tracer),
          Effect.provide(Logger.layer([this.logger])),
          Effect.provideService(References.MinimumLogLevel, "All")
        ),
      (restore) => Effect.sync(restore)
    )
  }
  #patch(): () => void {
    const names = ["log", "info", "warn", "error", "debug", "trace"] as const
    const before = names.map((name) => console[name])
    for (const name of names) console[name] = (...args: Array<unknown>) => void this.all.push(["console", ...args])
    return () => names.forEach((name, i) => void (console[name] = before[i]!))
  }
}

const clean = (what: string, shown: string) => {
  for (const mark of MARKS) assert.notInclude(shown, mark, what)
}

const checkError = (error: unknown) => {
  clean("JSON", JSON.stringify(error))
  clean("String", String(error))
  clean("inspect", inspect(error, { depth: Infinity, showHidden: true }))
  const { cause, message, stack } = error as Error
  clean("parts", `${message} ${stack} ${inspect(cause, { depth: Infinity })}`)
}

const checkShown = (shown: Shown) =>
  Effect.gen(function* () {
    clean("shown", inspect(shown.all, { depth: 12, maxArrayLength: null, maxStringLength: null }))
    clean("metrics", inspect(yield* Metric.snapshot, { depth: Infinity }))
    assert.isFalse(shown.all.some((entry) => Array.isArray(entry) && entry[0] === "console"))
  })

const headers = { "x-request-id": "TheQueryMarker", "x-echo": echo }
const failing = { error: { message: echo, type: echo, param: echo, code: 400 }, detail: echo }
const event = (value: unknown) => Speech.stream([Speech.data(value)])

const failures: ReadonlyArray<readonly [string, RawServer.Reply]> = [
  ...[400, 401, 402, 403, 404, 422, 429, 500, 503].map(
    (status) => [`status ${status}`, RawServer.json(status, failing, headers)] as const
  ),
  ["a page", RawServer.whole(200, echo, { ...headers, "content-type": "text/html" })],
  ["a text", RawServer.whole(500, echo, { ...headers, "content-type": "text/plain" })],
  ["an error with 200", RawServer.json(200, failing, headers)],
  ["an error event", event(failing)],
  ["an error event by name", Speech.stream([`event: error\ndata: ${echo}\n\n`])],
  ["an error field", Speech.stream([`error: ${echo}\n\n`])],
  ["an error object", event({ ...failing.error, object: "error" })],
  ["an error inside choices", event({ choices: [failing] })],
  ["an abort", event({ choices: [{ finish_reason: "abort", text: echo }] })],
  ["an event that cannot be read", Speech.stream([`data: {${echo}\n\n`])],
  ["a redirect", RawServer.whole(307, "", { location: `http://127.0.0.1:1/${encodeURIComponent(echo)}` })],
  ["a head that is none", ({ write }) => void write(`${echo}\r\n\r\n`)],
  ["a reset", ({ reset }) => reset()]
]

const request = { prompt: Prompt.user("ThePromptMarker"), prefix: [], temperature: 1, seed: 1 }
const works = {
  generate: (backend: Backend.Backend["Service"]) => Stream.runDrain(backend.generate(request)),
  logProbs: (backend: Backend.Backend["Service"]) =>
    Effect.asVoid(backend.logProbs({ ...request, question: "TheQuestionMarker", labels: ["No", "Yes"] }))
}

const optionsFor = (server: RawServer.RawServer, name: Speech.Engine, rest: Partial<HuggingFaceBackend.Options> = {}) =>
  Speech.optionsFor(server, name, {
    endpointUrl: `${server.url}/v1?key=TheQueryMarker`,
    accessToken: Redacted.make(TOKEN),
    retries: 1,
    idleTimeout: "200 millis",
    ...rest
  })

const worked = (options: HuggingFaceBackend.Options, work: keyof typeof works) =>
  Effect.flatMap(Backend.Backend, works[work]).pipe(Effect.provide(HuggingFaceBackend.layer(options)))

const cases = (["vllm", "openai"] as const).flatMap((name) =>
  (["generate", "logProbs"] as const).flatMap((work) =>
    failures.map(([what, reply]) => ({ name: `${name}, ${work}: ${what}`, engine: name, work, reply }))
  )
)

describe("no secret and no word of a prompt comes out where a server echoes them", () => {
  it.live.each(cases)("$name", ({ engine, reply, work }) =>
    Effect.gen(function* () {
      const server = yield* RawServer.start(Speech.engine(engine, reply))
      const shown = new Shown()
      const result = yield* shown.watching(worked(optionsFor(server, engine), work))
      assert.isTrue(result._tag === "Failure")
      if (result._tag === "Failure") checkError(result.failure)
      yield* checkShown(shown)
      // It did get there: the token by its header, the query at the end of the address.
      const [seen] = Speech.work(server)
      assert.strictEqual(seen?.headers["authorization"], `Bearer ${TOKEN}`)
      assert.match(seen?.path ?? "", /\?key=TheQueryMarker$/)
    }).pipe(Effect.scoped)
  )

  it.live.each(failures.slice(0, 12))("at the start: %s", ([, reply]) =>
    Effect.gen(function* () {
      const server = yield* RawServer.start(reply)
      const shown = new Shown()
      const options = optionsFor(server, "vllm", { dialect: undefined })
      const result = yield* shown.watching(worked(options, "generate"))
      assert.isTrue(result._tag === "Failure")
      if (result._tag === "Failure") checkError(result.failure)
      yield* checkShown(shown)
    }).pipe(Effect.scoped)
  )

  it.live("a server that calls its models by the token", () =>
    Effect.gen(function* () {
      const models = MARKS.map((id) => ({ id, owned_by: "vllm" }))
      const server = yield* RawServer.start(RawServer.json(200, { data: models }))
      const result = yield* Effect.result(worked(optionsFor(server, "vllm"), "generate"))
      assert.isTrue(result._tag === "Failure")
      if (result._tag === "Failure") assert.notInclude(inspect(result.failure, { depth: Infinity }), TOKEN)
    }).pipe(Effect.scoped)
  )
})

describe("what is refused before anything is sent is not quoted", () => {
  const refused = (options: Partial<HuggingFaceBackend.Options>) =>
    Effect.gen(function* () {
      const server = yield* RawServer.start(Speech.engine("vllm", Speech.good("vllm", "Hi")))
      const result = yield* Effect.result(worked(optionsFor(server, "vllm", options), "generate"))
      assert.isTrue(result._tag === "Failure" && result.failure.reason._tag === "InvalidRequest")
      if (result._tag === "Failure") checkError(result.failure)
      assert.strictEqual(server.requests.length, 0)
    }).pipe(Effect.scoped)

  it.live.each([`${TOKEN}\n`, ` ${TOKEN}`, `${TOKEN}\r\nx: y`, `${TOKEN}é`])(
    "an access token with a stranger: %j",
    (token) => refused({ accessToken: token })
  )
  it.live("a user and a password in the address", () =>
    refused({ endpointUrl: `http://someone:${TOKEN}@127.0.0.1:1/TheQueryMarker` })
  )
  it.live("an address that is none", () => refused({ endpointUrl: `nothing ${TOKEN} TheQueryMarker` }))
})

describe("onServerMessage", () => {
  /** Every server here answers, however busy the machine is. */
  const patient = { idleTimeout: "10 seconds", retries: 0 } as const

  it.live.each(failures.slice(0, 17).filter(([what]) => what !== "a page"))(
    "gets the words without the token: %s",
    ([, reply]) =>
      Effect.gen(function* () {
        const words: Array<string> = []
        const server = yield* RawServer.start(Speech.engine("vllm", reply))
        const onServerMessage = (said: string) => void words.push(said)
        yield* Effect.result(worked(optionsFor(server, "vllm", { onServerMessage, ...patient }), "generate"))
        assert.strictEqual(words.length, 1)
        assert.include(words[0], "ThePromptMarker")
        assert.notInclude(words[0], TOKEN)
      }).pipe(Effect.scoped)
  )

  it.live("gets no token either that JSON writes with escapes", () =>
    Effect.gen(function* () {
      const words: Array<string> = []
      const token = 'hf_"quoted\\"'
      const server = yield* RawServer.start(Speech.engine("vllm", RawServer.json(400, { error: { message: token } })))
      const onServerMessage = (said: string) => void words.push(said)
      yield* Effect.result(
        worked(optionsFor(server, "vllm", { onServerMessage, accessToken: token, ...patient }), "generate")
      )
      assert.notInclude(words.join(), "quoted")
      assert.strictEqual(words.length, 1)
    }).pipe(Effect.scoped)
  )
})
