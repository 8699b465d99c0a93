import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as MergedSession from "../src/driver/MergedSession.ts"
import type { Session, Tensor } from "../src/driver/Session.ts"
import { SWITCH } from "../src/graph/Merged.ts"
import type { ModelConfig } from "../src/ModelConfig.ts"

const config = {
  kvHeads: 1,
  headDim: 1,
  vocabulary: 50,
  past: ["past"],
  present: ["present"],
  logits: "logits"
} as unknown as ModelConfig

type Kind = "causal" | "not causal" | "of one token"

/**
 * A decoder whose cache is the ids that it has read, and whose logits are their sums by the mask, as a merged one has them:
 * without past right for several tokens, with past as `kind` says.
 */
const fake = (kind: Kind, inputs: ReadonlyArray<string> = ["past", SWITCH, "position_ids"]) => {
  const runs: Array<{ readonly hasPast: boolean; readonly length: number }> = []
  const run: Session["run"] = async (feeds) => {
    const [ids, past, mask] = ["input_ids", "past", "attention_mask"].map((name) => feeds[name]!) as [
      Tensor,
      Tensor,
      Tensor
    ]
    const [rows, length, before] = [ids.dims[0]!, ids.dims[1]!, past.dims[2]!]
    const hasPast = feeds[SWITCH]!.data[0] === 1
    assert.strictEqual(mask.dims[1], before + length)
    assert.strictEqual(feeds["position_ids"]?.dims[1], inputs.includes("position_ids") ? length : undefined)
    if (!hasPast) assert.strictEqual(before, 0, "the branch without past was given one")
    if (hasPast && kind === "of one token" && length > 1) throw new Error("sizes do not fit")
    runs.push({ hasPast, length })
    const all = Array.from({ length: rows }, (_, row) => [
      ...past.data.slice(row * before, (row + 1) * before),
      ...ids.data.slice(row * length, (row + 1) * length)
    ]).map((row) => row.map(Number))
    const sees = (i: number, at: number) => at <= before + i || (hasPast && kind === "not causal")
    const logits = all.flatMap((row, r) =>
      Array.from({ length }, (_, i) => {
        const seen = row.filter((_, at) => sees(i, at) && mask.data[r * (before + length) + at] !== 0n)
        return [seen.reduce((sum, id) => sum + id, 0), 1]
      }).flat()
    )
    return {
      logits: { type: "float32", data: Float32Array.from(logits), dims: [rows, length, 2] },
      present: { type: "float32", data: Float32Array.from(all.flat()), dims: [rows, 1, before + length, 1] }
    }
  }
  const signature = (name: string) => ({ name, type: name === "past" ? "float32" : "int64", dims: [] })
  const session: Session = { inputs: inputs.map(signature), outputs: [], run, close: async () => {} }
  return { session, runs }
}

const ints = (rows: ReadonlyArray<ReadonlyArray<number>>): Tensor => ({
  type: "int64",
  data: BigInt64Array.from(rows.flat(), BigInt),
  dims: [rows.length, rows[0]!.length]
})
const feedsOf = (past: ReadonlyArray<ReadonlyArray<number>>, fresh: ReadonlyArray<ReadonlyArray<number>>) => ({
  input_ids: ints(fresh),
  position_ids: ints(fresh.map((row) => row.map((_, i) => past[0]!.length + i))),
  attention_mask: ints(fresh.map((row, r) => [...past[r]!, ...row].map(() => 1))),
  past: { type: "float32", data: Float32Array.from(past.flat()), dims: [past.length, 1, past[0]!.length, 1] } as Tensor
})
const sums = (past: ReadonlyArray<number>, fresh: ReadonlyArray<number>) =>
  fresh.flatMap((_, i) => [[...past, ...fresh.slice(0, i + 1)].reduce((sum, id) => sum + id, 0), 1])

/** The same number of rows, each as long as the others. */
const table = (rows: number, most: number, least: number) =>
  fc.integer({ min: least, max: most }).chain((width) =>
    fc.array(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: width, maxLength: width }), {
      minLength: rows,
      maxLength: rows
    })
  )

describe.each<[Kind, number]>([
  ["causal", 1],
  ["not causal", 4],
  ["of one token", 4]
])("a merged decoder whose branch with past is %s", (kind, runsOfFour) => {
  it("gives each token what is before it, whatever is behind and however many are new", async () => {
    const { session } = fake(kind)
    const around = MergedSession.around(session, config)
    const steps = fc.integer({ min: 1, max: 3 }).chain((rows) => fc.tuple(table(rows, 5, 0), table(rows, 5, 1)))
    await fc.assert(
      fc.asyncProperty(steps, async ([past, fresh]) => {
        const { logits, present } = await around.run(feedsOf(past, fresh))
        assert.deepStrictEqual(
          [...logits!.data],
          fresh.flatMap((row, r) => sums(past[r]!, row))
        )
        assert.deepStrictEqual(logits!.dims, [fresh.length, fresh[0]!.length, 2])
        assert.deepStrictEqual(
          [...present!.data],
          fresh.flatMap((row, r) => [...past[r]!, ...row])
        )
      })
    )
  })

  it("reads a prompt at once, a token as one, and several behind others as they may be", async () => {
    const { runs, session } = fake(kind)
    const around = MergedSession.around(session, config)
    await around.run(feedsOf([[]], [[1, 2, 3, 4, 5]]))
    await around.run(feedsOf([[1, 2]], [[3]]))
    assert.deepStrictEqual(runs, [
      { hasPast: false, length: 5 },
      { hasPast: true, length: 1 }
    ])
    await around.run(feedsOf([[1, 2]], [[3, 4]]))
    const tried = runs.length
    await around.run(feedsOf([[1, 2]], [[3, 4, 5, 6]]))
    assert.strictEqual(runs.length - tried, runsOfFour)
  })

  it("hides what the mask hides", async () => {
    const { session } = fake(kind)
    const feeds = feedsOf([[5, 6]], [[1, 2, 3]])
    const mask = { ...feeds.attention_mask, data: BigInt64Array.of(1n, 0n, 1n, 1n, 1n) }
    const { logits } = await MergedSession.around(session, config).run({ ...feeds, attention_mask: mask })
    assert.deepStrictEqual([...logits!.data], [6, 1, 8, 1, 11, 1])
  })
})

it("a decoder that takes no positions is given none", async () => {
  const { session } = fake("not causal", ["past", SWITCH])
  const { position_ids: _, ...feeds } = feedsOf([[1]], [[2, 3]])
  const { logits } = await MergedSession.around(session, config).run(feeds)
  assert.deepStrictEqual([...logits!.data], [3, 1, 6, 1])
})

it("any other session is left as it is", () => {
  const { session } = fake("causal", ["past"])
  assert.strictEqual(MergedSession.around(session, config), session)
})
