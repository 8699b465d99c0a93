/**
 * What a job has done so far, in any SQL database that Effect has a client for. Every draft and every reward is stored as
 * soon as there is one, once; so whoever works on the job next, after an interruption or beside others, goes on from there.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { Message } from "@mulligan/core/Prompt"
import { End } from "@mulligan/core/Token"
import * as Usage from "@mulligan/core/Usage"
import { type PreferencesError, storeFailed } from "./PreferencesError.ts"

/** A prompt that was taken. */
export const Prompt = Schema.Struct({ dataset: Schema.String, messages: Schema.Array(Message) })
export interface Prompt extends Schema.Schema.Type<typeof Prompt> {}

/** A draft as it was drawn, token by token. */
export const Draft = Schema.Struct({
  texts: Schema.Array(Schema.String),
  end: Schema.optionalKey(End),
  usage: Usage.Usage
})
export interface Draft extends Schema.Schema.Type<typeof Draft> {}

/** A draft and what it is worth, if that is known. */
export interface Judged extends Draft {
  /** Its place among its siblings, from 0. */
  readonly draft: number
  readonly reward: number | undefined
}

/** What was read of the sources. */
export const Reading = Schema.Struct({
  /** Rows. */
  read: Schema.Int,
  /** Why prompts are left out, and how many for each reason. */
  left: Schema.Record(Schema.String, Schema.Int),
  /** The data sets, in the order they came, and how many prompts were taken of each. */
  taken: Schema.Record(Schema.String, Schema.Int)
})
export interface Reading extends Schema.Schema.Type<typeof Reading> {}

type Done<A> = Effect.Effect<A, PreferencesError>

export interface Store {
  /** Makes the tables that are not there. */
  readonly create: Done<void>
  readonly settings: Done<string | undefined>
  readonly reading: Done<Reading | undefined>
  /** All prompts of the job at once, or none. */
  readonly fill: (settings: string, prompts: Effect.Effect<Reading, PreferencesError>) => Done<Reading>
  /** Within `fill` alone. */
  readonly addPrompt: (id: number, prompt: Prompt) => Done<void>
  readonly prompt: (id: number) => Done<Prompt>
  /** The first `count` drafts of a prompt, as far as they are there, with their rewards by the model `reward`. */
  readonly drafts: (prompt: number, count: number, reward: string) => Done<ReadonlyArray<Judged>>
  /** One that is there already stays as it is. */
  readonly addDraft: (prompt: number, id: number, draft: Draft) => Done<void>
  readonly addReward: (prompt: number, draft: number, reward: string, value: number) => Done<void>
  /** Leaves a prompt out for a reason, until `forgive`. */
  readonly refuse: (prompt: number, reason: string) => Done<void>
  readonly forgive: Done<void>
  readonly refused: Done<ReadonlyMap<number, string>>
  readonly count: Done<number>
  /** Prompts, in their order, that lack a draft or a reward. */
  readonly undone: (count: number, reward: string) => Done<ReadonlyArray<number>>
}

const decode = <T, E>(schema: Schema.Codec<T, E>) =>
  Schema.decodeUnknownSync(Schema.fromJsonString(Schema.toCodecJson(schema)))
const encode = <T, E>(schema: Schema.Codec<T, E>) =>
  Schema.encodeSync(Schema.fromJsonString(Schema.toCodecJson(schema)))
const [readPrompt, writePrompt] = [decode(Prompt), encode(Prompt)]
const [readDraft, writeDraft] = [decode(Draft), encode(Draft)]
const [readReading, writeReading] = [decode(Reading), encode(Reading)]

const causeOf = ({ reason }: SqlError) =>
  reason.cause instanceof Error ? reason.cause.message : (reason.message ?? reason._tag)

export const fromSql = (error: SqlError): PreferencesError =>
  storeFailed({
    problem: `The database failed (${causeOf(error)}).`,
    advice: causeOf(error).includes("locked")
      ? "Another process works on the same file: end it, or name another folder."
      : "See that it can be reached and has room; the same job goes on where it stopped."
  })

const safe = <A>(self: Effect.Effect<A, SqlError>): Done<A> => Effect.mapError(self, fromSql)

const create = (sql: SqlClient) =>
  Effect.gen(function* () {
    yield* sql`CREATE TABLE IF NOT EXISTS mulligan_jobs (job TEXT PRIMARY KEY, settings TEXT NOT NULL, reading TEXT NOT NULL)`
    yield* sql`CREATE TABLE IF NOT EXISTS mulligan_prompts (job TEXT NOT NULL, id INTEGER NOT NULL, prompt TEXT NOT NULL,
      refused TEXT, PRIMARY KEY (job, id))`
    yield* sql`CREATE TABLE IF NOT EXISTS mulligan_drafts (job TEXT NOT NULL, prompt INTEGER NOT NULL, id INTEGER NOT NULL,
      draft TEXT NOT NULL, PRIMARY KEY (job, prompt, id))`
    yield* sql`CREATE TABLE IF NOT EXISTS mulligan_rewards (job TEXT NOT NULL, prompt INTEGER NOT NULL, draft INTEGER NOT NULL,
      model TEXT NOT NULL, value DOUBLE PRECISION NOT NULL, PRIMARY KEY (job, prompt, draft, model))`
  })

