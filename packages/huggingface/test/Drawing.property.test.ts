import { assert, describe, it } from "@effect/vitest"
import { dialects } from "@mulligan/huggingface"
import { Tokenizer } from "@mulligan/tokenizer"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { Drawing, type Plan } from "../src/internal/Drawing.ts"
import { END, idsOf, tokenizer as files } from "./speech.ts"

const tokenizer = Effect.runSync(Tokenizer.make(files, { backend: "test", name: "pocket" }))
const llama = dialects.find(({ name }) => name === "llama.cpp")!
const PROMPT = 10
const MOST_REQUESTS = 500

interface Draft {
  /** All that the model would say; each token is a byte, and its id that byte and 4. */
  readonly ids: ReadonlyArray<number>
  readonly maxTokens: number | undefined
  readonly stop: ReadonlyArray<string>
  readonly context: number
  readonly step: number
}

/** Whether the bytes end within a character. */
const isUnfinished = (bytes: ReadonlyArray<number>): boolean => {
  const back = bytes.toReversed().findIndex((byte) => (byte & 0xc0) !== 0x80)
  const first = bytes.at(-1 - back) ?? 0
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
  return back >= 0 && length > back + 1
}

/** An event for each token, but for those with which a character is not whole: llama.cpp leaves them out. */
const streamed = (ids: ReadonlyArray<number>): ReadonlyArray<unknown> => {
  let open: Array<number> = []
  return ids.flatMap((id, i) => {
    if (id > END) open.push(id - 4)
    if (id > END && isUnfinished(open)) return []
    if (id > END) open = []
    const completion_probabilities = [{ id, logprob: -1 }]
    return { content: "", tokens: [id], stop: false, tokens_predicted: i + 1, completion_probabilities }
  })
}

/** What the server says to a request. */
const events = ({ ids }: Draft, { from, maxTokens = Infinity }: Plan, streams: boolean): ReadonlyArray<unknown> => {
  const left = [...ids.slice(from), END]
  const drawn = left.slice(0, maxTokens)
  const stop_type = drawn.length === left.length ? "eos" : "limit"
  const last = { content: "", stop: true, tokens_predicted: drawn.length, stop_type, timings: { prompt_n: 1 } }
  return streams ? [...streamed(drawn), { ...last, tokens: [] }] : [{ ...last, tokens: drawn }]
}

/** Draws to the end; an ideal server leaves nothing out. */
const drawn = (draft: Draft, isIdeal: boolean) => {
  const { context, maxTokens, stop } = draft
  const settings = { can: llama.can, tokenizer, context, promptLength: PROMPT, step: isIdeal ? Infinity : draft.step }
  const drawing = new Drawing(settings, { prompt: "x", prefix: [], temperature: 1, seed: 1, stop, maxTokens }, [])
  const tokens: Array<unknown> = []
  let requests = 0
  while (!drawing.isOver) {
    assert.isAtMost(++requests, MOST_REQUESTS)
    const plan = drawing.plan()
    const read = llama.reader()
    for (const event of events(draft, plan, plan.streams && !isIdeal)) {
      tokens.push(...drawing.take(read(event)).map(({ end, id, text }) => ({ id, text, end })))
      assert.isFalse(drawing.isOther)
      if (drawing.isStale || drawing.isOver) break
    }
  }
  return { tokens, requests, text: drawing.text }
}

const parts = fc.oneof(
  { weight: 12, arbitrary: fc.constant(idsOf("é")) },
  { weight: 8, arbitrary: fc.constant(idsOf("😀")) },
  { weight: 5, arbitrary: fc.constant([0xc3 + 4]) },
  { weight: 7, arbitrary: fc.constantFrom([1], [2]) },
  { weight: 68, arbitrary: fc.constantFrom(..."abcd").map(idsOf) }
)
const sometimes = <A>(arbitrary: fc.Arbitrary<A>, otherwise: A) =>
  fc.oneof({ weight: 1, arbitrary }, { weight: 2, arbitrary: fc.constant(otherwise) })
const drafts: fc.Arbitrary<Draft> = fc.record({
  // Cut anywhere, so also within a character.
  ids: fc.tuple(fc.array(parts, { maxLength: 30 }), fc.nat(30)).map(([all, most]) => all.flat().slice(0, most)),
  maxTokens: sometimes(fc.nat(34), undefined),
  stop: sometimes(
    fc.constantFrom("a", "ab", "éa", "😀", "b\uFFFD", "ca").map((text) => [text]),
    []
  ),
  context: sometimes(fc.integer({ min: PROMPT + 2, max: PROMPT + 31 }), 1000),
  step: sometimes(fc.integer({ min: 1, max: 6 }), Infinity)
})

describe("a draft from a server that leaves tokens out of its stream", () => {
  it("is the same as from one that leaves none out, over however many requests", () => {
    let redrawn = 0
    const isSame = fc.property(drafts, (draft) => {
      const [whole, pieces] = [drawn(draft, true), drawn(draft, false)]
      if (pieces.requests > 1) redrawn++
      assert.deepStrictEqual(pieces.tokens, whole.tokens)
      assert.strictEqual(pieces.text, whole.text)
    })
    fc.assert(isSame, { numRuns: 3000, seed: 12_345 })
    assert.isAbove(redrawn, 500)
  })
})
