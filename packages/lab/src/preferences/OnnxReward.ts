/**
 * A reward model in this process: a sequence classifier as ONNX, on ONNX Runtime.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { readFile } from "node:fs/promises"
import { basename, join } from "node:path"
import * as ort from "onnxruntime-node"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Message, Prompt } from "@mulligan/core/Prompt"
import * as ModelFolder from "@mulligan/onnx/ModelFolder"
import * as ChatTemplate from "@mulligan/tokenizer/ChatTemplate"
import * as Files from "@mulligan/tokenizer/Files"
import * as Tokenizer from "@mulligan/tokenizer/Tokenizer"
import { PreferencesError, rewardFailed, rewardRefused } from "./PreferencesError.ts"
import type { Model, Reward } from "./Reward.ts"

export interface Options {
  /** With tokenizer.json, tokenizer_config.json and the graph. */
  readonly folder: string
  /** The graph's file in the folder. Default "model.onnx"; onnx-community has "onnx/model.onnx". */
  readonly graph?: string | undefined
  /** Default: the folder's name. */
  readonly name?: string | undefined
  /**
   * The text that the model reads, its control tokens included: `[CLS]question[SEP]answer[SEP]`. Of two texts the second
   * has the token type 1, as a cross-encoder's answer. Left out: the conversation by the model's chat template.
   */
  readonly render?: ((prompt: Prompt, text: string) => string | readonly [string, string]) | undefined
  /** Which of the model's numbers is the reward, from 0. Needed where it gives more than one. */
  readonly index?: number | undefined
  /** Of the CPU. Default: ONNX Runtime's. */
  readonly threads?: number | undefined
}

const Config = Schema.Struct({ max_position_embeddings: Schema.optionalKey(Schema.Int) })
const readConfig = Schema.decodeUnknownSync(Schema.fromJsonString(Config))

interface Classifier {
  readonly name: string
  readonly session: ort.InferenceSession
  readonly encode: (prompt: Prompt, text: string) => Effect.Effect<ReadonlyArray<ReadonlyArray<number>>, BackendError>
  readonly longest: number
  readonly index: number | undefined
}

const unopened = (folder: string, cause: unknown): PreferencesError =>
  rewardFailed({
    problem: `The reward model in ${folder} cannot be opened (${(cause instanceof Error ? cause.message : String(cause)).slice(0, 200)}).`,
    advice:
      "Give a folder with a sequence classifier as ONNX, its tokenizer and its config.json; name the graph by `graph`."
  })

const attempt = <A>(folder: string, evaluate: () => Promise<A>) =>
  Effect.tryPromise({ try: evaluate, catch: (cause) => unopened(folder, cause) })

const session = ({ folder, graph = "model.onnx", threads }: Options) =>
  Effect.acquireRelease(
    attempt(folder, () =>
      ort.InferenceSession.create(join(folder, graph), {
        logSeverityLevel: 4,
        ...(threads === undefined ? {} : { intraOpNumThreads: threads })
      })
    ),
    (open) => Effect.promise(() => open.release())
  )

const messagesOf = (prompt: Prompt, text: string): ReadonlyArray<Message> => [
  ...(typeof prompt === "string" ? [{ role: "user" as const, content: prompt }] : prompt),
  { role: "assistant", content: text }
]

const unrendered = (folder: string) =>
  rewardFailed({
    problem: `The reward model in ${folder} has no chat template.`,
    advice: "Say by `render` what text it reads, or add chat_template to tokenizer_config.json."
  })

const encoder = ({ folder, render }: Options) =>
  Effect.gen(function* () {
    const [files, origin] = [yield* ModelFolder.files(folder), ModelFolder.origin(folder)]
    if (render === undefined && (yield* Files.template(files, origin)) === undefined) return yield* unrendered(folder)
    const tokenizer = yield* Tokenizer.make(files, origin)
    const chat = yield* ChatTemplate.make(files, tokenizer, origin)
    return (prompt: Prompt, text: string) => {
      if (render === undefined) return Effect.map(chat.conversation(messagesOf(prompt, text)), (ids) => [ids])
      const rendered = render(prompt, text)
      return Effect.succeed((typeof rendered === "string" ? [rendered] : rendered).map(tokenizer.encodeTemplate))
    }
  }).pipe(Effect.mapError((error) => (error instanceof PreferencesError ? error : unopened(folder, error))))

