/**
 * What is wrong with a model, as plain data: it may have been found in another thread. Becomes a `BackendError`.
 */
export interface Problem {
  /** What this backend lacks; undefined where the model itself is at fault. */
  readonly capability?: string | undefined
  readonly problem: string
  readonly advice: string
}

export class ProblemError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.problem)
    this.problem = problem
  }
}

/** The thread that had the model is gone: it was stopped, or ran out of memory. */
export class EndedError extends Error {}
