// Renders chat templates apart from the program: a template comes with a model, so it may loop for ever or fill memory.
import { Template } from "@huggingface/jinja"
import { parentPort } from "node:worker_threads"

/** Characters that a template may add to its messages, and how often it may repeat them: encoding more takes too long. */
const ADDED = 100_000
const REPEATED = 4

interface Context {
  readonly messages: ReadonlyArray<{ readonly content: string }>
}

const render = (template: string, context: Context & Record<string, unknown>): string => {
  const text = new Template(template).render(context)
  const given = context.messages.reduce((sum, { content }) => sum + content.length, 0)
  if (text.length <= ADDED + REPEATED * given) return text
  throw new Error(`it wrote ${text.length} characters for ${given}`)
}

parentPort?.on("message", ({ context, template }: { template: string; context: Context & Record<string, unknown> }) => {
  try {
    parentPort?.postMessage({ text: render(template, context) })
  } catch (cause) {
    parentPort?.postMessage({ problem: String(cause instanceof Error ? cause.message : cause) })
  }
})
