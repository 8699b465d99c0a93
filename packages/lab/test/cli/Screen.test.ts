import { assert, describe, it } from "@effect/vitest"
import { Writable } from "node:stream"
import type { WriteStream } from "node:tty"
import { Lanes } from "../../src/cli/Lanes.ts"
import { Answer } from "../../src/cli/Output.ts"
import { Screen } from "../../src/cli/Screen.ts"

const escape = String.fromCharCode(27)

/** A stream that remembers what was written to it. */
const fake = (isTTY: boolean, columns = 40) => {
  const written: Array<string> = []
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string, _, done) => {
      written.push(text)
      done()
    }
  })
  return { stream: Object.assign(stream, { isTTY, columns, rows: 24 }) as unknown as WriteStream, written }
}

describe("a screen", () => {
  it("on a pipe shows notes alone, and no colour", () => {
    const { stream, written } = fake(false)
    const screen = new Screen(stream, {})
    screen.show("a picture")
    screen.note(screen.paint("red", "a note"))
    screen.done()
    assert.deepStrictEqual(written, ["a note\n"])
    assert.isFalse(screen.isLive)
  })
  it("of a terminal that cannot move its cursor is as a pipe", () => {
    const { stream, written } = fake(true)
    const screen = new Screen(stream, { TERM: "dumb" })
    screen.show("a picture")
    assert.deepStrictEqual(written, [])
  })
  it("on a terminal draws over what it showed, below its notes", () => {
    const { stream, written } = fake(true)
    const screen = new Screen(stream, { TERM: "xterm" })
    screen.show("one")
    screen.note("a note")
    assert.match(written.join(""), /one[^]*a note\n[^]*one/)
    screen.clear()
    written.length = 0
    screen.note("the end")
    assert.deepStrictEqual(written, ["the end\n"])
  })
})

describe("drafts side by side", () => {
  const token = (text: string) => ({ text })
  const lanes = new Lanes(true)
  lanes.follow({ _tag: "Drawn", index: 1, token: token(" two\n") })
  lanes.follow({ _tag: "Drawn", index: 0, token: token(`a very long ${escape}[31mtext that does not fit at all`) })
  lanes.follow({ _tag: "Scored", index: 0, score: { value: 0.5, lower: 0.5, upper: 0.5 } })
  lanes.follow({ _tag: "Scored", index: 1, score: { value: 1, lower: 1, upper: 1 } })
  lanes.follow({ _tag: "Pruned", index: 0 })
  lanes.follow({ _tag: "Chosen", index: 1 })
  const pictured = (columns: number) => lanes.picture(new Screen(fake(false, columns).stream, {})).split("\n")

  it("stand in the order of their index, with what became of them", () => {
    assert.deepStrictEqual(pictured(80), [
      "✂   1  █████░░░░░  0.50  a very long  [31mtext that does not fit at all",
      "★   2  ██████████  0.99  two "
    ])
  })
  it("show the newest that fits, and nothing that a terminal would take for a command", () => {
    const [first = ""] = pictured(40)
    assert.strictEqual(first.length, 39)
    assert.match(first, /…ot fit at all$/)
    assert.notInclude(pictured(200).join(""), escape)
  })
})

describe("an answer", () => {
  const pieces = [" ", "\n 1", `${escape}[2J\t2`, "\n3"]
  const written = (isTTY: boolean, texts: ReadonlyArray<string>) => {
    const out = fake(isTTY)
    const answer = new Answer(out.stream)
    texts.forEach(answer.add)
    answer.end()
    return out.written.join("")
  }
  it("begins where its text does, and ends its last line", () => {
    assert.strictEqual(written(false, pieces), `1${escape}[2J\t2\n3\n`)
    assert.strictEqual(written(false, ["a\n"]), "a\n")
    assert.strictEqual(written(false, []), "\n")
  })
  it("moves no terminal", () => assert.strictEqual(written(true, pieces), "1[2J\t2\n3\n"))
})