const ofJob = (sql: SqlClient, job: string) => {
  const one = (column: "settings" | "reading") =>
    Effect.map(
      sql<Record<string, string>>`SELECT settings, reading FROM mulligan_jobs WHERE job = ${job}`,
      (rows) => rows[0]?.[column]
    )
  const fill: Store["fill"] = (settings, prompts) =>
    sql
      .withTransaction(
        Effect.tap(
          prompts,
          (reading) => sql`INSERT INTO mulligan_jobs ${sql.insert({ job, settings, reading: writeReading(reading) })}`
        )
      )
      .pipe(Effect.catchTag("SqlError", (error) => Effect.fail(fromSql(error))))
  return {
    settings: safe(one("settings")),
    reading: safe(Effect.map(one("reading"), (text) => (text === undefined ? undefined : readReading(text)))),
    fill,
    count: safe(
      Effect.map(
        sql<{ n: number }>`SELECT CAST(COUNT(*) AS INTEGER) AS n FROM mulligan_prompts WHERE job = ${job}`,
        ([row]) => row?.n ?? 0
      )
    )
  }
}

const ofPrompts = (sql: SqlClient, job: string) => ({
  addPrompt: (id: number, prompt: Prompt) =>
    safe(Effect.asVoid(sql`INSERT INTO mulligan_prompts ${sql.insert({ job, id, prompt: writePrompt(prompt) })}`)),
  prompt: (id: number) =>
    safe(
      Effect.map(
        sql<{ prompt: string }>`SELECT prompt FROM mulligan_prompts WHERE job = ${job} AND id = ${id}`,
        ([row]) => readPrompt(row?.prompt)
      )
    ),
  refuse: (id: number, reason: string) =>
    safe(Effect.asVoid(sql`UPDATE mulligan_prompts SET refused = ${reason} WHERE job = ${job} AND id = ${id}`)),
  forgive: safe(Effect.asVoid(sql`UPDATE mulligan_prompts SET refused = NULL WHERE job = ${job}`)),
  refused: safe(
    Effect.map(
      sql<{ id: number; refused: string }>`SELECT id, refused FROM mulligan_prompts
        WHERE job = ${job} AND refused IS NOT NULL`,
      (rows) => new Map(rows.map(({ id, refused }) => [id, refused]))
    )
  ),
  undone: (count: number, reward: string) =>
    safe(
      Effect.map(
        sql<{ id: number }>`SELECT id FROM mulligan_prompts p WHERE job = ${job} AND ${count} >
          (SELECT COUNT(*) FROM mulligan_rewards r
            WHERE r.job = p.job AND r.prompt = p.id AND r.draft < ${count} AND r.model = ${reward}) ORDER BY id`,
        (rows) => rows.map(({ id }) => id)
      )
    )
})

const ofDrafts = (sql: SqlClient, job: string) => ({
  drafts: (prompt: number, count: number, reward: string) =>
    safe(
      Effect.map(
        sql<{ id: number; draft: string; value: number | null }>`SELECT d.id, d.draft, r.value FROM mulligan_drafts d
          LEFT JOIN mulligan_rewards r
            ON r.job = d.job AND r.prompt = d.prompt AND r.draft = d.id AND r.model = ${reward}
          WHERE d.job = ${job} AND d.prompt = ${prompt} AND d.id < ${count} ORDER BY d.id`,
        (rows) =>
          rows.map(({ draft, id, value }): Judged => ({ ...readDraft(draft), draft: id, reward: value ?? undefined }))
      )
    ),
  addDraft: (prompt: number, id: number, draft: Draft) =>
    safe(
      Effect.asVoid(
        sql`INSERT INTO mulligan_drafts ${sql.insert({ job, prompt, id, draft: writeDraft(draft) })} ON CONFLICT DO NOTHING`
      )
    ),
  addReward: (prompt: number, draft: number, model: string, value: number) =>
    safe(
      Effect.asVoid(
        sql`INSERT INTO mulligan_rewards ${sql.insert({ job, prompt, draft, model, value })} ON CONFLICT DO NOTHING`
      )
    )
})

/** The store of a job by its name, in the database around. */
export const of = (job: string): Effect.Effect<Store, never, SqlClient> =>
  Effect.map(SqlClient, (sql) => ({
    create: safe(create(sql)),
    ...ofJob(sql, job),
    ...ofPrompts(sql, job),
    ...ofDrafts(sql, job)
  }))
