import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Address from "../src/internal/Address.ts"

const PATH = "/v1/completions"
const good: ReadonlyArray<readonly [given: string, at: string]> = [
  ["http://h:8000", "http://h:8000/v1/completions"],
  ["http://h:8000/", "http://h:8000/v1/completions"],
  ["http://h:8000/v1", "http://h:8000/v1/completions"],
  ["http://h:8000/v1/", "http://h:8000/v1/completions"],
  ["http://h:8000/v1/chat/completions", "http://h:8000/v1/completions"],
  ["http://h:8000/v1/completions/", "http://h:8000/v1/completions"],
  ["http://h:8000/generate", "http://h:8000/v1/completions"],
  ["http://h:8000/generate_stream", "http://h:8000/v1/completions"],
  ["http://h:8000/completion", "http://h:8000/v1/completions"],
  ["https://h/api/v3", "https://h/api/v3/v1/completions"],
  ["https://h/api/v3/v1/", "https://h/api/v3/v1/completions"],
  ["https://h/a//", "https://h/a/v1/completions"],
  ["https://h/my-v1", "https://h/my-v1/v1/completions"],
  ["https://h/v1?key=x&y=/v1", "https://h/v1/completions?key=x&y=/v1"],
  ["https://h?key=x", "https://h/v1/completions?key=x"],
  ["https://h/v1#part", "https://h/v1/completions"],
  ["  https://H/v1 \n", "https://h/v1/completions"],
  ["https://h:443", "https://h/v1/completions"],
  ["http://[::1]:80/v1", "http://[::1]/v1/completions"]
]

const bad: ReadonlyArray<readonly [given: string, problem: RegExp]> = [
  ["", /not a URL/],
  ["h:8000/v1", /begins with h:/],
  ["localhost", /not a URL/],
  ["//h", /not a URL/],
  ["ftp://h", /begins with ftp:/],
  ["file:///etc/passwd", /begins with file:/],
  ["https://user@h", /user or a password/],
  ["https://user:secret@h", /user or a password/],
  ["https://:secret@h", /user or a password/]
]

describe("the address of a server", () => {
  it.effect.each(good)("%s", ([given, at]) =>
    Effect.gen(function* () {
      const address = yield* Address.make(given)
      assert.strictEqual(address.at(PATH), at)
      assert.match(address.origin, /^https?:\/\/[^/?#@]+$/)
    })
  )

  it.effect.each(bad)("refuses %s", ([given, problem]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Address.make(given))
      assert.strictEqual(error.reason._tag, "InvalidRequest")
      assert.match(error.reason.problem, problem)
      assert.notInclude(error.message, "secret")
    })
  )
})
