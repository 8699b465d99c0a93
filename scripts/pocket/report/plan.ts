/**
 * What must be recorded for the report: every problem once, with all that any figure wants of it.
 */
import type { Draft, DrawJob, Form, Job, Readings } from "../Recording.ts"
import { forms, HALF, QUARTER, tokensOf } from "../Recording.ts"
import type { Band, Problem, Problems } from "../problems.ts"

export type Family = "countdown" | "maze" | "arithmetic"

export interface Asked extends Problem {
  readonly family: Family
  readonly band: Band
  readonly job: DrawJob
}

/** A problem with its drafts. */
export interface Case extends Asked {
  readonly drafts: ReadonlyArray<Draft>
}

/** A problem of the mix also has annealed drafts. */
export interface Traffic<A extends Asked = Asked> {
  readonly asked: A
  readonly annealed: A
}

/** How many problems each part of the report looks at. */
export interface Limits {
  readonly level: number
  readonly mix: number
  readonly validation: number
  readonly questions: number
  readonly questionsMix: number
  readonly transfer: number
  readonly cross: number
  /** Forms of the question that the backend can ask. */
  readonly forms: ReadonlyArray<Form>
}

/** All there are, or `count` of each level and of the mix as much less. */
export const limitsFor = (problems: Problems, count: number, asked: ReadonlyArray<Form> = forms): Limits => {
  const largest = Math.max(...Object.values(problems.test.levels).map((level) => level.length))
  const share = Math.min(1, count / largest)
  const of = (all: number) => Math.ceil(share * all)
  return {
    level: Math.min(count, largest),
    mix: of(problems.test.mix.length),
    validation: of(problems.validation.mix.length),
    questions: of(150),
    questionsMix: of(300),
    transfer: of(100),
    cross: of(400),
    forms: asked
  }
}

/** Depths that no training stage cut at on purpose. */
export const ODD_DEPTHS = [1, 5, 11] as const

/** Inside the first action of a draft. */
export const FIRST_ACTION = 2

export const TEMPERATURES = [0.5, 1.3] as const

const SHARES = [QUARTER, HALF, 1]

export const eighths = (tokens: number): ReadonlyArray<number> =>
  [1, 2, 3, 4, 5, 6, 7].map((k) => tokensOf(k / 8, tokens))

export const familyOf = (prompt: string): Family =>
  prompt.startsWith("Make") ? "countdown" : prompt.startsWith("Grid") ? "maze" : "arithmetic"

const isFamily = (level: string, problems: Problems) => {
  const [prompt = ""] = problems.test.levels[level] ?? []
  return familyOf(prompt)
}

/** The levels on which most targets stand: those between trivial and hopeless of the first two families. */
export const judgedLevels = (problems: Problems): ReadonlyArray<string> =>
  problems.bands.between.filter((level) => isFamily(level, problems) !== "arithmetic")

export const longestLevel = (problems: Problems): string =>
  judgedLevels(problems).reduce((a, b) => ((problems.tokens[b] ?? 0) > (problems.tokens[a] ?? 0) ? b : a))

export const bandOf = (problems: Problems, level: string): Band => {
  const found = Object.entries(problems.bands).find(([, levels]) => levels.includes(level))
  if (found === undefined) throw new Error(`Level ${level} is in no band.`)
  return found[0] as Band
}

/** Tokens at which problems of a level are cut, as a user would set `maxTokens`. */
export const cutsOf = (problems: Problems, level: string) => {
  const tokens = problems.tokens[level] ?? 0
  return { quarter: tokensOf(QUARTER, tokens), half: tokensOf(HALF, tokens) }
}

