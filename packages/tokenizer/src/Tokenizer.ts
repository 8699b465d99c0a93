/**
 * Text to token ids and back, for one model.
 */
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BackendError from "@mulligan/core/BackendError"
import { type Files, type Origin, template } from "./Files.ts"
import { decoded } from "./internal/decoded.ts"

export interface Tokenizer {
  /** Every id is below it. The model's own vocabulary may be padded beyond it with ids that mean nothing. */
  readonly vocabulary: number
  /** Text of a template: control tokens are recognised. */
  readonly encodeTemplate: (text: string) => ReadonlyArray<number>
  /**
   * Text of a user: no control token comes out of it; it is refused if the vocabulary has no other way to write it.
   * `start` adds what the model wants at the start of a text.
   */
  readonly encodeUser: (text: string, start: boolean) => Effect.Effect<ReadonlyArray<number>, BackendError.BackendError>
  /** The ids among these that control the model. */
  readonly controls: (ids: ReadonlyArray<number>) => ReadonlyArray<number>
  /** The text of several ids is that of each, one after the other: no decoder treats the first of a text differently. */
  readonly joins: boolean
  /** Text of an answer; control tokens have none. */
  readonly decode: (ids: ReadonlyArray<number>) => string
  /**
   * Every id whose text is the label, with or without a space before it or a full stop behind it. Never a longer word. A
   * control token is the one spelling of its own name.
   */
  readonly spellings: (label: string) => ReadonlyArray<number>
}

const Json = Schema.Record(Schema.String, Schema.Unknown)
const AddedToken = Schema.Struct({ id: Schema.Int, content: Schema.String, special: Schema.Boolean })
type AddedToken = typeof AddedToken.Type
const TokenizerJson = Schema.Struct({
  added_tokens: Schema.optionalKey(Schema.Array(AddedToken)),
  decoder: Schema.optionalKey(Schema.NullOr(Schema.Struct({ type: Schema.String }))),
  model: Json
})

const build = (json: object, config: object, { backend, name }: Origin) =>
  Effect.try({
    try: () => new HfTokenizer(json, config),
    catch: (cause) =>
      BackendError.invalid(
        backend,
        `${name}/tokenizer.json cannot be used: ${String(cause)}.`,
        "Fetch or export the tokenizer again."
      )
  })

const wordless = { type: "BPE", vocab: {}, merges: [] }

/** Words and merges, which are most of what a tokenizer holds, once for both. Control tokens are found before words are. */
const share = (plain: HfTokenizer, whole: HfTokenizer, control: ReadonlyMap<number, string>): void => {
  const model = plain.model!
  for (const [id, content] of control) model.vocab[id] = content
  whole.model = model
  if (whole.decoder !== null) whole.decoder.end_of_word_suffix = model.end_of_word_suffix ?? null
}

/** Makes a model's tokenizer of its files; one that cannot be used fails naming the file. */
export const make = (files: Files, origin: Origin): Effect.Effect<Tokenizer, BackendError.BackendError> =>
  Effect.gen(function* () {
    const { added_tokens = [], decoder } = yield* decoded(TokenizerJson, files.tokenizer, "tokenizer.json", origin)
    const json = yield* decoded(Json, files.tokenizer, "tokenizer.json", origin)
    const config = yield* decoded(Json, files.config, "tokenizer_config.json", origin)
    const written = (yield* template(files, origin)) ?? ""
    // Not every model calls special what its template writes to tell whose turn it is.
    const isControl = ({ content, special }: AddedToken) =>
      special || (content.trim() !== "" && written.includes(content))
    const control = new Map(added_tokens.filter(isControl).map(({ content, id }) => [id, content] as const))
    const ordinary = added_tokens.filter((token) => !isControl(token))
    const plain = yield* build({ ...json, added_tokens: ordinary }, config, origin)
    const whole = yield* build({ ...json, model: wordless }, config, origin)
    share(plain, whole, control)
    return of(whole, plain, control, decoder?.type === "ByteLevel", origin)
  })

/** `plain` knows no control tokens. */
const of = (
  whole: HfTokenizer,
  plain: HfTokenizer,
  control: ReadonlyMap<number, string>,
  joins: boolean,
  { backend }: Origin
): Tokenizer => ({
  joins,
  vocabulary: whole.model!.vocab.length,
  encodeTemplate: latest((text) => whole.encode(text, { add_special_tokens: false }).ids),
  encodeUser: user(plain, control, backend),
  controls: (ids) => ids.filter((id) => control.has(id)),
  // The library refuses to decode nothing, which is what an empty answer is.
  decode: (ids) =>
    ids.length === 0
      ? ""
      : whole.decode(ids as Array<number>, { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  spellings: memo((label) => spellings(whole, control, label))
})

const user = (plain: HfTokenizer, control: ReadonlyMap<number, string>, backend: string): Tokenizer["encodeUser"] => {
  const encoded = (start: boolean) =>
    latest((text) => {
      const { ids } = plain.encode(text, { add_special_tokens: false })
      if (ids.some((id: number) => control.has(id))) return inexpressible(backend)
      return Effect.succeed(start ? begun(plain, control, text) : ids)
    })
  const [within, first] = [encoded(false), encoded(true)]
  return (text, start) => (start ? first : within)(text)
}

/** What a model wants at the start may be control tokens, which `plain` does not know. */
const begun = (plain: HfTokenizer, control: ReadonlyMap<number, string>, text: string): ReadonlyArray<number> => {
  const named = new Map([...control].map(([id, name]) => [name, id]))
  const { ids, tokens } = plain.encode(text, { add_special_tokens: true })
  return ids.map((id: number, i: number) => named.get(tokens[i]!) ?? id)
}

const inexpressible = (backend: string) =>
  BackendError.invalid(
    backend,
    "A text spells a control token that this tokenizer cannot write in any other way.",
    "Take the control token out of the text."
  )

/** The drafts of a prompt all ask for the same. */
const latest = <A>(f: (text: string) => A) => {
  let known: { readonly text: string; readonly value: A } | undefined
  return (text: string): A => {
    if (known?.text !== text) known = { text, value: f(text) }
    return known.value
  }
}

const memo = <A>(f: (key: string) => A) => {
  const known = new Map<string, A>()
  return (key: string): A => {
    if (!known.has(key)) known.set(key, f(key))
    return known.get(key)!
  }
}

const spellings = (tokenizer: HfTokenizer, control: ReadonlyMap<number, string>, label: string) => {
  const named = [...control].filter(([, name]) => name === label)
  if (named.length > 0) return named.map(([id]) => id)
  const isPlain = plainLabel.test(label)
  return tokenizer.model!.vocab.flatMap((piece: string, id: number) => {
    if (control.has(id) || (isPlain && !piece.includes(label))) return []
    const text = tokenizer.decode([id], { clean_up_tokenization_spaces: false })
    return spelling.exec(text)?.[1] === label ? [id] : []
  })
}

/** Letters that every vocabulary writes as themselves; of a label of these only the pieces with it need be decoded. */
const plainLabel = /^[!-~]*$/

const spelling = /^ ?(.*?)\.?$/s

/** The ids that spell a label; a label that needs several tokens is refused. */
export const labelIds = (
  tokenizer: Tokenizer,
  label: string,
  backend: string
): Effect.Effect<ReadonlyArray<number>, BackendError.BackendError> => {
  const ids = tokenizer.spellings(label)
  if (ids.length > 0) return Effect.succeed(ids)
  return BackendError.unsupported(
    backend,
    "multi-token labels",
    `The label ${JSON.stringify(label)} is not one token of this model.`,
    "Ask for labels of one token each."
  )
}
