import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BackendError from "@mulligan/core/BackendError"
import type { Origin } from "../Files.ts"

/** What one of the model's files says; fails naming the file. */
export const decoded = <T, E>(
  schema: Schema.Codec<T, E>,
  json: unknown,
  file: string,
  { backend, name }: Origin
): Effect.Effect<T, BackendError.BackendError> =>
  Effect.mapError(Schema.decodeUnknownEffect(schema)(json), (error) =>
    BackendError.invalid(
      backend,
      `${name}/${file} does not say what is needed: ${error.message}.`,
      "Export the model again with its configuration."
    )
  )
