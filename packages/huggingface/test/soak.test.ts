import { assert, describe, it } from "@effect/vitest"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import * as Effect from "effect/Effect"
import * as RawServer from "./RawServer.ts"
import * as Soak from "./soak.ts"
import * as Speech from "./speech.ts"

/** As servers do that keep their connections; now and then it is slow. */
const reply: RawServer.Reply = async (connection, seen) => {
  const isSlow = seen.json.seed % 8 === 0
  await connection.write(
    RawServer.head(200, {
      "content-type": "text/event-stream",
      "transfer-encoding": "chunked",
      connection: "keep-alive"
    })
  )
  for (const part of Speech.answer("vllm", "Hi there")) {
    if (isSlow) await RawServer.sleep(1)
    await connection.write(RawServer.chunk(part))
  }
  await connection.write(RawServer.LAST)
}

describe("a long run", () => {
  it.live("leaves nothing behind, and every draft that was not interrupted comes to its end", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.start(Speech.engine("vllm", reply))
      const soaked = yield* Soak.run({ prompt: Speech.prompt, maxTokens: 20, atOnce: 200, inARow: 1000 }).pipe(
        Effect.provide(HuggingFaceBackend.layer(Speech.optionsFor(server, "vllm")))
      )
      assert.deepStrictEqual([soaked.completed, soaked.interrupted, soaked.failed], [1140, 60, 0])
      assert.deepStrictEqual(soaked.left, {})
      const { drawing, servers } = soaked.description
      assert.deepStrictEqual([drawing, servers[0]!.open], [0, 0])
      assert.isBelow(soaked.growth, 4e6)
      assert.isTrue(yield* Effect.promise(() => RawServer.eventually(() => server.open() === 0, 6000)))
      // Connections are used again: a thousand drafts in a row need no thousand.
      assert.isBelow(server.connections(), 400)
    }).pipe(Effect.scoped)
  )
})
