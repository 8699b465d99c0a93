/**
 * Text to token ids and back, for one model folder.
 */
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import type * as BackendError from "@mulligan/core/BackendError"
import { invalid, unsupported } from "./internal/errors.ts"
import { chatTemplate, readJson } from "./ModelConfig.ts"

export interface Tokenizer {
  /** Text of a template: control tokens are recognised. */
  readonly encodeTemplate: (text: string) => ReadonlyArray<number>
  /**
   * Text of a user: no control token comes out of it; it is refused if the vocabulary has no other way to write it.
   * `start` adds what the model wants at the start of a text.
   */
  readonly encodeUser: (text: string, start: boolean) => Effect.Effect<ReadonlyArray<number>, BackendError.BackendError>
  /** The ids among these that control the model. */
  readonly controls: (ids: ReadonlyArray<number>) => ReadonlyArray<number>
  /** Text of an answer; control tokens have none. */
  readonly decode: (ids: ReadonlyArray<number>) => string
  /** Every id whose text is the label, with or without a space before it or a full stop behind it. Never a longer word. */
  readonly spellings: (label: string) => ReadonlyArray<number>
}

const Json = Schema.Record(Schema.String, Schema.Unknown)
const AddedToken = Schema.Struct({ id: Schema.Int, content: Schema.String, special: Schema.Boolean })
const TokenizerJson = Schema.Struct({ added_tokens: Schema.optionalKey(Schema.Array(AddedToken)), model: Json })

const build = (file: string, json: object, config: object) =>
  Effect.try({
    try: () => new HfTokenizer(json, config),
    catch: (cause) => invalid(`${file} cannot be used: ${String(cause)}.`, "Fetch or export the tokenizer again.")
  })

/** Reads `tokenizer.json` and `tokenizer_config.json`; a corrupt one fails naming the file. */
export const read = (folder: string): Effect.Effect<Tokenizer, BackendError.BackendError> =>
  Effect.gen(function* () {
    const file = join(folder, "tokenizer.json")
    const { added_tokens = [] } = yield* readJson(folder, "tokenizer.json", TokenizerJson)
    const json = yield* readJson(folder, "tokenizer.json", Json)
    const config = yield* readJson(folder, "tokenizer_config.json", Json)
    const template = (yield* chatTemplate(folder)) ?? ""
    // Not every model calls special what its template writes to tell whose turn it is.
    const isControl = ({ content, special }: typeof AddedToken.Type) =>
      special || (content.trim() !== "" && template.includes(content))
    const control = new Set(added_tokens.filter(isControl).map((token) => token.id))
    const ordinary = added_tokens.filter((token) => !isControl(token))
    const whole = yield* build(file, json, config)
    const plain = yield* build(file, { ...json, added_tokens: ordinary }, config)
    return {
      encodeTemplate: (text) => whole.encode(text, { add_special_tokens: false }).ids,
      encodeUser: (text, start) => {
        const { ids } = plain.encode(text, { add_special_tokens: false })
        if (ids.some((id: number) => control.has(id))) return inexpressible
        return Effect.succeed(start ? plain.encode(text, { add_special_tokens: true }).ids : ids)
      },
      controls: (ids) => ids.filter((id) => control.has(id)),
      // The library refuses to decode nothing, which is what an empty answer is.
      decode: (ids) =>
        ids.length === 0
          ? ""
          : whole.decode(ids as Array<number>, { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
      spellings: memo((label) => spellings(whole, control, label))
    }
  })

const inexpressible = invalid(
  "A text spells a control token that this tokenizer cannot write in any other way.",
  "Take the control token out of the text."
)

const memo = <A>(f: (key: string) => A) => {
  const known = new Map<string, A>()
  return (key: string): A => {
    if (!known.has(key)) known.set(key, f(key))
    return known.get(key)!
  }
}

const spellings = (tokenizer: HfTokenizer, control: ReadonlySet<number>, label: string): ReadonlyArray<number> =>
  [...tokenizer.get_vocab()]
    .filter(([piece, id]) => !control.has(id) && (!plainLabel.test(label) || piece.includes(label)))
    .filter(([, id]) => spelling.exec(tokenizer.decode([id], { clean_up_tokenization_spaces: false }))?.[1] === label)
    .map(([, id]) => id)

/** Letters that every vocabulary writes as themselves; of a label of these only the pieces with it need be decoded. */
const plainLabel = /^[!-~]*$/

const spelling = /^ ?(.*?)\.?$/s

/** The ids that spell a label; a label that needs several tokens is beyond this backend. */
export const labelIds = (
  tokenizer: Tokenizer,
  label: string
): Effect.Effect<ReadonlyArray<number>, BackendError.BackendError> => {
  const ids = tokenizer.spellings(label)
  if (ids.length > 0) return Effect.succeed(ids)
  return unsupported(
    "multi-token labels",
    `The label ${JSON.stringify(label)} is not one token of this model.`,
    "Ask for labels of one token each."
  )
}

/**
 * Turns ids into text one by one, never cutting a character: an id that ends within one gives "", and the text comes with
 * the last of its ids. Only a short window is decoded again each time (as vLLM does).
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer
  #ids: Array<number> = []
  #shown = ""
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }
  /** The text that this id completes. */
  push(id: number): string {
    this.#ids.push(id)
    const text = this.#tokenizer.decode(this.#ids)
    if (text.endsWith("\uFFFD")) return ""
    const added = text.slice(this.#shown.length)
    // Two ids stay, because decoders treat the first of a text differently (a leading space).
    this.#ids = this.#ids.slice(-2)
    this.#shown = this.#tokenizer.decode(this.#ids)
    return added
  }
  /** What is left of a character that never came to its end. */
  rest(): string {
    return this.#tokenizer.decode(this.#ids).slice(this.#shown.length)
  }
}
