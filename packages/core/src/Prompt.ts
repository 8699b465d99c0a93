/**
 * What a model is asked: a text that it continues as it stands, or chat messages that its chat template renders.
 */
import * as Schema from "effect/Schema"
import * as SchemaVersion from "./SchemaVersion.ts"

export const Message = Schema.Struct({
  role: Schema.Literals(["system", "user", "assistant"]),
  content: Schema.String
})
export interface Message extends Schema.Schema.Type<typeof Message> {}

/** Raw text (no template is applied) or chat messages. Text in either never becomes a control token. */
export const Prompt = Schema.Union([Schema.String, Schema.Array(Message)])
export type Prompt = typeof Prompt.Type

/** A single question to a chat model. */
export const user = (content: string): Prompt => [{ role: "user", content }]

export const PromptJson = SchemaVersion.versioned("Prompt", Prompt)
