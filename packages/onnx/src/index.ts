export * as Hub from "./Hub.ts"
export * as OnnxBackend from "./OnnxBackend.ts"
