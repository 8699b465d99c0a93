export * as Annealing from "./Annealing.ts"
export * as Candidates from "./Candidates.ts"
export * as Scorers from "./Scorers.ts"
export * as Stopping from "./Stopping.ts"
