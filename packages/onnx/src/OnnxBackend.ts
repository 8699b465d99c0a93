/**
 * A backend on ONNX Runtime, in this process.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Backend, type GenerateRequest, type LogProbs, type LogProbsRequest } from "@mulligan/core/Backend"
import type * as BackendError from "@mulligan/core/BackendError"
import * as Budget from "@mulligan/core/Budget"
import type { Prompt } from "@mulligan/core/Prompt"
import * as Request from "@mulligan/core/Request"
import type * as Token from "@mulligan/core/Token"
import * as ChatTemplate from "@mulligan/tokenizer/ChatTemplate"
import * as Tokenizer from "@mulligan/tokenizer/Tokenizer"
import * as Driver from "./Driver.ts"
import * as Engine from "./Engine.ts"
import * as ExternalData from "./ExternalData.ts"
import { backend } from "./internal/errors.ts"
import * as ModelConfig from "./ModelConfig.ts"
import * as ModelFolder from "./ModelFolder.ts"
import { logSumExp } from "./Sampler.ts"
import { Sequence } from "./Sequence.ts"

export interface Options extends Engine.EngineOptions, Driver.DriverOptions {
  /**
   * Folder of an Optimum-style export: config.json, tokenizer.json, tokenizer_config.json, model.onnx (fp32).
   * generation_config.json is optional; its `suppress_tokens` are never drawn, and a drawn token's log-probability is that
   * among the others. `logProbs` reads the whole vocabulary.
   */
  readonly model: string
}

/** What this backend is and what it is doing. */
export interface Description extends Engine.Stats {
  readonly model: string
  readonly context: number
  readonly vocabulary: number
  /** Answers being drawn. */
  readonly drawing: number
}

/** The backend's own word about itself, beside the contract. */
export class Onnx extends Context.Service<Onnx, { readonly describe: Effect.Effect<Description> }>()(
  "@mulligan/onnx/Onnx"
) {}

interface Model {
  readonly config: ModelConfig.ModelConfig
  readonly tokenizer: Tokenizer.Tokenizer
  readonly template: ChatTemplate.ChatTemplate
  readonly engine: Engine.Engine
}

const open = ({ model: folder, ...options }: Options): Effect.Effect<Model, BackendError.BackendError, Scope.Scope> =>
  Effect.gen(function* () {
    const config = yield* ModelConfig.read(folder)
    const [files, origin] = [yield* ModelFolder.files(folder), ModelFolder.origin(folder)]
    const tokenizer = yield* Tokenizer.make(files, origin)
    const template = yield* ChatTemplate.make(files, tokenizer, origin)
    yield* ExternalData.check(config.graph)
    const driver = yield* Driver.node(config, options)
    return { config, tokenizer, template, engine: Engine.make(config, driver, options) }
  })

const encodePrompt = ({ template, tokenizer }: Model, prompt: Prompt) =>
  typeof prompt === "string" ? tokenizer.encodeUser(prompt, true) : template.prompt(prompt)

/** What is read after the answer; a raw text has no turns, so there the question simply stands on lines of its own. */
const encodeQuestion = ({ template, tokenizer }: Model, prompt: Prompt, question: string) =>
  typeof prompt === "string" ? tokenizer.encodeUser(`\n${question}\n`, false) : template.question(question)

/** A prompt is shared by its drafts; a draft's row goes on, whether its next token is drawn or only looked at. */
const keepFor = (drawn: number): Engine.Request["keep"] => (drawn === 0 ? "keep" : "replace")

const nextTokens = (model: Model, sequence: Sequence, charge: (what: Budget.Charge, count: number) => void) =>
  model.engine
    .logits({
      ids: sequence.ids.slice(),
      keep: keepFor(sequence.length),
      // The token just drawn was not read yet; whatever else is read is a prompt, or a row that had to give way.
      onRead: (tokens) => charge("promptTokens", tokens - (sequence.length > 0 ? 1 : 0)),
      onWaste: () => charge("drawnTokens", 1)
    })
    .pipe(Effect.map((logits) => sequence.draw(logits)))

