export * as Calibration from "./Calibration.ts"
export * as Question from "./Question.ts"
export * as Reliability from "./Reliability.ts"
export * as SelfEvaluator from "./SelfEvaluator.ts"
