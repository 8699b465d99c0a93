import { assert, describe, it } from "@effect/vitest"
import * as Licence from "@mulligan/lab/preferences/Licence"

describe("Licence", () => {
  it.each([
    ["lmsys/lmsys-chat-1m", ["LMSYS-Chat-1M Dataset License Agreement", "Gated", "passed on to anybody"]],
    ["allenai/WildChat-1M", ["ODC-BY", "arXiv 2405.01470"]],
    ["allenai/WildChat-4.8M", ["ODC-BY"]],
    ["prompts.jsonl", ["not known", "State it by `licence`"]]
  ])("of %s says what its user must know", (dataset, parts) => {
    const said = Licence.describe(dataset)
    for (const part of [dataset, ...parts]) assert.include(said, part)
  })

  it("takes the user's own statement before what it knows", () => {
    const said = Licence.describe("lmsys/lmsys-chat-1m", { name: "Ours", terms: "Ask us." })
    assert.strictEqual(said, "lmsys/lmsys-chat-1m: Ours. Ask us.")
  })
})
