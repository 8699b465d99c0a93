import { assert, describe, it } from "@effect/vitest"
import { parseDepths, parseQuestion } from "../../src/cli/DepthFlags.ts"

describe("depths", () => {
  it.each<readonly [string, object | undefined]>([
    ["25%,50%,32t,100%", { shares: [0.25, 0.5, 1], tokens: [32] }],
    [" 12.5% , 0t ", { shares: [0.125], tokens: [0] }],
    ["101%", undefined],
    ["1.5t", undefined],
    ["50", undefined],
    ["", undefined],
    ["50%,", undefined]
  ])('"%s"', (text, expected) => assert.deepStrictEqual(parseDepths(text), expected as never))
})

describe("a question", () => {
  it.each<readonly [string, object | undefined]>([
    ["Is this right? [Yes/No]", { question: "Is this right?", labels: ["Yes", "No"] }],
    ["Would you start over?", { question: "Would you start over?", labels: ["No", "Yes"] }],
    ["[keep/restart]", { labels: ["keep", "restart"] }],
    ["Is [this] right? [ True / False ]", { question: "Is [this] right?", labels: ["True", "False"] }],
    ["  ", undefined]
  ])('"%s"', (text, expected) => assert.deepStrictEqual(parseQuestion(text), expected as never))
})
