export * as Dialect from "./Dialect.ts"
export * as HuggingFaceBackend from "./HuggingFaceBackend.ts"
export * as TopK from "./TopK.ts"
export { dialects } from "./dialects/index.ts"
