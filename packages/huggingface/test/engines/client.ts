/**
 * What tests of the dialects do: start an engine, speak to it by the backend, and look at what was sent.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Backend, type Token } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import { engines, labels, prompt, question } from "../subjects.ts"
import type { Call, Fake } from "./http.ts"
import * as Model from "./model.ts"

/** Runs until the test ends. */
export const served = (fake: () => Promise<Fake>) =>
  Effect.acquireRelease(Effect.promise(fake), ({ stop }) => Effect.promise(stop))

/** One of `subjects.ts`. */
export const engine = (name: string) => served(engines.find((e) => e.name === name)!.fake)

type Services = Backend.Backend | HuggingFaceBackend.HuggingFace

export const using = <A, E>(
  { url }: Fake,
  self: Effect.Effect<A, E, Services>,
  options: Partial<HuggingFaceBackend.Options> = {}
) =>
  Effect.provide(
    self,
    HuggingFaceBackend.layer({ model: "pocket", endpointUrl: url, tokenizer: Model.files, retries: 0, ...options })
  )

export const draw = (rest: Partial<Backend.GenerateRequest> = {}) =>
  Effect.flatMap(Backend.Backend, (backend) =>
    Stream.runCollect(backend.generate({ prompt, prefix: [], temperature: 0, seed: 5, maxTokens: 3, ...rest }))
  )

export const ask = (rest: Partial<Backend.LogProbsRequest> = {}) =>
  Effect.flatMap(Backend.Backend, (backend) => backend.logProbs({ prompt, prefix: [], question, labels, ...rest }))

export const describeBackend = Effect.flatMap(HuggingFaceBackend.HuggingFace, ({ describe }) => describe)

export const posts = ({ calls }: Fake): ReadonlyArray<Call> => calls.filter(({ method }) => method === "POST")

export const idsOf = (tokens: ReadonlyArray<Token.Token>) => tokens.map(({ id }) => id)
export const textOf = (tokens: ReadonlyArray<Token.Token>) => tokens.map(({ text }) => text).join("")
