import { assert, describe, it } from "@effect/vitest"
import { Backend, type Token, Usage } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as RawServer from "./RawServer.ts"
import * as Speech from "./speech.ts"

/** A closed socket is noticed within this many milliseconds. */
const SOON = 50

const opened = (name: Speech.Engine, reply: RawServer.Reply, options: Partial<HuggingFaceBackend.Options> = {}) =>
  Effect.gen(function* () {
    const server = yield* RawServer.start(Speech.engine(name, reply))
    const context = yield* Layer.build(HuggingFaceBackend.layer(Speech.optionsFor(server, name, options)))
    const { describe } = Context.get(context, HuggingFaceBackend.HuggingFace)
    return { server, describe, backend: Context.get(context, Backend.Backend) }
  })
type Opened = Effect.Success<ReturnType<typeof opened>>

const request = { prompt: Speech.prompt, prefix: [], temperature: 1, seed: 1 }
const asking = { ...request, question: "Sure?", labels: ["No", "Yes"] }
const until = (is: () => boolean) =>
  Effect.map(
    Effect.promise(() => RawServer.eventually(is)),
    (was) => assert.isTrue(was, "it never came to be")
  )

const texts = (count: number) => Array.from({ length: count }, () => Speech.data(Speech.speech.vllm.text("a")))
const forEver = Speech.stream(texts(3), Speech.drip(texts(1)[0]!, 5))
const held = Speech.stream(texts(5), Speech.hang)

/** The request's socket was closed soon after, and nothing is left. */
const checkClosed = ({ describe, server }: Opened, since: number) =>
  Effect.gen(function* () {
    yield* until(() => server.open() === 0)
    assert.isBelow(Speech.work(server)[0]!.closedAt! - since, SOON)
    assert.strictEqual(Speech.work(server).length, 1)
    const { drawing, servers } = yield* describe
    assert.deepStrictEqual([drawing, servers[0]!.open], [0, 0])
  })

/** Interrupts it when it is so far. */
const interrupted = <A, E>(work: Effect.Effect<A, E>, isSoFar: () => boolean) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(work)
    yield* until(isSoFar)
    const since = performance.now()
    yield* Fiber.interrupt(fiber)
    return since
  })

// Again where the machine was busy: what is measured is what the code does.
describe("interrupting", { retry: 2 }, () => {
  it.live("a draft closes its socket at once", () =>
    Effect.gen(function* () {
      const open = yield* opened("vllm", forEver)
      const tokens: Array<Token.Token> = []
      const draft = Stream.runForEach(open.backend.generate(request), (t) => Effect.sync(() => void tokens.push(t)))
      yield* checkClosed(open, yield* interrupted(draft, () => tokens.length > 4))
    }).pipe(Effect.scoped)
  )

  it.live("a draft of which enough was taken closes its socket at once", () =>
    Effect.gen(function* () {
      const open = yield* opened("vllm", forEver)
      const taken = yield* Stream.runCollect(Stream.take(open.backend.generate(request), 2))
      assert.strictEqual(taken.length, 2)
      yield* checkClosed(open, performance.now())
    }).pipe(Effect.scoped)
  )

  it.live("a draft that nobody takes closes its socket at once, and is charged for what came", () =>
    Effect.gen(function* () {
      const open = yield* opened("vllm", held)
      let took = 0
      const draft = Stream.runForEach(open.backend.generate(request), () => (++took === 2 ? Effect.never : Effect.void))
      const measured = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(draft)
        yield* until(() => took === 2)
        yield* Effect.sleep(50)
        const since = performance.now()
        yield* Fiber.interrupt(fiber)
        return since
      })
      const [usage, exit] = yield* Usage.measure(measured)
      yield* checkClosed(open, yield* exit)
      assert.strictEqual(usage.drawnTokens, 3)
      assert.strictEqual(usage.promptTokens, Speech.promptIds.length)
    }).pipe(Effect.scoped)
  )

  it.live("a draft before its first token closes its socket at once", () =>
    Effect.gen(function* () {
      const open = yield* opened("vllm", Speech.hang as RawServer.Reply)
      const draft = Stream.runDrain(open.backend.generate(request))
      yield* checkClosed(open, yield* interrupted(draft, () => Speech.work(open.server).length === 1))
    }).pipe(Effect.scoped)
  )

  it.live("a question closes its socket at once", () =>
    Effect.gen(function* () {
      const open = yield* opened("vllm", Speech.stream(['{"choices":'], Speech.hang, "application/json"))
      const question = open.backend.logProbs(asking)
      yield* checkClosed(open, yield* interrupted(question, () => Speech.work(open.server).length === 1))
    }).pipe(Effect.scoped)
  )

  it.live("a wait for another try ends it: nothing more is sent", () =>
    Effect.gen(function* () {
      const busy = RawServer.json(503, {})
      const open = yield* opened("vllm", busy, { retryWait: "100 millis", longestWait: "1 second" })
      const draft = Stream.runDrain(open.backend.generate(request))
      const since = yield* interrupted(draft, () => Speech.work(open.server).length === 1 && open.server.open() === 0)
      assert.isBelow(performance.now() - since, SOON)
      yield* Effect.sleep(200)
      yield* checkClosed(open, since)
    }).pipe(Effect.scoped)
  )

  it.live("a backend's end ends its drafts", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.start(Speech.engine("vllm", forEver))
      const draft = Effect.flatMap(Backend.Backend, (backend) => Stream.runDrain(backend.generate(request))).pipe(
        Effect.provide(HuggingFaceBackend.layer(Speech.optionsFor(server, "vllm")))
      )
      const since = yield* interrupted(draft, () => Speech.work(server).length === 1)
      yield* until(() => server.open() === 0)
      assert.isBelow(Speech.work(server)[0]!.closedAt! - since, SOON)
    }).pipe(Effect.scoped)
  )

  it.live("a draft on SGLang is ended by its name too", () =>
    Effect.gen(function* () {
      const piece = Speech.data(Speech.speech.sglang.text("a"))
      const reply: RawServer.Reply = (connection, seen) =>
        seen.path === "/abort_request"
          ? RawServer.json(200, {})(connection, seen)
          : Speech.stream([piece], Speech.drip(piece))(connection, seen)
      const open = yield* opened("sglang", reply)
      const taken = yield* Stream.runCollect(Stream.take(open.backend.generate(request), 2))
      assert.strictEqual(taken.length, 2)
      const aborts = () => open.server.requests.filter(({ path }) => path === "/abort_request")
      yield* until(() => aborts().length === 1)
      const [draft] = Speech.work(open.server)
      assert.deepStrictEqual(aborts()[0]!.json, { rid: draft!.json.rid, abort_all: false })
      assert.isAbove(draft!.json.rid.length, 30)
      yield* until(() => open.server.open() === 0)
    }).pipe(Effect.scoped)
  )

  it.live("a draft on SGLang that came to its end is not aborted", () =>
    Effect.gen(function* () {
      const open = yield* opened("sglang", Speech.good("sglang", "Hi"))
      yield* Stream.runDrain(open.backend.generate(request))
      yield* Effect.sleep(50)
      assert.isFalse(open.server.requests.some(({ path }) => path === "/abort_request"))
    }).pipe(Effect.scoped)
  )
})