const readingsOf = (problems: Problems, level: string, place: number, mixPlace: number, limits: Limits): Readings => {
  const isJudged = judgedLevels(problems).includes(level)
  const { half, quarter } = cutsOf(problems, level)
  const isLongest = level === longestLevel(problems)
  const steps = isLongest ? eighths(problems.tokens[level] ?? 0) : []
  const odd = isJudged && place < limits.transfer ? ODD_DEPTHS : []
  const full = isJudged ? [...new Set([FIRST_ACTION, quarter, half, ...odd, ...steps])].toSorted((a, b) => a - b) : []
  const isQuestioned = isJudged && place < limits.questions
  const shares = isQuestioned ? SHARES : mixPlace < limits.questionsMix || isLongest ? [1] : []
  const other = (form: Form) => ({ tokens: form === "reserved" ? steps : [], shares })
  const others = limits.forms.filter((form) => form !== "full")
  return {
    full: { tokens: full, shares: SHARES },
    ...Object.fromEntries(shares.length > 0 ? others.map((form) => [form, other(form)]) : [])
  }
}

export interface Plan<A extends Asked = Asked> {
  /** Levels between the ends, and those never trained: each problem drawn at temperature 1. */
  readonly levels: Readonly<Record<string, ReadonlyArray<A>>>
  readonly mix: ReadonlyArray<Traffic<A>>
  readonly validation: ReadonlyArray<Traffic<A>>
  /** By temperature, all levels between the ends. */
  readonly otherTemperatures: Readonly<Record<string, ReadonlyArray<A>>>
}

const END_ONLY: Readings = { full: { tokens: [], shares: [1] } }

export const plan = (problems: Problems, limits: Limits): Plan => {
  const { between, untrained } = problems.bands
  const asked = (level: string, prompt: string, temperature: DrawJob["temperature"], readings: Readings): Asked => ({
    level,
    prompt,
    family: familyOf(prompt),
    band: bandOf(problems, level),
    job: { kind: "draw", prompt, temperature, readings }
  })
  const mixPlaces = new Map(problems.test.mix.map(({ prompt }, i) => [prompt, i]))
  const plain = (level: string, prompt: string) => {
    const place = (problems.test.levels[level] ?? []).indexOf(prompt)
    return asked(level, prompt, 1, readingsOf(problems, level, place, mixPlaces.get(prompt) ?? Infinity, limits))
  }
  const level = (name: string, count: number) => (problems.test.levels[name] ?? []).slice(0, count)
  return {
    levels: Object.fromEntries(
      [...between, ...untrained].map((name) => [name, level(name, limits.level).map((prompt) => plain(name, prompt))])
    ),
    mix: problems.test.mix
      .slice(0, limits.mix)
      .map((p) => ({ asked: plain(p.level, p.prompt), annealed: asked(p.level, p.prompt, "annealed", END_ONLY) })),
    validation: problems.validation.mix.slice(0, limits.validation).map((p) => ({
      asked: asked(p.level, p.prompt, 1, END_ONLY),
      annealed: asked(p.level, p.prompt, "annealed", END_ONLY)
    })),
    otherTemperatures: Object.fromEntries(
      TEMPERATURES.map((t) => [
        String(t),
        between.flatMap((name) =>
          level(name, limits.transfer).map((prompt) =>
            asked(name, prompt, t, { full: { tokens: [], shares: [HALF, 1] } })
          )
        )
      ])
    )
  }
}

/** The plan again, with another thing in the place of every problem. */
export const mapPlan = <A extends Asked, B extends Asked>(self: Plan<A>, f: (a: A) => B): Plan<B> => {
  const values = (record: Readonly<Record<string, ReadonlyArray<A>>>) =>
    Object.fromEntries(Object.entries(record).map(([name, all]) => [name, all.map(f)]))
  const traffic = ({ annealed, asked }: Traffic<A>) => ({ asked: f(asked), annealed: f(annealed) })
  return {
    levels: values(self.levels),
    mix: self.mix.map(traffic),
    validation: self.validation.map(traffic),
    otherTemperatures: values(self.otherTemperatures)
  }
}

export const jobsOf = (self: Plan): ReadonlyArray<Job> => {
  const jobs: Array<Job> = []
  mapPlan(self, (asked) => {
    jobs.push(asked.job)
    return asked
  })
  return jobs
}
