/**
 * What went wrong, as a person is told it: a sentence and what to do about it, and the code that the process ends with.
 */
import * as Cause from "effect/Cause"
import * as CliError from "effect/cli/CliError"
import * as Data from "effect/Data"
import { inOurWords } from "./Words.ts"

/** What the process ends with. */
export const codes = { fine: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Options that cannot be meant, or that do not go together. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly problem: string; readonly advice: string }> {
  override get message(): string {
    return `${this.problem} ${this.advice}`
  }
}

export const usage = (problem: string, advice: string): UsageError => new UsageError({ problem, advice })

/** A flag whose text is not what was expected. */
export const invalidFlag = (option: string, value: string, expected: string): CliError.InvalidValue =>
  new CliError.InvalidValue({ option, value, expected, kind: "flag" })

export interface Told {
  readonly text: string
  readonly code: number
}

/** Keys as they are commonly written, should one have been typed where a message quotes it. */
const secrets = /\b(hf_|sk-|gsk_|xai-)[\w-]{6,}/g

const scrubbed = (text: string): string => text.replace(secrets, "[redacted]")

const listed = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "" : ` Did you mean ${names.join(" or ")}?`

const noToken =
  "A token is not given on the command line, where others can see it: set HF_TOKEN, or name its variable by --token-env."

const invalidValue = ({ expected, kind, option, value }: CliError.InvalidValue): string => {
  const what = kind === "flag" ? `--${option}` : option
  const missing = /^Path does not exist: (.*)$/s.exec(expected)
  if (missing !== null) return `There is no file ${missing[1]} (${what}).`
  if (value === "") return `${what} needs a value.`
  const choices = expected.replace(/^"(.*)"$/s, "one of $1").replaceAll('" | "', ", ")
  const wanted = choices.replace(/^Expected:? (.)/s, (_, first: string) => first).replace(/\.$/, "")
  return `${what} cannot be "${value}"; it wants ${wanted}.`
}

const parsing = (error: CliError.NonShowHelpErrors): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return /^--?(token|api-key|access-token)\b/.test(error.option)
        ? noToken
        : `There is no option ${error.option}.${listed(error.suggestions)}`
    case "UnknownSubcommand":
      return `There is no command "${error.subcommand}".${listed(error.suggestions)}`
    case "MissingOption":
      return `--${error.option} is needed.`
    case "MissingArgument":
      return `<${error.argument}> is needed.`
    case "UnexpectedArgument":
      return `Nothing is done with ${error.arguments.map((value) => JSON.stringify(value)).join(", ")}; put quotes around what belongs together.`
    case "InvalidValue":
      return invalidValue(error)
    default:
      return error.message
  }
}

const isLeft = (errors: ReadonlyArray<CliError.NonShowHelpErrors>, error: CliError.NonShowHelpErrors): boolean =>
  // What stands behind an option that does not exist is no argument: one sentence is enough.
  error._tag !== "UnexpectedArgument" || !errors.some(({ _tag }) => _tag === "UnrecognizedOption")

const fromHelp = ({ commandPath, errors }: CliError.ShowHelp): Told => {
  const own = errors.filter((error) => isLeft(errors, error))
  const text = [...own.map(parsing), `${commandPath.join(" ")} --help shows what there is.`].join(" ")
  return { text, code: errors.length === 0 ? codes.fine : codes.usage }
}

interface Reasoned {
  readonly reason: { readonly problem: string; readonly advice: string }
}

const isReasoned = (error: unknown): error is Reasoned =>
  typeof error === "object" && error !== null && "reason" in error && hasAdvice(error.reason)

const hasAdvice = (reason: unknown): boolean =>
  typeof reason === "object" && reason !== null && "problem" in reason && "advice" in reason

const fromOurs = (error: Error): Told => ({
  text: `Something in mulligan itself went wrong: ${error.message} MULLIGAN_DEBUG=1 shows where; please report it.`,
  code: codes.failed
})

const said = (error: unknown): Told => {
  if (error instanceof CliError.ShowHelp) return fromHelp(error)
  if (error instanceof UsageError) return { text: error.message, code: codes.usage }
  if (isReasoned(error)) {
    const of = "file" in error ? error.file : "source" in error ? error.source : undefined
    return {
      text: `${of === undefined ? "" : `${String(of)}: `}${error.reason.problem} ${error.reason.advice}`,
      code: codes.failed
    }
  }
  // The libraries throw it for options that cannot be meant.
  if (error instanceof RangeError) return { text: error.message, code: codes.usage }
  return fromOurs(error instanceof Error ? error : new Error(String(error)))
}

/** What a failure says to a person, in the command's own words and without a secret. */
export const told = (cause: Cause.Cause<unknown>): Told => {
  const { code, text } = said(Cause.squash(cause))
  return { code, text: scrubbed(inOurWords(text)) }
}

/** Where it comes from, for who looks for the mistake. */
export const trace = (cause: Cause.Cause<unknown>): string => scrubbed(Cause.pretty(cause))
