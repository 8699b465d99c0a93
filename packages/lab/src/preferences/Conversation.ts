/**
 * A row of a source of real prompts, whichever form it has.
 */
import * as Schema from "effect/Schema"
import { Message } from "@mulligan/core/Prompt"

const orNull = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const Turn = Schema.Struct({
  role: Schema.String,
  content: Schema.NullOr(Schema.String),
  language: orNull(Schema.String),
  redacted: orNull(Schema.Boolean),
  toxic: orNull(Schema.Boolean)
})
type Turn = typeof Turn.Type

const Turns = Schema.Array(Turn)

/**
 * A row of LMSYS-Chat-1M or WildChat (`conversation`), or any other with `prompt` (a text, or messages) or `messages`. What
 * else a row has is not read.
 */
const Row = Schema.Struct({
  conversation: orNull(Turns),
  messages: orNull(Turns),
  prompt: orNull(Schema.Union([Schema.String, Turns])),
  conversation_id: orNull(Schema.String),
  language: orNull(Schema.String),
  redacted: orNull(Schema.Boolean),
  toxic: orNull(Schema.Boolean),
  openai_moderation: orNull(Schema.Array(Schema.NullOr(Schema.Struct({ flagged: orNull(Schema.Boolean) }))))
})
type Row = typeof Row.Type

/** The columns that are read. */
export const columns: ReadonlyArray<string> = Object.keys(Row.fields)

export const decode = Schema.decodeUnknownResult(Row)

/** What is asked of a model, and what its source says of it. */
export interface Conversation {
  /** Up to and with the last user turn that counts; empty: there is none, or a turn is nobody's we know. */
  readonly prompt: ReadonlyArray<Message>
  /** As the source writes it; LMSYS-Chat-1M and WildChat: the English name. */
  readonly language?: string | undefined
  /** The source has taken something out of these messages (where it tells by message), or of the row. */
  readonly redacted: boolean
  /** OpenAI's moderation, or WildChat's `toxic`, flagged one of these messages, or the row. */
  readonly flagged: boolean
  /** The data set that has rows of this form, if it is a known one. */
  readonly dataset?: string | undefined
}

const turnsOf = ({ conversation, messages, prompt }: Row): ReadonlyArray<Turn> | undefined => {
  if (typeof prompt === "string") return [{ role: "user", content: prompt }]
  return conversation ?? prompt ?? messages ?? undefined
}

const isMessage = Schema.is(Message)
const messageOf = ({ content, role }: Turn) => ({ role, content: content ?? "" })

/** The turns up to and with the last user turn among the first `count` ones. */
const head = (turns: ReadonlyArray<Turn>, count: number): ReadonlyArray<Turn> => {
  const users = turns.flatMap(({ role }, i) => (role === "user" ? [i] : []))
  const last = users.slice(0, count).at(-1)
  return last === undefined ? [] : turns.slice(0, last + 1)
}

const isRedacted = (row: Row, turns: ReadonlyArray<Turn>): boolean =>
  turns.some(({ redacted }) => redacted != null) ? turns.some(({ redacted }) => redacted) : (row.redacted ?? false)

const isFlagged = ({ openai_moderation, toxic }: Row, turns: ReadonlyArray<Turn>): boolean => {
  if (openai_moderation?.slice(0, turns.length).some((said) => said?.flagged)) return true
  return turns.some(({ toxic }) => toxic != null) ? turns.some(({ toxic }) => toxic) : (toxic ?? false)
}

const datasetOf = ({ conversation, conversation_id, openai_moderation }: Row): string | undefined => {
  if (conversation?.some(({ toxic }) => toxic != null)) return "allenai/WildChat-1M"
  if (conversation != null && conversation_id != null && openai_moderation != null) return "lmsys/lmsys-chat-1m"
  return undefined
}

/** Reads a row; undefined: it has no prompt in any known column. `turns`: user turns at most. */
export const conversationOf = (row: Row, turns: number): Conversation | undefined => {
  const all = turnsOf(row)
  if (all === undefined) return undefined
  const asked = head(all, turns)
  const messages = asked.map(messageOf)
  return {
    prompt: messages.every((message): message is Message => isMessage(message)) ? messages : [],
    language: asked.at(-1)?.language ?? row.language ?? undefined,
    redacted: isRedacted(row, asked),
    flagged: isFlagged(row, asked),
    dataset: datasetOf(row)
  }
}
