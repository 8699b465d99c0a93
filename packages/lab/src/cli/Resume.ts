/**
 * The command that was run, as it is typed again.
 */
import { basename, relative } from "node:path"

const plain = /^[\w@%+=:,./-]+$/

/** For a POSIX shell. */
const quoted = (word: string): string => (plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** How the process was started: by npx, from its source, or by its name. */
const started = (argv: ReadonlyArray<string>, env: NodeJS.ProcessEnv): string => {
  const script = argv[1] ?? ""
  if (script.endsWith(".ts")) return `node ${relative(process.cwd(), script) || script}`
  return env["npm_command"] === "exec" && basename(script) === "mulligan" ? "npx -p @mulligan/lab mulligan" : "mulligan"
}

export const command = (argv: ReadonlyArray<string> = process.argv, env: NodeJS.ProcessEnv = process.env): string =>
  [started(argv, env), ...argv.slice(2).map(quoted)].join(" ")
