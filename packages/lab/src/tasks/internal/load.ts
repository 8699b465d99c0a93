import * as Effect from "effect/Effect"
import type { Source } from "../Source.ts"
import type { Problem } from "../Task.ts"
import type { TaskError } from "../TaskError.ts"
import { fetched, nameOf } from "./hub.ts"
import { type Format, problemsOf } from "./problems.ts"
import { readRows } from "./rows.ts"

/** Loads the problems of the file, or of the Hub's. */
export const load = <Fields>(
  { file, revision = "main", token }: Source,
  hub: { readonly dataset: string; readonly path: string },
  format: Format<Fields>
): Effect.Effect<ReadonlyArray<Problem>, TaskError> =>
  Effect.gen(function* () {
    const path = file ?? (yield* fetched({ ...hub, revision, token }))
    return yield* problemsOf(file ?? nameOf(hub), format, yield* readRows(path))
  })
