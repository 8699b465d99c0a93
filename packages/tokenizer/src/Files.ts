/**
 * What a model says about its text, already read: from a folder, a hub or a bundle. It is data; nothing of it is run.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as BackendError from "@mulligan/core/BackendError"
import { decoded } from "./internal/decoded.ts"

export interface Files {
  /** `tokenizer.json`, parsed. */
  readonly tokenizer: unknown
  /** `tokenizer_config.json`, parsed. */
  readonly config: unknown
  /** Text of `chat_template.jinja`; left out: `chat_template` of the config, its "default" if that is a list. */
  readonly template?: string | undefined
}

/** Who reads the files, and whose they are: for errors. */
export interface Origin {
  /** `BackendError.backend`. */
  readonly backend: string
  /** The model's folder or id. */
  readonly name: string
}

const Named = Schema.Struct({ name: Schema.String, template: Schema.String })
const Config = Schema.Struct({
  chat_template: Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.String, Schema.Array(Named)])))
})

/** The chat template, if there is one; a file of its own comes first, as in `transformers`. */
export const template = (files: Files, origin: Origin): Effect.Effect<string | undefined, BackendError.BackendError> =>
  Effect.map(decoded(Config, files.config, "tokenizer_config.json", origin), ({ chat_template }) => {
    if (files.template !== undefined) return files.template
    if (typeof chat_template === "string") return chat_template
    return chat_template?.find(({ name }) => name === "default")?.template
  })
