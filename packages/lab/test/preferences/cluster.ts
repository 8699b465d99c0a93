/** What all processes of the tests' clusters have in common. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Redacted from "effect/Redacted"

/** Quicker than by default to see who is there and who has gone. */
export const sharding = {
  entityMessagePollInterval: "500 millis",
  refreshAssignmentsInterval: "500 millis",
  runnerHealthCheckInterval: "1 second",
  shardLockExpiration: "5 seconds"
} as const

export const database = (url: string) => PgClient.layer({ url: Redacted.make(url) })
