/**
 * When two answers in LaTeX count as the same one: MATH's own rules (Hendrycks et al., arXiv 2103.03874, appendix; the rules
 * of `math_equivalence.py` in hendrycks/math). They rewrite text and know no algebra: `x + 1` and `1 + x` differ.
 */

/** What the last `\boxed{...}` of a text holds, all braces counted; undefined: there is none, or it does not end. */
export const boxed = (text: string): string | undefined => {
  const start = text.lastIndexOf("\\boxed")
  const from = start + "\\boxed{".length
  if (start < 0 || text[from - 1] !== "{") return undefined
  let open = 1
  for (let at = from; at < text.length; at++) {
    if (text[at] === "{") open++
    if (text[at] === "}") open--
    if (open === 0) return text.slice(from, at)
  }
  return undefined
}

/** Rewrites an answer; undefined where the benchmark's own rule breaks, and it falls back on comparing the texts. */
type Rewrite = (answer: string) => string | undefined

const without =
  (...parts: ReadonlyArray<string>): Rewrite =>
  (answer) =>
    parts.reduce((text, part) => text.replaceAll(part, ""), answer)

/** `10\text{ units}` is 10: of a unit nothing is read. */
const withoutUnit: Rewrite = (answer) => {
  const [value, , more] = answer.split("\\text{ ")
  return more === undefined ? value : undefined
}

/** `x = 5` is 5, where the name has at most two characters. */
const withoutName: Rewrite = (answer) => {
  const [name = "", value, more] = answer.split("=")
  return value !== undefined && more === undefined && [...name].length <= 2 ? value : answer
}

/** `\sqrt3` is `\sqrt{3}`. */
const bracedRoots: Rewrite = (answer) =>
  /\\sqrt(?:\\sqrt|$)/.test(answer) ? undefined : answer.replaceAll(/\\sqrt([^{])/gu, "\\sqrt{$1}")

/** `\frac12`, `\frac1{72}` and `\frac34i` get their braces; `\frac{72}1` does not. */
const bracedFractions: Rewrite = (answer) => {
  const [before = "", ...fractions] = answer.split("\\frac")
  let text = before
  for (const fraction of fractions) {
    const [above, below, ...rest] = fraction
    if (above === undefined) return undefined
    if (above !== "{" && below === undefined) return answer
    text += `\\frac${above === "{" ? fraction : `{${above}}${below === "{" ? below : `{${below}}`}${rest.join("")}`}`
  }
  return text
}

/** `3/4` of two whole numbers, and of nothing else, is `\frac{3}{4}`. */
const slashes: Rewrite = (answer) => answer.replace(/^(0|-?[1-9]\d*)\/(0|-?[1-9]\d*)$/, "\\frac{$1}{$2}")

/** In this order: each sees what those before it left. */
const rewrites: ReadonlyArray<Rewrite> = [
  without("\n", "\\!"),
  (answer) => answer.replaceAll("\\\\", "\\"),
  (answer) => answer.replaceAll("tfrac", "frac").replaceAll("dfrac", "frac"),
  without("\\left", "\\right", "^{\\circ}", "^\\circ", "\\$"),
  withoutUnit,
  without("\\%", "%"),
  (answer) => answer.replaceAll(" .", " 0.").replaceAll("{.", "{0.").replace(/^\./, "0."),
  withoutName,
  bracedRoots,
  without(" "),
  bracedFractions,
  (answer) => (answer === "0.5" ? "\\frac{1}{2}" : answer),
  slashes
]

const rewritten = (answer: string): string | undefined =>
  rewrites.reduce<string | undefined>((text, rewrite) => (text === undefined ? text : rewrite(text)), answer)

/** The same text for all ways to write an answer that the rules know; the answer itself where they break. */
export const normalForm = (answer: string): string => rewritten(answer) ?? answer

/** Whether two answers count as the same. */
export const isEquivalent = (one: string, other: string): boolean => {
  const [a, b] = [rewritten(one), rewritten(other)]
  return a === undefined || b === undefined ? one === other : a === b
}
