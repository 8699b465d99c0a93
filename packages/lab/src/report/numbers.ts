/**
 * Numbers as they are read.
 */
import type { Estimate } from "../Bootstrap.ts"

const MINUS = "−"

/** With this many decimals; a dash for what is not known. */
export const fixed = (value: number, decimals: number): string => {
  if (Number.isNaN(value)) return "–"
  const shown = Math.abs(value).toFixed(decimals)
  return value < 0 && Number(shown) !== 0 ? `${MINUS}${shown}` : shown
}

export const percent = (value: number): string => (Number.isNaN(value) ? "–" : `${fixed(100 * value, 1)}%`)

/** With three digits or all before the point. */
export const amount = (value: number): string => fixed(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)

/** A value with its interval, where it has one. */
export const interval = ({ high, low, value }: Estimate, shown: (value: number) => string): string =>
  Number.isNaN(low) ? shown(value) : `${shown(value)} [${shown(low)}, ${shown(high)}]`

export const three = (value: number): string => fixed(value, 3)