/** What a graph may ask for, by its name. */
const feeds = (parts: ReadonlyArray<ReadonlyArray<number>>): Readonly<Record<string, ReadonlyArray<number>>> => {
  const ids = parts.flat()
  return {
    input_ids: ids,
    attention_mask: ids.map(() => 1),
    token_type_ids: parts.flatMap((part, type) => part.map(() => type)),
    position_ids: ids.map((_, i) => i)
  }
}

const tensor = (values: ReadonlyArray<number>) =>
  new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length])

const run = ({ name, session }: Classifier, parts: ReadonlyArray<ReadonlyArray<number>>) => {
  const known = feeds(parts)
  const inputs = session.inputNames.flatMap((input) =>
    known[input] === undefined ? [] : [[input, tensor(known[input])]]
  )
  return Effect.tryPromise({
    try: () => session.run(Object.fromEntries(inputs) as Record<string, ort.Tensor>),
    catch: (cause) =>
      rewardFailed({
        problem: `The reward model ${name} failed: ${String(cause).slice(0, 200)}`,
        advice: "It must take input_ids (and attention_mask, token_type_ids, position_ids) of one text."
      })
  })
}

const rewardOf = ({ index, name, session }: Classifier, outputs: ort.InferenceSession.ReturnType) => {
  const output = outputs["logits"] ?? outputs[session.outputNames[0] ?? ""]
  const logits = output?.data
  if (!(logits instanceof Float32Array))
    return rewardFailed({
      problem: `The reward model ${name} gives no logits in single precision.`,
      advice: "Export it as a sequence classifier in fp32."
    })
  const value = index === undefined && logits.length > 1 ? undefined : logits[index ?? 0]
  return value === undefined
    ? rewardFailed({
        problem: `The reward model ${name} gives ${logits.length} numbers.`,
        advice: `Say which is the reward by \`index\`, from 0 to ${logits.length - 1}.`
      })
    : Effect.succeed(value)
}

const judge =
  (of: Classifier): Reward<PreferencesError> =>
  (prompt, text) =>
    Effect.gen(function* () {
      const parts = yield* Effect.mapError(of.encode(prompt, text), ({ reason: { advice, problem } }) =>
        rewardRefused({ problem, advice })
      )
      const { length } = parts.flat()
      if (length > of.longest)
        return yield* rewardRefused({
          problem: `A prompt and its draft are ${length} tokens; the reward model ${of.name} reads ${of.longest}.`,
          advice: "Draw shorter drafts (`maxTokens`), or take another reward model."
        })
      return yield* rewardOf(of, yield* run(of, parts))
    })

/**
 * Opens a sequence classifier; its logit is the reward (`input_ids`, `attention_mask` → `logits`). A text longer than
 * config.json's `max_position_embeddings`, or one that spells a control token that the vocabulary cannot write otherwise, is
 * refused, which costs its prompt. Fails with `RewardFailed` where the folder has no such model.
 *
 * Gotcha: ONNX Runtime blocks this thread while it judges.
 */
export const make = (options: Options): Effect.Effect<Model<PreferencesError>, PreferencesError, Scope.Scope> =>
  Effect.gen(function* () {
    const { folder, index, name = basename(folder) } = options
    const text = yield* attempt(folder, () => readFile(join(folder, "config.json"), "utf8"))
    const config = yield* attempt(folder, async () => readConfig(text))
    const of: Classifier = {
      name,
      session: yield* session(options),
      encode: yield* encoder(options),
      longest: config.max_position_embeddings ?? Infinity,
      index
    }
    return { name, reward: judge(of) }
  })
