// Spans and metrics to OpenTelemetry by Effect's own module. OTLP_URL names a collector; without one a small one here prints
// what it is sent. No prompt, answer or token is ever in it.
import { Prompt } from "@mulligan/core"
import { SelfEvaluator } from "@mulligan/self-evaluator"
import { Candidates } from "@mulligan/strategies"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { backend } from "./support/backend.ts"

const names = new Set<string>()
const collector = createServer((request, response) => {
  let body = ""
  request.on("data", (data: Buffer) => (body += data.toString()))
  request.on("end", () => {
    for (const [, name] of body.matchAll(/"name":"(mulligan[^"]*)"/g)) names.add(name!)
    response.end("{}")
  })
})
await once(collector.listen(0, "127.0.0.1"), "listening")
const baseUrl = process.env["OTLP_URL"] ?? `http://127.0.0.1:${(collector.address() as AddressInfo).port}`

const telemetry = Otlp.layerJson({ baseUrl, resource: { serviceName: "mulligan-example" } }).pipe(
  Layer.provide(FetchHttpClient.layer)
)
const strategy = Candidates.fromPrompt(Prompt.user("Make 20 from 1 2 3 14"), { count: 4 }).pipe(
  Candidates.generate(),
  Candidates.score(SelfEvaluator.make()),
  Candidates.runBest
)
await Effect.runPromise(strategy.pipe(Effect.provide(backend), Effect.provide(telemetry)))
collector.close()
console.log([...names].toSorted().join("\n") || `sent to ${baseUrl}`)
