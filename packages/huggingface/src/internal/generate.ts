import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Stream from "effect/Stream"
import type { GenerateRequest } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Budget from "@mulligan/core/Budget"
import type { Prompt } from "@mulligan/core/Prompt"
import * as Request from "@mulligan/core/Request"
import type { Token } from "@mulligan/core/Token"
import type { Call, Rendered } from "../Dialect.ts"
import * as Draw from "./draw.ts"
import { Drawing, type Plan } from "./Drawing.ts"
import { unsupported } from "./errors.ts"
import type { Model } from "./Model.ts"
import { begun, render } from "./Render.ts"
import type { Place, Replica } from "./Replicas.ts"
import * as Seed from "./Seed.ts"
import { sending } from "./Wire.ts"

/** How long a server may take to hear that a draft is over. */
const CANCEL_LIMIT = "5 seconds"
/** Tokens that a draft without a limit is taken to need, when servers are compared. */
const GUESSED = 256
/** Tokens that a server may count more than we do: what it adds at the start, and texts that it cuts otherwise. */
const SPARE = 4
/** Characters of a token, where only a server could count: an estimate. */
const CHARACTERS = 4

/** Names a prompt, so that its drafts stay together. */
export const promptKey = (prompt: Prompt): number => Hash.string(JSON.stringify(prompt))

/** Tokens that are read for it; an estimate where they cannot be counted here. */
export const sizeOf = ({ ids, messages, text }: Rendered): number => {
  if (ids.length > 0) return ids.length
  const characters = messages.reduce((sum, { content }) => sum + content.length, text.length)
  return Math.max(1, Math.ceil(characters / CHARACTERS))
}

/** Only where tokens are ours to count; others leave it to the server. */
export const checkContext = ({ can, server }: Model, { ids }: Rendered): Effect.Effect<void, BackendError> =>
  can.continues === "ids" ? Request.checkContext("huggingface", server.context ?? Infinity, ids.length) : Effect.void

const off = { topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 }

const checkSampling = ({ can, dialect }: Model, request: GenerateRequest): Effect.Effect<void, BackendError> => {
  const missing = (["topP", "topK", "minP", "repetitionPenalty"] as const).find(
    (knob) => (request[knob] ?? off[knob]) !== off[knob] && !can.sampling.includes(knob)
  )
  if (missing === undefined) return Effect.void
  return unsupported(missing, `${dialect.name} has no ${missing}.`, "Leave it out, or use another engine.")
}

const checkMeasures = ({ can, dialect }: Model, { certainty, confidence = 0 }: GenerateRequest) => {
  const { confidence: most = 0 } = can
  if (certainty === true)
    return unsupported(
      "certainty",
      `${dialect.name} tells nothing of the whole vocabulary.`,
      "Ask for confidence, over the likeliest tokens, or use a backend that has the model in its own process."
    )
  if (confidence <= most) return Effect.void
  return unsupported(
    "confidence",
    `${dialect.name} lists ${most === 0 ? "no likeliest tokens" : `the ${most} likeliest tokens at most, not ${confidence}`}.`,
    most === 0 ? "Leave it out, or use another engine." : `Ask for a confidence of ${most} or less.`
  )
}

/** A name that no other request of any process has. */
const newName = (): string => {
  const random = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0"))
  return `mulligan-${random.join("")}`
}

/** Asks the server to end a draft that was left, where closing the connection does not; nobody waits for it. */
const cancelling = ({ dialect, scope }: Model, { wire }: Replica, id: string, isOver: () => boolean) =>
  Effect.addFinalizer(() => {
    const call: Call | undefined = isOver() ? undefined : dialect.cancel?.(id)
    if (call === undefined) return Effect.void
    return Effect.forkIn(Effect.ignore(Effect.timeout(sending(wire, dialect)(call), CANCEL_LIMIT)), scope)
  })

type Costs = Parameters<Draw.Request>[1]

