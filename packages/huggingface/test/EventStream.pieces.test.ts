import { assert, describe, it } from "@effect/vitest"
import { EventStream } from "../src/internal/EventStream.ts"
import { Failure } from "../src/internal/Failure.ts"

const PIECE = 100
const LINE = 2 ** 20

/** What comes of bytes in pieces of one size. */
const read = (text: string, longest = 2 * LINE): ReadonlyArray<unknown> => {
  const out: Array<unknown> = []
  const refused = () => assert.fail("nothing was refused")
  const stream = new EventStream({ event: (json) => out.push(json), done: () => out.push("done"), refused }, longest)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += PIECE) stream.push(bytes.subarray(at, at + PIECE))
  stream.end()
  return out
}

describe("a long line in many small pieces", () => {
  it.each([
    ["\n", LINE],
    ["\r\n", 10_000],
    ["\r", 10_000]
  ] as const)("is one event, whole: %j", (end, bytes) => {
    const long = "é".repeat(bytes / 2)
    assert.deepStrictEqual(read(`data: "${long}"${end}${end}data: [DONE]${end}${end}`), [long, "done"])
  })

  it("that ends with half of a line's end in one piece goes on in the next", () => {
    for (let size = PIECE - 20; size < PIECE + 20; size++) {
      const text = "a".repeat(size)
      assert.deepStrictEqual(read(`data: "${text}"\r\rdata: 1`), [text, 1])
      assert.deepStrictEqual(read(`data: "${text}"\r\ndata: \r\n\r\ndata: 1\r\r`), [text, 1])
    }
  })

  it("fails as soon as it is too long", () => {
    assert.throws(() => read(`data: ${"a".repeat(10_000)}`, 10_000), Failure)
    assert.throws(() => read(`data: ${"a".repeat(10_000)}\n\n`, 10_000), Failure)
  })
})
