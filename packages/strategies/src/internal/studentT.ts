/** Student's t distribution with a whole number of degrees of freedom, where everything is a finite sum. */

/** Density at 0: Γ((df + 1)/2) / (√(df · π) · Γ(df/2)), by its recursion in steps of 2. */
const peak = (df: number): number => {
  let value = df % 2 === 1 ? 1 / Math.PI : 1 / (2 * Math.SQRT2)
  for (let d = df % 2 === 1 ? 1 : 2; d < df; d += 2) value *= ((d + 1) / d) * Math.sqrt(d / (d + 2))
  return value
}

export const density = (x: number, df: number): number => peak(df) * (1 + (x * x) / df) ** (-(df + 1) / 2)

/** P(T <= x) (Abramowitz and Stegun 26.7.3 and 26.7.4). */
export const cumulative = (x: number, df: number): number => {
  const angle = Math.atan(x / Math.sqrt(df))
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)]
  const odd = df % 2 === 1
  let term = odd ? cos : 1
  let sum = df === 1 ? 0 : term
  for (let d = odd ? 3 : 2; d < df; d += 2) {
    term *= ((d - 1) / d) * cos * cos
    sum += term
  }
  return odd ? 0.5 + (angle + sin * sum) / Math.PI : 0.5 + (sin * sum) / 2
}

/** The x with P(T <= x) = p, for 0 < p < 1/2, by bisection. */
export const lowQuantile = (p: number, df: number): number => {
  let [low, high] = [-1, 0]
  while (cumulative(low, df) > p) low *= 2
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (cumulative(middle, df) < p) low = middle
    else high = middle
  }
  return high
}

/** E[max(T - z, 0)], for df above 1. */
export const expectedExcess = (z: number, df: number): number =>
  ((df + z * z) / (df - 1)) * density(z, df) - z * (1 - cumulative(z, df))
