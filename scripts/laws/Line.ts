import type * as BackendLaws from "@mulligan/core/testing/BackendLaws"

/** How a law went on a backend. */
export interface Line extends BackendLaws.Result {
  readonly backend: string
}

export const named = (backend: string, results: ReadonlyArray<BackendLaws.Result>): ReadonlyArray<Line> =>
  results.map((result) => ({ backend, ...result }))
