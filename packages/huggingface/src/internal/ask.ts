import * as Effect from "effect/Effect"
import type { LogProbs, LogProbsRequest } from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import * as Budget from "@mulligan/core/Budget"
import * as Request from "@mulligan/core/Request"
import * as Tokenizer from "@mulligan/tokenizer/Tokenizer"
import type { Ask } from "../Dialect.ts"
import { unsupported } from "./errors.ts"
import { checkContext, promptKey, sizeOf } from "./generate.ts"
import type { Model } from "./Model.ts"
import { render } from "./Render.ts"
import type { Place } from "./Replicas.ts"
import * as Retry from "./Retry.ts"
import { sending } from "./Wire.ts"

const untold = unsupported(
  "logProbs",
  "This server tells no log-probabilities, so a model cannot be asked about its answer.",
  "Use majority or a verifier here, or an engine that tells them (vLLM, SGLang, llama.cpp)."
)

const spellings = ({ can, text }: Model, labels: ReadonlyArray<string>) =>
  text === undefined || can.continues !== "ids"
    ? Effect.succeed([])
    : Effect.forEach(labels, (label) => Tokenizer.labelIds(text.tokenizer, label, "huggingface"))

/** Log-probabilities of labels, by as many calls as the engine needs, all to the server that knows the draft. */
export const ask = (model: Model, request: LogProbsRequest): Effect.Effect<LogProbs, BackendError> =>
  Effect.gen(function* () {
    const { can, dialect, options, replicas } = model
    yield* Request.checkLogProbs("huggingface", request)
    if (can.labels === "none") return yield* untold
    const spelled = yield* spellings(model, request.labels)
    const rendered = yield* render(can, model.text, request.prompt, request.prefix, request.question)
    yield* checkContext(model, rendered)
    const charge = yield* Budget.charging
    const key = promptKey(request.prompt)
    const of: Ask = {
      ...rendered,
      model: options.model,
      can,
      session: String(key),
      labels: request.labels,
      spellings: spelled,
      mass: options.mass ?? true,
      charge: (tokens) => charge("readTokens", tokens)
    }
    const size = sizeOf(rendered)
    const judged = ({ replica }: Place) =>
      dialect.judge(of, sending(replica.wire, dialect)).pipe(
        // What the server read until then is not told; no more than all of it.
        Effect.onInterrupt(() => Effect.sync(() => charge("readTokens", size))),
        Effect.onExit((exit) => replicas.settle(replica, exit))
      )
    const work = Effect.scoped(Effect.flatMap(replicas.acquire(key, "ask", size), judged))
    return yield* Retry.retried(work, options)
  }).pipe(Effect.withSpan("mulligan.huggingface.logProbs"))
