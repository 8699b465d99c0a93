/**
 * Finds in a recording what a backend is asked for.
 */
import * as Result from "effect/Result"
import type * as Backend from "@mulligan/core/Backend"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Prompt } from "@mulligan/core/Prompt"
import type { Token } from "@mulligan/core/Token"
import type { Draft, Reading, Recording } from "../Recording.ts"
import { keyOf } from "./keyOf.ts"
import { begins, hashes, saidLength } from "./prefix.ts"
import * as Refusals from "./refusals.ts"
import { difference, measuresOf, missingMeasures, normal } from "./sampling.ts"

type Found<A> = Result.Result<A, BackendError>

type Wanted = Backend.Sampling & Backend.Measures & Pick<Backend.GenerateRequest, "prompt" | "seed" | "temperature">

interface Read {
  readonly draft: Draft
  readonly reading: Reading
}

interface Shelved {
  readonly drafts: Array<Draft>
  readonly seeds: Set<number>
  readonly bySeed: Map<string, Draft>
  /** By the hash of the prefix; made when the prompt is first judged. */
  read: Map<number, Array<Read>> | undefined
}

const empty = (): Shelved => ({ drafts: [], seeds: new Set(), bySeed: new Map(), read: undefined })

/** Greedy is one draft, whatever the seed. */
const seedKey = ({ seed, temperature }: Pick<Draft, "seed" | "temperature">) =>
  temperature === 0 ? "greedy" : `${temperature} ${seed}`

const readOf = (drafts: ReadonlyArray<Draft>) => {
  const found = new Map<number, Array<Read>>()
  for (const draft of drafts) {
    const all = hashes(draft.tokens)
    for (const reading of draft.readings) {
      const hash = all[saidLength(draft.tokens, reading.after)] ?? 0
      const there = found.get(hash)
      if (there === undefined) found.set(hash, [{ draft, reading }])
      else there.push({ draft, reading })
    }
  }
  return found
}

/** The labels in the order of the request; undefined: not all of them were asked. */
const answered = ({ answer, question }: Reading, request: Backend.LogProbsRequest): Backend.LogProbs | undefined => {
  if (question.question !== request.question) return undefined
  const labels = request.labels.map((label) => answer.labels[question.labels.indexOf(label)])
  return labels.includes(undefined) ? undefined : { ...answer, labels: labels.filter((bounds) => bounds !== undefined) }
}

/** Asked after these tokens the question had no room. */
const isFull = ({ tokens, unread }: Draft, { prefix, question }: Backend.LogProbsRequest): boolean =>
  unread.some((one) => {
    const length = saidLength(tokens, one.after)
    return one.question.question === question && length === saidLength(prefix) && begins(tokens, prefix, length)
  })

export class Shelf {
  readonly #recording: Recording
  readonly #prompts = new Map<string, Shelved>()

  constructor(recording: Recording) {
    this.#recording = recording
    for (const { drafts, prompt, seed } of recording.problems) {
      const key = keyOf(prompt)
      const shelved = this.#prompts.get(key) ?? empty()
      this.#prompts.set(key, shelved)
      shelved.seeds.add(seed)
      for (const draft of drafts) {
        shelved.drafts.push(draft)
        if (!shelved.bySeed.has(seedKey(draft))) shelved.bySeed.set(seedKey(draft), draft)
      }
    }
  }

  #prompt(prompt: Prompt): Found<Shelved> {
    const shelved = this.#prompts.get(keyOf(prompt))
    return shelved === undefined ? Result.fail(Refusals.noPrompt(this.#prompts.size)) : Result.succeed(shelved)
  }

  /** The draft that this seed draws, whatever of it is there. */
  draft(request: Wanted): Found<Draft> {
    const untold = missingMeasures(this.#recording.measures, measuresOf(request))
    if (untold !== undefined) return Result.fail(Refusals.otherMeasures(untold))
    const other = difference(this.#recording.sampling, normal(request))
    if (other !== undefined) return Result.fail(Refusals.otherSampling(other))
    return Result.flatMap(this.#prompt(request.prompt), ({ bySeed, drafts, seeds }) => {
      const draft = bySeed.get(seedKey(request))
      return draft === undefined ? Result.fail(Refusals.noDraft(request, drafts, seeds)) : Result.succeed(draft)
    })
  }

  /** The draft, if it goes on from the request's prefix. */
  continued(request: Backend.GenerateRequest): Found<Draft> {
    return Result.flatMap(this.draft(request), (draft) =>
      begins(draft.tokens, request.prefix)
        ? Result.succeed(draft)
        : Result.fail(Refusals.otherPrefix(request.prefix.length))
    )
  }

  reading(request: Backend.LogProbsRequest): Found<{ readonly answer: Backend.LogProbs; readonly readTokens: number }> {
    return Result.flatMap(this.#prompt(request.prompt), (shelved) => {
      shelved.read ??= readOf(shelved.drafts)
      const length = saidLength(request.prefix)
      const hash = hashes(request.prefix)[length] ?? 0
      for (const { draft, reading } of shelved.read.get(hash) ?? []) {
        const isSame =
          saidLength(draft.tokens, reading.after) === length && begins(draft.tokens, request.prefix, length)
        const answer = isSame ? answered(reading, request) : undefined
        if (answer !== undefined) return Result.succeed({ answer, readTokens: reading.readTokens })
      }
      return Result.fail(this.#unread(shelved, request))
    })
  }

  #unread({ drafts }: Shelved, request: Backend.LogProbsRequest): BackendError {
    if (drafts.some((draft) => isFull(draft, request))) return Refusals.noRoom(request.prefix.length)
    const asked = drafts.flatMap(({ readings }) =>
      readings.filter((reading) => answered(reading, request) !== undefined)
    )
    if (asked.length === 0) return Refusals.noQuestion(this.#recording)
    return Refusals.noReading(
      request.prefix.length,
      asked.map(({ after }) => after)
    )
  }
}

/** Whether a draft has what a request wants of it; `wanted` counts from its beginning. */
export const suffices = ({ tokens }: Pick<Draft, "tokens">, wanted: number): boolean =>
  tokens.length >= wanted || (tokens.at(-1) as Token | undefined)?.end !== undefined
