/**
 * What a model folder says about its text. The folder is data: nothing of it is run.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as BackendError from "@mulligan/core/BackendError"
import type { Files, Origin } from "@mulligan/tokenizer/Files"
import { backend } from "./internal/errors.ts"
import { textOf } from "./internal/folder.ts"
import { readJson } from "./ModelConfig.ts"

export const origin = (folder: string): Origin => ({ backend, name: folder.replace(/[\\/]+$/, "") })

/** Reads `tokenizer.json`, `tokenizer_config.json` and, if it is there, `chat_template.jinja`; fails naming the file. */
export const files = (folder: string): Effect.Effect<Files, BackendError.BackendError> =>
  Effect.gen(function* () {
    return {
      tokenizer: yield* readJson(folder, "tokenizer.json", Schema.Unknown),
      config: yield* readJson(folder, "tokenizer_config.json", Schema.Unknown),
      template: yield* textOf(folder, "chat_template.jinja")
    }
  })
