/**
 * The held-out problems that come with the pocket model.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Prompt from "@mulligan/core/Prompt"
import * as Countdown from "./Countdown.ts"
import { malformed } from "./internal/errors.ts"
import { readJson } from "./internal/rows.ts"
import type { Problem, Task } from "./Task.ts"
import type { TaskError } from "./TaskError.ts"

export interface Options {
  /** Path of the model's `problems.json`: `fileURLToPath(import.meta.resolve("@mulligan/pocket/problems.json"))`. */
  readonly file: string
  /** "validation" is for choosing settings, "test" for reporting. Default "test". */
  readonly part?: "test" | "validation" | undefined
  /** How many numbers the games have. Default [3, 4, 5], which the model solves now and then; 6 are hopeless for it. */
  readonly sizes?: ReadonlyArray<3 | 4 | 5 | 6> | undefined
}

const Part = Schema.Struct({ levels: Schema.Record(Schema.String, Schema.Array(Schema.String)) })
const decode = Schema.decodeUnknownResult(Schema.Struct({ test: Part, validation: Part }))

const ADVICE = "Give the problems.json of @mulligan/pocket."

/**
 * The pocket model's Countdown games. Ids are such as `test/countdown4/17`, from 1; `about` has `level`. Fails with
 * `Inaccessible` or `Malformed`.
 */
export const countdown = ({ file, part = "test", sizes = [3, 4, 5] }: Options): Effect.Effect<Task, TaskError> =>
  Effect.gen(function* () {
    const decoded = decode(yield* readJson(file))
    if (Result.isFailure(decoded))
      return yield* malformed(file, "It does not hold the pocket model's problems.", ADVICE)
    const { levels } = decoded.success[part]
    const problems = sizes.flatMap((size): ReadonlyArray<Problem> => {
      const level = `countdown${size}`
      return (levels[level] ?? []).map((game, i) => ({
        id: `${part}/${level}/${i + 1}`,
        prompt: Prompt.user(game),
        about: { level }
      }))
    })
    const odd = problems.find((problem) => !Countdown.isGame(problem))
    if (odd !== undefined) return yield* malformed(file, `${odd.id} is no game.`, ADVICE)
    if (problems.length === 0) return yield* malformed(file, "It has no games of these sizes.", ADVICE)
    return Countdown.task(problems)
  })
