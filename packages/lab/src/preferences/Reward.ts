/**
 * What an answer is worth: by a user's own check, by a classifier in this process (`OnnxReward`), or by a server
 * (`EndpointReward`).
 */
import * as Effect from "effect/Effect"
import type { Prompt } from "@mulligan/core/Prompt"
import { PreferencesError, rewardFailed } from "./PreferencesError.ts"

/**
 * Higher is better, in any unit: drafts of one prompt are compared, and no others. A text that cannot be judged, now or
 * later, fails with `rewardRefused` and costs its prompt; any other failure ends the job, which can go on afterwards.
 */
export type Reward<E = never, R = never> = (prompt: Prompt, text: string) => Effect.Effect<number, E, R>

/** A reward by its name: rewards are stored under it, and the data card tells it. */
export interface Model<E = never, R = never> {
  /** In your words: the model, its revision. Another reward needs another name. */
  readonly name: string
  readonly reward: Reward<E, R>
}

/** A user's own check of an answer: true and false are 1 and 0; a number is the reward itself. It may be an Effect. */
export const verifier = <E = never, R = never>(
  name: string,
  check: (prompt: Prompt, text: string) => boolean | number | Effect.Effect<boolean | number, E, R>
): Model<E, R> => ({
  name,
  reward: (prompt, text) =>
    Effect.suspend(() => {
      const said = check(prompt, text)
      return Effect.map(Effect.isEffect(said) ? said : Effect.succeed(said), Number)
    })
})

const told = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300)

/** A finite number, or a failure in our words. */
export const judge = <E, R>(
  { name, reward }: Model<E, R>,
  prompt: Prompt,
  text: string
): Effect.Effect<number, PreferencesError, R> =>
  Effect.mapError(reward(prompt, text), (error) =>
    error instanceof PreferencesError
      ? error
      : rewardFailed({
          problem: `The reward model ${name} failed: ${told(error)}`,
          advice: "Once it is mended, the same job goes on where it stopped."
        })
  ).pipe(
    Effect.filterOrFail(Number.isFinite, (value) =>
      rewardFailed({
        problem: `The reward model ${name} gave ${value}.`,
        advice: "A reward is a finite number; fail with `rewardRefused` for a text that cannot be judged."
      })
    )
  )
