export * as OnnxBackend from "./OnnxBackend.ts"
