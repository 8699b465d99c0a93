import { assert, describe, it } from "@effect/vitest"
import { EventStream, words } from "../src/internal/EventStream.ts"
import { Failure } from "../src/internal/Failure.ts"

/** What comes out of bytes in pieces of a size; the failure's kind last. */
const read = (bytes: Uint8Array, size: number, longest = 1000): ReadonlyArray<unknown> => {
  const out: Array<unknown> = []
  const refused = (error: unknown) => {
    out.push(["refused", error])
    throw new Failure("refused")
  }
  const stream = new EventStream({ event: (json) => out.push(json), done: () => out.push("done"), refused }, longest)
  try {
    for (let at = 0; at < bytes.length; at += size) stream.push(bytes.subarray(at, at + size))
    stream.end()
  } catch (error) {
    out.push(error instanceof Failure ? error.kind : error)
  }
  return out
}

const table: ReadonlyArray<readonly [name: string, text: string, out: ReadonlyArray<unknown>]> = [
  ["nothing", "", []],
  ["an event", "data: 1\n\n", [1]],
  ["two events", "data: 1\n\ndata: 2\n\n", [1, 2]],
  ["CRLF", "data: 1\r\n\r\ndata: 2\r\n\r\n", [1, 2]],
  ["CR", "data: 1\r\rdata: 2\r\r", [1, 2]],
  ["all three", "data: 1\n\r\ndata: 2\r\rdata: 3\n\n", [1, 2, 3]],
  ["no space", "data:1\n\n", [1]],
  ["one space of two", 'data:  "a"\n\n', ["a"]],
  ["several lines of data are one event", 'data: [1,\ndata: 2\ndata: ,"é😀"]\n\n', [[1, 2, "é😀"]]],
  ["several lines of data, CRLF", "data: [1,\r\ndata: 2]\r\n\r\n", [[1, 2]]],
  ["several lines of data, CR", "data: [1,\rdata: 2]\r\r", [[1, 2]]],
  ["comments", ": hello\n\n:\ndata: 1\n: there\n\n", [1]],
  ["other fields", "id: 7\nretry: 3\nevent: message\ndata: 1\n\n", [1]],
  ["a field without a colon", "data\n\nnothing\n\ndata: 1\n\n", [1]],
  ["empty data", "data:\n\ndata: \n\n", []],
  ["empty lines", "\n\n\ndata: 1\n\n\n\n", [1]],
  ["no empty line at the end", "data: 1\n\ndata: 2", [1, 2]],
  ["half an end of a line at the end", "data: 1\n\ndata: 2\r", [1, 2]],
  ["DONE", "data: 1\n\ndata: [DONE]\n\n", [1, "done"]],
  ["DONE and a space", "data: [DONE] \n\n", ["done"]],
  ["DONE at the very end", "data: [DONE]", ["done"]],
  ["an error that is null", 'data: {"a":1,"error":null}\n\n', [{ a: 1, error: null }]],
  ["an error object", 'data: {"error":{"code":5}}\n\n', [["refused", { code: 5 }], "refused"]],
  ["an error text", 'data: {"error":"no"}\n\ndata: 1\n\n', [["refused", "no"], "refused"]],
  [
    "an error by its object",
    'data: {"object":"error","code":5}\n\n',
    [["refused", { object: "error", code: 5 }], "refused"]
  ],
  ["an error in choices", 'data: {"choices":[{},{"error":"no"}]}\n\n', [["refused", "no"], "refused"]],
  [
    "an error with its type",
    'data: {"error":"no","error_type":"x"}\n\n',
    [["refused", { error: "no", error_type: "x" }], "refused"]
  ],
  ["event: error", 'event: error\ndata: {"error":{"code":5}}\n\n', [["refused", { code: 5 }], "refused"]],
  ["event: error, no JSON", "event: error\ndata: no\n\n", [["refused", "no"], "refused"]],
  ["event: error counts for one event", "event: error\n\n", [["refused", ""], "refused"]],
  ["error: field", 'error: {"code":5}\n\n', [["refused", { code: 5 }], "refused"]],
  ["error: field, at the end", "data: 1\n\nerror: no", [1, ["refused", "no"], "refused"]],
  ["invalid JSON", "data: 1\n\ndata: {oops\n\ndata: 2\n\n", [1, "garbled"]],
  ["half an event at the end", 'data: {"a"', ["garbled"]]
]

describe.each(table)("events from bytes: %s", (_, text, out) => {
  it.each([1, 2, 3, 7, 10_000])("in pieces of %d", (size) => {
    assert.deepStrictEqual(read(new TextEncoder().encode(text), size), out)
  })
})

describe("events from bytes", () => {
  it.each([1, 10_000])("a line may be as long as it may be, and no longer; pieces of %d", (size) => {
    const line = (length: number) => new TextEncoder().encode(`data: ${"1".repeat(length - 6)}`)
    assert.strictEqual(read(line(20), size, 20).length, 1)
    assert.deepStrictEqual(read(line(21), size, 20), ["tooLarge"])
    const ended = new TextEncoder().encode(`data: 1\n\n: ${"x".repeat(30)}\n`)
    assert.deepStrictEqual(read(ended, size, 20), [1, "tooLarge"])
    const lines = new TextEncoder().encode(`data: 1\n\n${"data: 123456\n".repeat(4)}`)
    assert.deepStrictEqual(read(lines, size, 20), [1, "tooLarge"])
    assert.deepStrictEqual(read(new TextEncoder().encode("data: 123456\n\n".repeat(4)), size, 20).length, 4)
  })

  it("a line that never ends fails as soon as it is too long", () => {
    const stream = new EventStream({ event: () => {}, done: () => {}, refused: () => {} }, 20)
    stream.push(new TextEncoder().encode("x".repeat(20)))
    assert.throws(() => stream.push(new TextEncoder().encode("x")), "tooLarge")
  })

  it("a character that is no UTF-8 breaks nothing else", () => {
    assert.deepStrictEqual(read(Buffer.from([...Buffer.from('data: "'), 0xff, ...Buffer.from('"\n\n')]), 1), ["\uFFFD"])
  })

  it.each([
    ["a text", "a text"],
    ['{"error":{"message":"x"}}', { message: "x" }],
    ['{"detail":"x"}', { detail: "x" }],
    ["null", null],
    ["", ""]
  ])("the error in %s", (text, error) => assert.deepStrictEqual(words(text), error))
})
