/**
 * How far a long command is, and how long it will still take.
 */
import * as Effect from "effect/Effect"
import type { Screen } from "./Screen.ts"

export interface Counted {
  readonly done: number
  readonly all: number
  /** Left out of a later try, or lost. Default 0. */
  readonly failed?: number | undefined
  /** Done before this run began: they tell nothing about its speed. Default 0. */
  readonly before?: number | undefined
}

export interface At extends Counted {
  /** Seconds since this run began, when the counts were told. */
  readonly told: number
  /** Seconds since this run began. */
  readonly now: number
}

const units: ReadonlyArray<readonly [name: string, seconds: number]> = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1]
]

/** "1 h 20 min", "45 s": the two largest units, the second a whole number. */
export const duration = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  const first = units.findIndex(([, size]) => whole >= size)
  if (first < 0) return "0 s"
  const [name, size] = units[first]!
  const [below, part] = units[first + 1] ?? ["", Infinity]
  const rest = Math.floor((whole % size) / part)
  return `${Math.floor(whole / size)} ${name}${rest === 0 ? "" : ` ${rest} ${below}`}`
}

/** Seconds left at the speed so far, counting down between one count and the next; undefined while nothing was done. */
export const left = ({ all, before = 0, done, now, told }: At): number | undefined =>
  done > before && told > 0 ? Math.max(0, ((all - done) * told) / (done - before) - (now - told)) : undefined

const thousands = (count: number) => count.toLocaleString("en-US")

const BAR = 24

const bar = ({ all, done }: At): string => {
  const filled = all === 0 ? 0 : Math.min(BAR, Math.floor((BAR * done) / all))
  return "█".repeat(filled) + "░".repeat(BAR - filled)
}

/** One line: "12 of 96 drafts, 13%, 1 min 20 s left". */
export const line = (at: At, unit: string): string => {
  const remaining = left(at)
  const parts = [
    `${thousands(at.done)} of ${thousands(at.all)} ${unit}`,
    `${at.all === 0 ? 100 : Math.floor((100 * at.done) / at.all)}%`,
    ...(remaining === undefined || at.done >= at.all ? [] : [`${duration(Math.max(1, remaining))} left`]),
    ...(at.failed === undefined || at.failed === 0 ? [] : [`${at.failed} failed`])
  ]
  return parts.join(", ")
}

/** The same behind a bar, as wide as fits. */
export const picture = (at: At, unit: string, width: number): string => {
  const text = line(at, unit)
  return width >= text.length + BAR + 1 ? `${bar(at)} ${text}` : text
}

/** Between two lines of a pipe. */
const LINE = "5 seconds"

export interface Options {
  /** What is counted: "drafts". */
  readonly unit: string
}

/**
 * Runs `work` and shows how far it says it is: a bar on a terminal, a line every five seconds on a pipe. The function that
 * it is given may be called as often as wanted.
 */
export const run = <A, E, R>(
  screen: Screen,
  { unit }: Options,
  work: (report: (counted: Counted) => void) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    const seconds = () => (performance.now() - start) / 1000
    let counted: (Counted & { readonly told: number }) | undefined
    let shown = ""
    const at = () => (counted === undefined ? undefined : { ...counted, now: seconds() })
    const tell = Effect.sync(() => {
      const now = at()
      const text = now === undefined ? "" : line(now, unit)
      if (text !== shown) screen.note(text)
      shown = text
    })
    const working = work((now) => void (counted = { ...now, told: seconds() }))
    if (!screen.isLive) return Effect.raceFirst(working, Effect.forever(Effect.andThen(Effect.sleep(LINE), tell)))
    const draw = () => {
      const now = at()
      return now === undefined ? "" : picture(now, unit, screen.width)
    }
    return Effect.ensuring(
      screen.showing(draw, working),
      Effect.sync(() => screen.clear())
    )
  })
