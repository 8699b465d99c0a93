// A worker of a cluster on the scripted backend, which its parent will kill: DATABASE is the database's address, PORT where
// the others reach it, LOG gets a line for each token drawn and each draft judged, DELAY is milliseconds before each token.
import * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Cluster from "@mulligan/lab/preferences/Cluster"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { appendFileSync } from "node:fs"
import { database, sharding } from "./cluster.ts"
import { quiet, script, sumOfDigits } from "./job.ts"

const [port, log = "", delay] = process.argv.slice(2)
const write = (line: string) => appendFileSync(log, `${line}\n`)
const worker = Cluster.worker({ model: "scripted", reward: sumOfDigits(write), concurrency: 1 }).pipe(
  Layer.provide(Cluster.layer({ address: { host: "127.0.0.1", port: Number(port) }, sharding })),
  Layer.provide([database(process.env["DATABASE"] ?? ""), ScriptedBackend.layer(script(write, Number(delay)))])
)
await Effect.runPromise(quiet(Layer.launch(worker)))