/** Pulls draw: no step is asked for before its token is wanted. */
const tokens = (model: Model, sequence: Sequence, charge: (what: Budget.Charge, count: number) => void) => {
  const ready: Array<Token.Token> = []
  const next: Effect.Effect<readonly [Token.Token, null] | undefined, BackendError.BackendError> = Effect.suspend(
    () => {
      const token = ready.shift()
      if (token !== undefined) return Effect.succeed([token, null] as const)
      if (sequence.isOver) return Effect.succeed(undefined)
      return Effect.flatMap(nextTokens(model, sequence, charge), (drawn) => {
        ready.push(...drawn)
        return next
      })
    }
  )
  return Stream.unfold(null, () => next)
}

const generate = (model: Model, request: GenerateRequest): Stream.Stream<Token.Token, BackendError.BackendError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* Request.checkGenerate(backend, request)
      const prefix = yield* Request.idsOf(backend, model.config.vocabulary, request.prefix)
      const prompt = yield* encodePrompt(model, request.prompt)
      yield* Request.checkContext(backend, model.config.context, prompt.length + prefix.length)
      return tokens(model, new Sequence(model.config, model.tokenizer, request, prompt, prefix), yield* Budget.charging)
    })
  )

const logProbs = (model: Model, request: LogProbsRequest): Effect.Effect<LogProbs, BackendError.BackendError> =>
  Effect.gen(function* () {
    yield* Request.checkLogProbs(backend, request)
    const labels = yield* Effect.forEach(request.labels, (label) => Tokenizer.labelIds(model.tokenizer, label, backend))
    const prefix = yield* Request.idsOf(backend, model.config.vocabulary, request.prefix)
    const prompt = yield* encodePrompt(model, request.prompt)
    const suffix = request.question === undefined ? [] : yield* encodeQuestion(model, request.prompt, request.question)
    // The question's turn closes the answer itself, and nothing is read behind an end of text.
    const isClosed = model.config.endIds.has(prefix.at(-1) ?? -1)
    const answer = isClosed ? prefix.slice(0, -1) : prefix
    const ids = [...prompt, ...answer, ...suffix]
    yield* Request.checkContext(backend, model.config.context, ids.length)
    const charge = yield* Budget.charging
    const keep = request.question !== undefined ? "drop" : keepFor(answer.length)
    const logits = yield* model.engine.logits({ ids, keep, onRead: (read) => charge("readTokens", read) })
    const total = logSumExp(logits)
    const bounds = labels.map((spellings) => {
      const logProb = Math.min(0, logSumExp(spellings.map((id) => logits[id]!)) - total)
      return { lower: logProb, upper: logProb }
    })
    return { labels: bounds, over: "vocabulary" as const }
  })

const make = (options: Options) =>
  Effect.gen(function* () {
    const model = yield* open(options)
    let drawing = 0
    const counted = Effect.acquireRelease(
      Effect.sync(() => void drawing++),
      () => Effect.sync(() => void drawing--)
    )
    const { context, vocabulary } = model.config
    const describe = Effect.sync(() => ({
      ...model.engine.stats(),
      model: options.model,
      context,
      vocabulary,
      drawing
    }))
    return Context.make(Backend, {
      generate: (request) => Stream.unwrap(Effect.as(counted, generate(model, request))),
      logProbs: (request) => logProbs(model, request)
    }).pipe(Context.add(Onnx, { describe }))
  })

/**
 * Loads a model folder. Fails with `InvalidRequest` or `Unsupported`, naming the file, if it cannot be used. Concurrent
 * calls share forward passes; closing the layer's scope frees the session.
 */
export const layer = (options: Options): Layer.Layer<Backend | Onnx, BackendError.BackendError> =>
  Layer.effectContext(make(options))
