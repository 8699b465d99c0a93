import * as Effect from "effect/Effect"
import { ask, draw, type Law, request, verdict } from "./law.ts"

const TOLERANCE = 1e-4

export const greedy: Law = {
  name: "greedy",
  promise: "Temperature 0 gives the reference implementation's tokens.",
  check: (subject) =>
    Effect.gen(function* () {
      const wanted = subject.reference?.greedy
      const maxTokens = wanted?.length ?? subject.maxTokens
      const setting = { temperature: 0, ...(maxTokens === undefined ? {} : { maxTokens }) }
      const first = yield* draw(request(subject, { ...setting, seed: 1 }))
      const second = yield* draw(request(subject, { ...setting, seed: 2 }))
      const ids = first.map((token) => token.id)
      const failures: Array<string> = []
      if (String(second.map((token) => token.id)) !== String(ids)) failures.push("greedy answers depend on the seed")
      if (wanted !== undefined && String(ids) !== String(wanted))
        failures.push(`the reference gives ${wanted.join(" ")}, this ${ids.join(" ")}`)
      return verdict(
        failures,
        wanted === undefined
          ? "the same for every seed; there is no reference"
          : `${wanted.length} tokens as the reference`
      )
    })
}

export const probability: Law = {
  name: "probability",
  promise: "Labels' probabilities equal the reference's softmax to 1e-4; intervals contain it.",
  check: (subject) =>
    Effect.gen(function* () {
      const answer = yield* draw(request(subject, { temperature: 0 }))
      const wanted = subject.reference?.labels ?? [
        { after: 0, probabilities: [] },
        { after: answer.length, probabilities: [] }
      ]
      const failures: Array<string> = []
      for (const { after, probabilities } of wanted) {
        const { labels, over } = yield* ask(subject, answer.slice(0, after))
        const sum = labels.reduce((total, { lower }) => total + Math.exp(lower), 0)
        if (labels.length !== subject.labels.length)
          failures.push(`${labels.length} labels came for ${subject.labels.length}`)
        if (labels.some(({ lower, upper }) => !(lower <= upper && upper <= 1e-9)))
          failures.push("a bound is not the logarithm of a probability")
        if (over === "vocabulary" && sum > 1 + TOLERANCE) failures.push(`the labels' probabilities sum to ${sum}`)
        probabilities.forEach((p, i) => {
          const { lower = NaN, upper = NaN } = labels[i] ?? {}
          const isInside = Math.exp(lower) <= p + TOLERANCE && p - TOLERANCE <= Math.exp(upper)
          if (!isInside)
            failures.push(
              `after ${after} tokens ${subject.labels[i]} has ${p}, here ${Math.exp(lower)} to ${Math.exp(upper)}`
            )
        })
      }
      const isKnown = subject.reference?.labels !== undefined
      return verdict(
        failures,
        isKnown ? `${wanted.length} prefixes within ${TOLERANCE}` : "logarithms of probabilities; there is no reference"
      )
    })
}
