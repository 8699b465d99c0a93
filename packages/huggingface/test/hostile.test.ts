import { assert, describe, it } from "@effect/vitest"
import { Backend, type Token } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Speech from "./speech.ts"
import { type Hostile, onTheWire, WORDS } from "./hostile.ts"
import { statuses } from "./hostileStatus.ts"
import * as RawServer from "./RawServer.ts"

const opened = (server: RawServer.RawServer, { dialect = "vllm", options }: Pick<Hostile, "dialect" | "options">) =>
  Effect.map(Layer.build(HuggingFaceBackend.layer(Speech.optionsFor(server, dialect, options))), (context) => ({
    backend: Context.get(context, Backend.Backend),
    describe: Context.get(context, HuggingFaceBackend.HuggingFace).describe
  }))

const request = { prompt: Speech.prompt, prefix: [], temperature: 1, seed: 1 }

/** Does the work, and gives what came and how it ended. */
const worked = (backend: Backend.Backend["Service"], { stop, work }: Pick<Hostile, "stop" | "work"> = {}) => {
  const tokens: Array<Token.Token> = []
  const whole =
    work === "logProbs"
      ? Effect.asVoid(backend.logProbs({ ...request, question: "Sure?", labels: ["No", "Yes"] }))
      : Stream.runForEach(backend.generate({ ...request, stop }), (token) => Effect.sync(() => void tokens.push(token)))
  return Effect.map(Effect.result(whole), (result) => ({ tokens, result }))
}

const checkOutcome = (known: Hostile, { result, tokens }: Effect.Success<ReturnType<typeof worked>>) => {
  const text = tokens.map((token) => token.text).join("")
  const tag = result._tag === "Success" ? "answer" : result.failure.reason._tag
  assert.strictEqual(tag, known.expected, String(result._tag === "Failure" ? result.failure.message : ""))
  assert.strictEqual(text, known.text ?? (known.expected === "answer" ? "Hi" : ""))
  if (result._tag === "Success") {
    if (known.work !== "logProbs") assert.strictEqual(tokens.at(-1)?.end, "stop")
    return
  }
  const { advice, problem } = result.failure.reason
  assert.notInclude(JSON.stringify(result.failure) + result.failure.message, WORDS)
  assert.isAbove(advice.length, 5)
  assert.isAbove(problem.length, 10)
  assert.match(problem, known.problem ?? /./)
}

const checkRequests = (known: Hostile, server: RawServer.RawServer) => {
  const work = Speech.work(server)
  assert.strictEqual(work.length, known.requests, "requests")
  for (const [i, least] of (known.waits ?? []).entries()) {
    assert.isAtLeast(work[i + 1]!.at - work[i]!.at, least - 2, `the wait before request ${i + 2}`)
  }
}

/** The first request is the prompt; each further one begins where the tokens so far end. */
const checkPrompts = ({ dialect = "vllm", work }: Hostile, server: RawServer.RawServer, text: string) => {
  if (dialect !== "vllm" || work === "logProbs") return
  const prompts = Speech.work(server).map((seen) => seen.json.prompt as ReadonlyArray<number>)
  const whole = [...Speech.promptIds, ...Speech.idsOf(text)]
  for (const prompt of prompts) assert.deepStrictEqual(prompt, whole.slice(0, prompt.length))
  assert.deepStrictEqual(prompts[0], Speech.promptIds)
}

/** Nothing is left open, and a server that answered as it was first asked is not set aside. */
const checkClosed = (
  known: Hostile,
  server: RawServer.RawServer,
  describe: Effect.Effect<HuggingFaceBackend.Description>
) =>
  Effect.gen(function* () {
    assert.isTrue(yield* Effect.promise(() => RawServer.eventually(() => server.open() === 0)), "a socket is open")
    const { drawing, servers } = yield* describe
    assert.deepStrictEqual([drawing, ...servers.map(({ open }) => open)], [0, 0])
    if (known.expected === "answer" && known.requests === 1) assert.isFalse(servers[0]!.isAside)
  })

describe.each([
  ["on the wire", onTheWire],
  ["by status", statuses]
] as const)("servers that go wrong %s", (_, cases) => {
  it.live.each(cases)("$name", (known) =>
    Effect.gen(function* () {
      const server = yield* RawServer.start(Speech.engine(known.dialect ?? "vllm", Speech.inTurn(known.replies)))
      const { backend, describe } = yield* opened(server, known)
      const outcome = yield* worked(backend, known)
      checkOutcome(known, outcome)
      checkRequests(known, server)
      checkPrompts(known, server, outcome.tokens.map((token) => token.text).join(""))
      yield* checkClosed(known, server, describe)
    }).pipe(Effect.scoped)
  )
})

describe("servers that go wrong", () => {
  it.live("a redirect to another host is not followed: it sees nothing of the prompt", () =>
    Effect.gen(function* () {
      const other = yield* RawServer.start(Speech.good("vllm", "Hi"))
      for (const status of [301, 302, 307, 308]) {
        const reply = RawServer.whole(status, "", { location: `${other.url}/v1/completions` })
        const server = yield* RawServer.start(Speech.engine("vllm", reply))
        const { backend } = yield* opened(server, {})
        const { result } = yield* worked(backend)
        assert.isTrue(result._tag === "Failure" && result.failure.reason._tag === "InvalidRequest")
        assert.strictEqual(Speech.work(server).length, 1)
      }
      assert.strictEqual(other.requests.length, 0)
    }).pipe(Effect.scoped)
  )

  it.live("a kept connection that the server closed meanwhile costs no answer", () =>
    Effect.gen(function* () {
      const body = Speech.answer("vllm", "Hi").join("")
      const headers = { "content-type": "text/event-stream", "content-length": String(Buffer.byteLength(body)) }
      const server = yield* RawServer.start(
        Speech.engine("vllm", async (connection) => {
          await connection.write(RawServer.head(200, { ...headers, connection: "keep-alive" }) + body)
          setTimeout(connection.reset, 5)
        })
      )
      const { backend } = yield* opened(server, {})
      for (let i = 0; i < 30; i++) {
        checkOutcome({ name: "", replies: [], expected: "answer", requests: 1 }, yield* worked(backend))
        yield* Effect.sleep(i % 10)
      }
      assert.isAtMost(Speech.work(server).length, 60)
    }).pipe(Effect.scoped)
  )

  it.live("a body that never ends is left where it is too large, not read into memory", () =>
    Effect.gen(function* () {
      let written = 0
      const megabyte = " ".repeat(2 ** 20)
      const server = yield* RawServer.start(
        Speech.engine("vllm", async ({ write }) => {
          await write(
            RawServer.head(200, { "content-type": "application/json", "content-length": String(100 * 2 ** 20) })
          )
          while (written < 100 && (await write(megabyte))) written++
        })
      )
      const { backend } = yield* opened(server, { options: { retries: 0 } })
      const { result } = yield* worked(backend, { work: "logProbs" })
      assert.isTrue(result._tag === "Failure" && result.failure.reason._tag === "Unavailable")
      assert.isTrue(yield* Effect.promise(() => RawServer.eventually(() => server.open() === 0)))
      assert.isBelow(written, 50)
    }).pipe(Effect.scoped)
  )
})
