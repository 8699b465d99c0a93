/** What tests of edges do: put the backend before a server that is written by hand, and look at what came of it. */
import { assert } from "@effect/vitest"
import { Backend, type BackendError, type Prompt } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { inspect } from "node:util"
import * as RawServer from "./RawServer.ts"
import * as Speech from "./speech.ts"

type Options = Partial<HuggingFaceBackend.Options>

export const request = { prompt: Speech.prompt, prefix: [], temperature: 1, seed: 1 }
export const asking = { ...request, question: "Sure?", labels: ["No", "Yes"] }
/** A conversation whose answer the user began himself. */
export const begun: ReadonlyArray<Prompt.Message> = [
  { role: "user", content: "Go." },
  { role: "assistant", content: "I" }
]

/** Builds the backend before this server, in the scope around. */
export const before = (server: RawServer.RawServer, name: Speech.Engine, options: Options = {}) =>
  Effect.map(Layer.build(HuggingFaceBackend.layer(Speech.optionsFor(server, name, options))), (context) => ({
    server,
    backend: Context.get(context, Backend.Backend),
    describe: Context.get(context, HuggingFaceBackend.HuggingFace).describe
  }))

/** An engine that gives this reply to work. */
export const opened = (name: Speech.Engine, reply: RawServer.Reply, options: Options = {}) =>
  Effect.flatMap(RawServer.start(Speech.engine(name, reply)), (server) => before(server, name, options))

/** An engine that answers one of its paths in another way. */
export const except =
  (path: string, other: RawServer.Reply, engine: RawServer.Reply): RawServer.Reply =>
  (connection, seen) =>
    (seen.path.replace(/\?.*/, "") === path ? other : engine)(connection, seen)

export const silent: RawServer.Reply = () => {}

export const until = (is: () => boolean) =>
  Effect.map(
    Effect.promise(() => RawServer.eventually(is)),
    (was) => assert.isTrue(was, "it never came to be")
  )

/** A chat server's chunk. */
export const message = (delta: Readonly<Record<string, unknown>>, reason: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason: reason }]
})

/** All that an error holds, as one text. */
export const told = (error: BackendError.BackendError): string => `${error.message} ${inspect(error, { depth: 20 })}`
