import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { OnnxBackend } from "@mulligan/onnx"
import type { Problem } from "./Countdown.ts"
import type { Thresholds } from "./policies.ts"

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(import.meta.resolve(name)), "utf8"))

export const folder = fileURLToPath(new URL(".", import.meta.resolve("@mulligan/pocket/config.json")))

/** The small model that ships with the product. */
export const layer = OnnxBackend.layer({ model: folder })

/** Problems of the pocket model's game that it was not trained on; validation ones are for choosing thresholds. */
export const problems = read("@mulligan/pocket/problems.json") as {
  readonly validation: ReadonlyArray<Problem>
  readonly test: ReadonlyArray<Problem>
}

/** Stopping thresholds for this very model; `npm run thresholds` chooses them. */
export const thresholds = read("@mulligan/pocket/thresholds.json") as Thresholds