const pieces = (model: Model, place: Place, call: Call, drawing: Drawing, costs: Costs) => {
  const read = model.dialect.reader()
  const hear = (event: unknown) => {
    const piece = read(event)
    costs.heard(piece)
    return piece
  }
  return place.replica.wire
    .events(call, { hear, isOver: () => drawing.isSaid, over: place.leave })
    .pipe(Stream.onExit((exit) => model.replicas.settle(place.replica, exit)))
}

/** One request of a draft. */
const requested = (model: Model, request: GenerateRequest, rendered: Rendered, drawing: Drawing): Draw.Request => {
  const { can, dialect, options, replicas } = model
  return (plan: Plan, costs) =>
    Stream.unwrap(
      Effect.gen(function* () {
        const tokens = plan.maxTokens ?? GUESSED
        const key = promptKey(request.prompt)
        const place = yield* replicas.acquire(key, "draw", tokens)
        costs.sent()
        const { minP, repetitionPenalty, temperature, topK, topP } = request
        const id = newName()
        const call = dialect.draw({
          ...continued(rendered, drawing, plan),
          model: options.model,
          temperature,
          topP,
          topK,
          minP,
          repetitionPenalty,
          seed: Seed.at(request.seed, plan.from),
          maxTokens: plan.maxTokens,
          streams: plan.streams,
          logProbs: can.logProbs !== "none",
          confidence: request.confidence,
          id,
          session: String(key)
        })
        let hasFailed = false
        yield* cancelling(model, place.replica, id, () => drawing.isSaid || (hasFailed && drawing.isSilent))
        return Stream.tapError(pieces(model, place, call, drawing, costs), () =>
          Effect.sync(() => void (hasFailed = true))
        )
      })
    )
}

/** The prompt and the draft up to where the request begins. */
const continued = ({ ids, messages, text }: Rendered, drawing: Drawing, { from }: Plan): Rendered => ({
  ids: [...ids, ...drawing.ids.slice(0, from)],
  text: text === "" ? "" : text + drawing.text,
  messages: begun(messages, drawing.text, false)
})

/**
 * What is known of the room for an answer: counted, where tokens are ours; where a server counts them, as our tokenizer
 * would, with some to spare.
 */
const roomOf = ({ can, server: { context }, text }: Model, { ids, text: written }: Rendered) => {
  if (can.continues === "ids") return { context, promptLength: ids.length }
  if (can.continues !== "text" || text === undefined) return { context: undefined, promptLength: 0 }
  return { context, promptLength: text.tokenizer.encodeTemplate(written).length + SPARE }
}

/** Draws an answer's next tokens; what the server drew and nobody took is charged when the stream ends. */
export const generate = (model: Model, request: GenerateRequest): Stream.Stream<Token, BackendError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      // Not around the stream: that would cost every token something.
      yield* Effect.makeSpanScoped("mulligan.huggingface.generate")
      const { can, options, text } = model
      yield* Request.checkGenerate("huggingface", request)
      yield* checkSampling(model, request)
      yield* checkMeasures(model, request)
      // What the answer has so far is followed by the drawing; here it is only checked.
      yield* checkContext(model, yield* render(can, text, request.prompt, request.prefix))
      const rendered = yield* render(can, text, request.prompt, [])
      const ids = request.prefix.flatMap(({ id }) => (id === undefined ? [] : [id]))
      const settings = {
        can,
        tokenizer: can.continues === "ids" ? text?.tokenizer : undefined,
        ...roomOf(model, rendered),
        // What cannot be gone on with is asked for in one request.
        step: can.continues === "ids" ? Math.min(options.stepTokens ?? Infinity, can.longest ?? Infinity) : Infinity
      }
      if (settings.context !== undefined)
        yield* Request.checkContext("huggingface", settings.context, settings.promptLength + request.prefix.length)
      const drawing = new Drawing(settings, request, ids)
      const charge = yield* Budget.charging
      return Draw.tokens(drawing, requested(model, request, rendered, drawing), {
        ...options,
        mayGoOn: can.continues === "ids",
        charge,
        promptTokens: sizeOf(rendered) + (can.continues === "ids" ? ids.length : 0)
      })
    })
  )
