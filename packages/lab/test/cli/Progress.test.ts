import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Progress from "../../src/cli/Progress.ts"

const at = { done: 0, all: 100, before: 0, told: 0, now: 0 }

describe("a duration", () => {
  it.each([
    [0, "0 s"],
    [0.4, "0 s"],
    [45, "45 s"],
    [60, "1 min"],
    [80, "1 min 20 s"],
    [4800, "1 h 20 min"],
    [3600 + 59, "1 h"],
    [90_000, "1 d 1 h"]
  ] as const)("of %d seconds is %s", (seconds, text) => assert.strictEqual(Progress.duration(seconds), text))
})

describe("the time left", () => {
  it.each([
    ["is unknown at first", at, undefined],
    ["is as long as what is left took so far", { ...at, done: 25, told: 10, now: 10 }, 30],
    ["counts down until more is told", { ...at, done: 25, told: 10, now: 14 }, 26],
    ["never runs below nothing", { ...at, done: 25, told: 10, now: 100 }, 0],
    ["leaves out what was done before", { ...at, done: 60, before: 50, told: 10, now: 10 }, 40],
    ["is unknown until something new is done", { ...at, done: 50, before: 50, told: 10, now: 10 }, undefined]
  ] as const)("%s", (_, state, expected) => assert.strictEqual(Progress.left(state), expected))
})

describe("a line", () => {
  it.each([
    [{ ...at, done: 12, told: 10, now: 10 }, "12 of 100 drafts, 12%, 1 min 13 s left"],
    [{ ...at, done: 100, told: 10, now: 10 }, "100 of 100 drafts, 100%"],
    [{ ...at, done: 99, told: 10, now: 10 }, "99 of 100 drafts, 99%, 1 s left"],
    [{ ...at, done: 3, failed: 2, before: 3 }, "3 of 100 drafts, 3%, 2 failed"]
  ] as const)("of %j", (state, text) => assert.strictEqual(Progress.line(state, "drafts"), text))
})

describe("a picture", () => {
  it("has a bar that grows with what is done and fits its window", () => {
    fc.assert(
      fc.property(fc.nat(500), fc.nat(500), fc.integer({ min: 1, max: 200 }), (a, b, width) => {
        const [done, all] = [Math.min(a, b), Math.max(a, b)]
        const state = { ...at, done, all, told: 1, now: 1 }
        const text = Progress.line(state, "drafts")
        const picture = Progress.picture(state, "drafts", width)
        const full = picture.split("█").length - 1
        if (width < text.length + 25) return assert.strictEqual(picture, text)
        assert.isAtMost(picture.length, width)
        assert.strictEqual(full, all === 0 ? 0 : Math.floor((24 * done) / all))
      })
    )
  })
})
