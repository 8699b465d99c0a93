import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { Evaluate } from "@mulligan/lab"
import { front, points } from "../../src/report/Point.ts"

const estimate = (value: number) => ({ value, low: value, high: value })

const row = (name: string, accuracy: number, drawn: number, read = 0) =>
  ({ name, accuracy: estimate(accuracy), drawnTokens: estimate(drawn), readTokens: estimate(read) }) as Evaluate.Row

const evaluation = (rows: ReadonlyArray<Evaluate.Row>) => ({ count: 16, rows }) as Evaluate.Evaluation

const fronts = (rows: ReadonlyArray<Evaluate.Row>, readPrice = 0.25) =>
  front(points(evaluation(rows), readPrice)).map(({ row }) => row.name)

describe("points", () => {
  it.each([
    ["the cheaper of equals", [row("a", 0.5, 10), row("b", 0.5, 20)], ["a"]],
    ["the better of equals", [row("a", 0.5, 10), row("b", 0.6, 10)], ["b"]],
    ["both of the same", [row("a", 0.5, 10), row("b", 0.5, 10)], ["a", "b"]],
    ["the cheapest first", [row("a", 0.6, 20), row("b", 0.5, 10)], ["b", "a"]],
    ["reading at its price", [row("a", 0.5, 10, 40), row("b", 0.5, 19)], ["b"]],
    ["no judge that knows the grades", [row("a", 0.5, 10), row(Evaluate.names.possible(16), 0.9, 5)], ["a"]]
  ] as const)("that nothing betters: %s", (_, rows, expected) => {
    assert.deepStrictEqual(fronts(rows), [...expected])
  })

  it("counts what is read for nothing where it costs nothing", () => {
    assert.deepStrictEqual(fronts([row("a", 0.5, 10, 40), row("b", 0.5, 19)], 0), ["a"])
  })

  it("is never bettered, and betters or equals all others", () => {
    const value = FastCheck.integer({ min: 1, max: 6 })
    FastCheck.assert(
      FastCheck.property(FastCheck.array(FastCheck.tuple(value, value), { minLength: 1, maxLength: 12 }), (pairs) => {
        const all = points(evaluation(pairs.map(([accuracy, drawn], i) => row(String(i), accuracy / 10, drawn))), 0)
        for (const { cost, isFront, row } of all) {
          const bettered = all.some(
            (other) =>
              other.cost <= cost &&
              other.row.accuracy.value >= row.accuracy.value &&
              (other.cost !== cost || other.row.accuracy.value !== row.accuracy.value)
          )
          assert.strictEqual(isFront, !bettered)
        }
      })
    )
  })
})
