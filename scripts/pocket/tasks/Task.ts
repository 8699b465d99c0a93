/**
 * One question of the pocket model.
 */
export interface Task {
  readonly family: "countdown" | "maze" | "arithmetic"
  /** As the model was trained to read it. */
  readonly prompt: string
  /** Whether an answer, without the end of text, is right in every step. */
  readonly isRight: (answer: string) => boolean
}

/** A question that cannot be answered; the message is a sentence for the person who asked. */
export class BadQuestion extends Error {}
