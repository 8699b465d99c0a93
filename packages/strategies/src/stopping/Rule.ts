/**
 * What a stopping rule is.
 */
import type * as Scorer from "@mulligan/core/Scorer"

/** Whether enough has been drawn: a pure function of the scored candidates so far, in the order in which they came. */
export type Stopping = (history: ReadonlyArray<Scorer.Scored>) => boolean

/** What a candidate answers, for comparison; undefined compares with nothing. */
export type Answer = (candidate: Scorer.Scored) => string | undefined
