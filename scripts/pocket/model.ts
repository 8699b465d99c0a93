import { readFileSync } from "node:fs"
import { OnnxBackend } from "@mulligan/onnx"
import { folder } from "./problems.ts"

/** The small model that ships with the product. */
export const layer = OnnxBackend.layer({ model: folder })

/** Stopping thresholds on the score, by the share of the gain of sixteen drafts that they are for. */
export interface Thresholds {
  readonly adaptive74: number
  readonly adaptive95: number
}

/** For this very model; `npm run pocket:report` chooses them. */
export const thresholds = JSON.parse(
  readFileSync(new URL(import.meta.resolve("@mulligan/pocket/thresholds.json")), "utf8")
) as Thresholds
