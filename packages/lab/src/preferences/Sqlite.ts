/**
 * Effect's SQL client over Node's own SQLite: nothing to install, one file, one process at a time.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"

/**
 * The file belongs to whoever opened it, until that process ends, however it ends: a second one is told so at once. What is
 * committed survives a `kill -9`.
 */
const PRAGMAS = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"

const failed = (cause: unknown, operation: string) =>
  new SqlError({ reason: classifySqliteError(cause, { message: `SQLite's ${operation} failed`, operation }) })

const attempt = <A>(operation: string, evaluate: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({ try: evaluate, catch: (cause) => failed(cause, operation) })

const open = (file: string) => {
  mkdirSync(dirname(file), { recursive: true })
  const db = new DatabaseSync(file, { timeout: 0 })
  try {
    db.exec(PRAGMAS)
    // Only a write takes the lock.
    db.exec("BEGIN IMMEDIATE; COMMIT")
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

const bound = (params: ReadonlyArray<unknown>) =>
  params.map(
    (param) => (param === undefined ? null : typeof param === "boolean" ? Number(param) : param) as SQLInputValue
  )

type Rows = Array<Record<string, unknown>>

const connectionOf = (db: DatabaseSync): Connection => {
  const run = (sql: string, params: ReadonlyArray<unknown>, isArrays = false) =>
    attempt("statement", () => {
      const statement = db.prepare(sql)
      statement.setReturnArrays(isArrays)
      return statement.all(...bound(params))
    })
  const execute: Connection["execute"] = (sql, params, transform) =>
    Effect.map(run(sql, params), (rows) => (transform === undefined ? rows : transform(rows as Rows)))
  const executeValues: Connection["executeValues"] = (sql, params) =>
    Effect.map(run(sql, params, true), (rows) => rows as unknown as ReadonlyArray<ReadonlyArray<unknown>>)
  return {
    execute,
    executeUnprepared: execute,
    executeRaw: run,
    executeValues,
    executeValuesUnprepared: executeValues,
    executeStream: (sql, params, transform) =>
      Stream.unwrap(Effect.map(execute(sql, params, transform), Stream.fromIterable))
  }
}

/** A client on the file, which is made with its folder if it is not there. */
export const layer = (file: string): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const db = yield* Effect.acquireRelease(
        attempt("open", () => open(file)),
        (db) => Effect.sync(() => db.close())
      )
      const semaphore = yield* Semaphore.make(1)
      return yield* SqlClient.make({
        ...SqlClient.makeSqliteAcquirers({
          connection: Effect.succeed(connectionOf(db)),
          semaphore,
          isTransaction: () => db.isTransaction
        }),
        compiler: Statement.makeCompilerSqlite(),
        driver: "node:sqlite",
        spanAttributes: [["db.system.name", "sqlite"]],
        beginTransaction: "BEGIN IMMEDIATE"
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
