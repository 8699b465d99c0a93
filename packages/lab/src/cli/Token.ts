/**
 * Access tokens: from the environment alone, and sent where they were made for or named for, never elsewhere.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Problem from "./Problem.ts"

const isHuggingFace = (url: string): boolean =>
  URL.canParse(url) &&
  new URL(url).protocol === "https:" &&
  /(^|\.)(huggingface\.co|huggingface\.cloud|hf\.space)$/.test(new URL(url).hostname)

/**
 * The token for these servers (none: Hugging Face itself): what is in the variable that the option named; without the
 * option HF_TOKEN, if all of them are Hugging Face's.
 */
export const of = (
  urls: ReadonlyArray<string>,
  option: string,
  variable: string | undefined
): Effect.Effect<Redacted.Redacted | undefined, Problem.UsageError> =>
  Effect.gen(function* () {
    if (variable === undefined && !urls.every(isHuggingFace)) return undefined
    const name = variable ?? "HF_TOKEN"
    const found = yield* Effect.option(Config.Redacted(name))
    if (Option.isSome(found)) return found.value
    if (variable === undefined) return undefined
    return yield* Problem.usage(
      `The variable ${name} is not set.`,
      `Put the access token into it, or leave out ${option}.`
    )
  })
