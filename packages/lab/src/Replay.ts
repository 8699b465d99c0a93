/**
 * A backend over a recording: any strategy runs on it unchanged, and draws and hears what the recorded backend gave.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Backend, type GenerateRequest } from "@mulligan/core/Backend"
import * as Budget from "@mulligan/core/Budget"
import * as Request from "@mulligan/core/Request"
import { NAME, tooShort } from "./internal/refusals.ts"
import { Shelf, suffices } from "./internal/Shelf.ts"
import { read, type Recording } from "./Recording.ts"
import type { RecordingError } from "./RecordingError.ts"

const generate = (shelf: Shelf, request: GenerateRequest) =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* Request.checkGenerate(NAME, request)
      const draft = yield* Effect.fromResult(shelf.continued(request))
      const charge = yield* Budget.charging
      const { maxTokens = Infinity, prefix } = request
      if (prefix.length === 0) charge("promptTokens", draft.promptTokens)
      const wanted = prefix.length + maxTokens
      const tokens = Stream.fromIterable(draft.tokens.slice(prefix.length, wanted), { chunkSize: 1 })
      // Told when the draft gets there: a budget may end it before.
      return suffices(draft, wanted) ? tokens : Stream.concat(tokens, Stream.fail(tooShort(draft.tokens.length)))
    })
  )

/**
 * A recording as a backend. A draft is found by prompt, seed, temperature (of greedy ones by the prompt alone) and sampling,
 * and may be cut and gone on with anywhere; a question by the tokens that it is asked about, wherever they came from, and by
 * any of the labels that it was recorded with. It charges what the recorded backend charged.
 *
 * What was not recorded is refused (`Unsupported`, `recorded`) with what to record; a draft whose recording was cut short,
 * after its last token.
 */
export const make = (recording: Recording): Backend["Service"] => {
  const shelf = new Shelf(recording)
  return {
    generate: (request) => generate(shelf, request),
    logProbs: (request) =>
      Request.checkLogProbs(NAME, request).pipe(
        Effect.andThen(Effect.suspend(() => Effect.fromResult(shelf.reading(request)))),
        Effect.flatMap(({ answer, readTokens }) =>
          Effect.map(Budget.charging, (charge) => {
            charge("readTokens", readTokens)
            return answer
          })
        )
      )
  }
}

export const layer = (recording: Recording): Layer.Layer<Backend> => Layer.sync(Backend, () => make(recording))

/** Reads the file when the layer is built. */
export const layerFile = (file: string): Layer.Layer<Backend, RecordingError> =>
  Layer.effect(Backend, Effect.map(read(file), make))
