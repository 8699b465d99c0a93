/**
 * Models from the Hugging Face Hub, in the cache that all of Hugging Face's libraries share.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as BackendError from "@mulligan/core/BackendError"
import * as Cache from "./hub/Cache.ts"
import type { Call, Fetched, Progress } from "./hub/Call.ts"
import { fetchListed } from "./hub/Fetch.ts"
import { kept } from "./hub/Kept.ts"
import { isSafe, remote } from "./hub/Listing.ts"
import type { Precision } from "./GraphFiles.ts"
import * as Settings from "./hub/Settings.ts"
import { retried, wait, type WireOptions } from "./hub/Wire.ts"
import { invalid } from "./internal/errors.ts"

export type { Fetched, Progress } from "./hub/Call.ts"
export type { Precision } from "./GraphFiles.ts"

export interface FetchOptions extends WireOptions {
  /** The model's name on the Hub: `owner/name`. */
  readonly model: string
  /** A branch, a tag or a commit. Default "main". */
  readonly revision?: string | undefined
  /** What the graph is for. Default "cpu". */
  readonly device?: "cpu" | "cuda" | undefined
  /**
   * Of the weights. Default for the CPU: fp32 where the graph with its data has at most 2 GiB, else q4, else int8, else fp32;
   * for CUDA: fp16, else q4f16, fp32, q4, int8.
   */
  readonly precision?: Precision | undefined
  /** Folder of the repository to take the model from. Default: the root, or the one GenAI folder that fits the device. */
  readonly subfolder?: string | undefined
  /** Access token. Default: HF_TOKEN, else what `hf auth login` has saved. It is sent to the Hub (HF_ENDPOINT) alone. */
  readonly token?: Redacted.Redacted | undefined
  /** Hash what is in the cache already, and fetch again what is spoiled. Default false: only its size is looked at. */
  readonly verify?: boolean | undefined
  /** Called whenever bytes have arrived; what it throws ends the download as a defect. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

type Done<A = void> = Effect.Effect<A, BackendError.BackendError>

/** Names become folders of this machine. */
const isName = (text: string) => text.length <= 200 && isSafe(text)

const checkNames = ({ model, revision = "main", subfolder = "root" }: FetchOptions): Done => {
  if (!isName(model) || model.split("/").length > 2 || model.includes("--"))
    return invalid(`${model} is no name of a model on the Hub.`, "Give owner/name, or the path of a folder.")
  if (!isName(revision)) return invalid(`${revision} is no revision.`, "Give a branch, a tag or a commit.")
  if (!isName(subfolder.replace(/\/+$/, "")))
    return invalid(`${subfolder} is no folder of a repository.`, "Give its path from the repository's root.")
  return Effect.void
}

const callOf = (options: FetchOptions): Done<Call> =>
  Effect.gen(function* () {
    yield* checkNames(options)
    const {
      device = "cpu",
      model,
      onProgress = () => {},
      precision,
      revision = "main",
      subfolder,
      verify = false
    } = options
    const settings = yield* Settings.make(options.token)
    return {
      asked: { model, revision, endpoint: settings.endpoint },
      wanted: { model, device, precision, subfolder },
      cache: Cache.make(settings.cache, model),
      wire: options,
      settings,
      verify,
      onProgress
    }
  })

const offline = (call: Call): Done<Fetched> =>
  Effect.flatMap(
    kept(call),
    Option.match({
      onSome: Effect.succeed,
      onNone: () =>
        invalid(
          `HF_HUB_OFFLINE is set, and ${call.cache.folder} holds no whole copy of ${call.asked.model} at revision ${call.asked.revision} that fits.`,
          "Unset it once to fetch the model, or check precision, subfolder, HF_HOME and HF_HUB_CACHE."
        )
    })
  )

/** Where the Hub cannot be had, what the cache has serves; `otherwise` where it has nothing whole. */
const orKept = (call: Call, error: BackendError.BackendError, otherwise: Done<Fetched>): Done<Fetched> =>
  Effect.gen(function* () {
    if (!error.isTransient) return yield* error
    const found = yield* kept(call)
    if (Option.isNone(found)) return yield* otherwise
    yield* Effect.logWarning(`${error.reason.problem} Using what the cache has of ${call.asked.model}.`)
    return found.value
  })

const online = (call: Call): Done<Fetched> => {
  const { asked, settings, wire } = call
  const listing = remote(settings, asked, wire)
  const onFailure = (error: BackendError.BackendError) => {
    const later = Effect.andThen(wait(wire, 1, error), retried(listing, wire, 1))
    return orKept(
      call,
      error,
      Effect.flatMap(later, (listed) => fetchListed(call, listed))
    )
  }
  return Effect.matchEffect(listing, { onFailure, onSuccess: (listed) => fetchListed(call, listed) }).pipe(
    Effect.catch((error) => orKept(call, error, Effect.fail(error)))
  )
}

/**
 * Sees to it that a model is on this machine, in Hugging Face's cache: one graph with its weights, its configuration and its
 * tokenizer. What is there is not fetched again, what broke off is gone on with, all that is fetched is checked by its hash.
 * Where the Hub cannot be reached, or with HF_HUB_OFFLINE set, what the cache has whole of this revision serves.
 *
 * Fails with `InvalidRequest` (no such model, revision or graph; no right to it; no room on the disk), `RateLimited` or
 * `Unavailable`, saying what to do. Interrupting it stops the download and keeps what has arrived. HF_ENDPOINT, HF_HOME,
 * HF_HUB_CACHE, HF_TOKEN and HF_HUB_OFFLINE mean what they mean to `huggingface_hub`.
 */
export const fetchModel = (options: FetchOptions): Effect.Effect<Fetched, BackendError.BackendError> =>
  Effect.flatMap(callOf(options), (call) => (call.settings.offline ? offline(call) : online(call)))
