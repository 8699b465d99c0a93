import { run } from "./run.ts"

/** Rules, circular imports and the import directions of the blueprint (.oxlintrc.json). */
export const lint = () => run("oxlint", ["--deny-warnings"]).trim().split("\n").at(-1) ?? ""

export const format = () => run("oxfmt", ["--check"]).trim().split("\n").at(-1) ?? ""
