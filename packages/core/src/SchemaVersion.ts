/**
 * How our data is written down: every value carries what it is and in which version of our schema.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"

/** The version that this release writes, and the only one it reads. */
export const current = 1

/** A value as it is written down. */
export const Envelope = Schema.Struct({ type: Schema.String, version: Schema.Int, value: Schema.Json })
export interface Envelope extends Schema.Schema.Type<typeof Envelope> {}

const open = (type: string) =>
  SchemaGetter.transformEffect<Schema.Json, Envelope>((wire) => {
    const wrong = (message: string) => Effect.fail(new SchemaIssue.InvalidValue({ message }))
    if (wire.type !== type) return wrong(`this is a ${wire.type}, not a ${type}`)
    if (wire.version === current) return Effect.succeed(wire.value)
    return wrong(`${type} of version ${wire.version}; this Mulligan reads ${current}: use the release that wrote it`)
  })

/**
 * A codec between a type and the JSON value `{ type, version, value }`. Numbers that JSON has no word for (an impossible
 * token's log-probability is -Infinity) survive. Decoding another type or version fails with what to do about it.
 */
export const versioned = <T, E>(type: string, schema: Schema.Codec<T, E>): Schema.Codec<T, Envelope> =>
  Envelope.pipe(
    Schema.decodeTo(Schema.toCodecJson(schema), {
      decode: open(type),
      encode: SchemaGetter.transform((value: Schema.Json) => ({ type, version: current, value }))
    })
  )
