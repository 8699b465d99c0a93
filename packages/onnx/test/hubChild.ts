// Fetches a model in a process of its own: node hubChild.ts NAME, the environment says the rest. Prints the folder.
import * as Effect from "effect/Effect"
import { fetchModel } from "@mulligan/onnx/Hub"

const { folder } = await Effect.runPromise(fetchModel({ model: process.argv[2] ?? "" }))
process.stdout.write(folder)
