// Renders chat templates apart from the program: a template comes with a model, so it may loop for ever or fill memory.
import { Template } from "@huggingface/jinja"
import { parentPort } from "node:worker_threads"

parentPort?.on("message", ({ context, template }: { template: string; context: Record<string, unknown> }) => {
  try {
    parentPort?.postMessage({ text: new Template(template).render(context) })
  } catch (cause) {
    parentPort?.postMessage({ problem: String(cause instanceof Error ? cause.message : cause) })
  }
})
