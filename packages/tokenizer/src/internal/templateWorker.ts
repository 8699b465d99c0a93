// Renders chat templates apart from the program: a template comes with a model, so it may loop for ever or fill memory.
import { type Context, render } from "./render.ts"
import { threads } from "./threads.ts"

const port = threads()?.parentPort
port?.on("message", ({ context, template }: { readonly template: string; readonly context: Context }) =>
  port.postMessage(render(template, context))
)
port?.postMessage("ready")
