/**
 * HTML in which everything that is not written here is escaped.
 */

/** Made by `markup` alone, so that no text of a model's can pass for it. */
export class Markup {
  readonly #html: string

  constructor(parts: TemplateStringsArray, values: ReadonlyArray<Value>) {
    this.#html = parts.map((part, i) => part + shown(values[i])).join("")
  }

  toString(): string {
    return this.#html
  }
}

export type Value = string | number | Markup | undefined | ReadonlyArray<Value>

const shown = (value: Value): string => {
  if (value instanceof Markup) return value.toString()
  if (typeof value === "object") return value.map(shown).join("")
  return value === undefined ? "" : escape(String(value))
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** Control characters become their pictures (U+2400 on), for HTML forbids most of them. */
export const escape = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => entities[character]!)
    // oxlint-disable-next-line no-control-regex
    .replace(/[\0-\x08\x0b-\x1f\x7f]/g, (c) => (c === "\x7f" ? "␡" : String.fromCodePoint(0x2400 + c.charCodeAt(0))))

/** What is put in between is escaped, unless it is markup itself; lists are joined, undefined is nothing. */
export const markup = (parts: TemplateStringsArray, ...values: ReadonlyArray<Value>): Markup =>
  new Markup(parts, values)

/** HTML that was escaped by who made it. */
export const trusted = (html: string): Markup => new Markup(Object.assign([html], { raw: [html] }), [])
