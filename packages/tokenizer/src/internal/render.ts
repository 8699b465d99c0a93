import { Template } from "@huggingface/jinja"

/** Characters that a template may add to its messages, and how often it may repeat them: encoding more takes too long. */
const ADDED = 100_000
const REPEATED = 4

/** What a template sees. */
export interface Context {
  readonly messages: ReadonlyArray<{ readonly content: string }>
  readonly [name: string]: unknown
}

export interface Rendered {
  readonly text?: string
  readonly problem?: string
}

/** Runs a template; what goes wrong is said and not thrown, because it may have to cross from one thread to another. */
export const render = (template: string, context: Context): Rendered => {
  try {
    const text = new Template(template).render(context)
    const given = context.messages.reduce((sum, { content }) => sum + content.length, 0)
    if (text.length <= ADDED + REPEATED * given) return { text }
    return { problem: `it wrote ${text.length} characters for ${given}` }
  } catch (cause) {
    return { problem: String(cause instanceof Error ? cause.message : cause) }
  }
}
