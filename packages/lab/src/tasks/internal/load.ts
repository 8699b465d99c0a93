import * as Effect from "effect/Effect"
import { fetchFile } from "@mulligan/onnx/Hub"
import type { Source } from "../Source.ts"
import type { Problem } from "../Task.ts"
import type { TaskError } from "../TaskError.ts"
import { fromHub } from "./errors.ts"
import { type Format, problemsOf } from "./problems.ts"
import { readRows } from "./rows.ts"

/** Loads the problems of the file, or of the Hub's. */
export const load = <Fields>(
  { file, revision, token }: Source,
  { dataset, path }: { readonly dataset: string; readonly path: string },
  format: Format<Fields>
): Effect.Effect<ReadonlyArray<Problem>, TaskError> =>
  Effect.gen(function* () {
    const name = `${path} of ${dataset}`
    const fetched = fetchFile({ repo: dataset, repoType: "dataset", path, revision, token })
    const found = file ?? (yield* Effect.mapError(fetched, (error) => fromHub(name, error)))
    return yield* problemsOf(file ?? name, format, yield* readRows(found))
  })
