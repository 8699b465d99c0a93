import type * as Backend from "@mulligan/core/Backend"
import type { Measures, Sampling } from "../Line.ts"

const OFF = { topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 } as const
const knobs = Object.keys(OFF) as ReadonlyArray<keyof typeof OFF>

/** The same for settings that draw the same: knobs that are off are left out, stop strings are in order. */
export const normal = (sampling: Backend.Sampling): Sampling => {
  const stop = [...new Set(sampling.stop ?? [])].filter((text) => text !== "").toSorted()
  const on = knobs.filter((knob) => (sampling[knob] ?? OFF[knob]) !== OFF[knob])
  return {
    ...Object.fromEntries(on.map((knob) => [knob, sampling[knob]])),
    ...(stop.length === 0 ? {} : { stop })
  }
}

/** In words, where they draw differently: `topP is 0.9, not off`. */
export const difference = (recorded: Sampling, asked: Sampling): string | undefined => {
  const told = (value: number | undefined) => value ?? "off"
  const knob = knobs.find((knob) => recorded[knob] !== asked[knob])
  if (knob !== undefined) return `${knob} is ${told(recorded[knob])}, not ${told(asked[knob])}`
  return JSON.stringify(recorded.stop) === JSON.stringify(asked.stop) ? undefined : "the stop strings are others"
}

/** The same for what tells the same. */
export const measuresOf = ({ certainty, confidence }: Backend.Measures): Measures => ({
  ...(confidence === undefined ? {} : { confidence }),
  ...(certainty === true ? { certainty } : {})
})

/** The same for policies that draw and are told the same. */
export const drawnAs = (how: Backend.Sampling & Backend.Measures): Sampling & Measures => ({
  ...normal(how),
  ...measuresOf(how)
})

const inWords = ({ certainty, confidence }: Measures): string => {
  const told = [confidence === undefined ? "" : `confidence over ${confidence}`, certainty === true ? "certainty" : ""]
  return told.filter((one) => one !== "").join(" and ") || "nothing more"
}

/** In words, where they tell otherwise of a token: `tokens tell confidence over 20, not certainty`. */
export const otherMeasures = (recorded: Measures, asked: Measures): string | undefined =>
  recorded.confidence === asked.confidence && recorded.certainty === asked.certainty
    ? undefined
    : `tokens tell ${inWords(recorded)}, not ${inWords(asked)}`

/** The same, where something is asked for that was not recorded. */
export const missingMeasures = (recorded: Measures, asked: Measures): string | undefined =>
  otherMeasures({ ...recorded, ...asked }, recorded) === undefined ? undefined : otherMeasures(recorded, asked)
