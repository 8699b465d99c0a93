/**
 * Models and single files from the Hugging Face Hub, in the cache that all of Hugging Face's libraries share.
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as BackendError from "@mulligan/core/BackendError"
import * as Cache from "./hub/Cache.ts"
import type { Call, Fetched, ModelCall, Progress } from "./hub/Call.ts"
import { fetchSelected } from "./hub/Fetch.ts"
import * as File from "./hub/File.ts"
import { kept } from "./hub/Kept.ts"
import { remote } from "./hub/Listing.ts"
import { check as checkRepo, checkPath, type Repo } from "./hub/Repo.ts"
import type { Precision } from "./GraphFiles.ts"
import * as Settings from "./hub/Settings.ts"
import { get, type Source } from "./hub/Source.ts"
import type { WireOptions } from "./hub/Wire.ts"
import { invalid } from "./internal/errors.ts"

export type { Fetched, Progress } from "./hub/Call.ts"
export type { Precision } from "./GraphFiles.ts"

interface CommonOptions extends WireOptions {
  /** A branch, a tag or a commit. Default "main". */
  readonly revision?: string | undefined
  /** Access token. Default: HF_TOKEN, else what `hf auth login` has saved. It is sent to the Hub (HF_ENDPOINT) alone. */
  readonly token?: Redacted.Redacted | undefined
}

export interface FileOptions extends CommonOptions {
  /** The repository's name on the Hub: `owner/name`. */
  readonly repo: string
  /** Default "model". */
  readonly repoType?: Repo["type"] | undefined
  /** Of the file, from the repository's root; letters, digits, `_`, `.` and `-` between slashes. */
  readonly path: string
}

export interface FetchOptions extends CommonOptions {
  /** The model's name on the Hub: `owner/name`. */
  readonly model: string
  /** What the graph is for. Default "cpu". */
  readonly device?: "cpu" | "cuda" | undefined
  /**
   * Of the weights. Default for the CPU: fp32 where the graph with its data has at most 2 GiB, else q4, else int8, else fp32;
   * for CUDA: fp16, else q4f16, fp32, q4, int8.
   */
  readonly precision?: Precision | undefined
  /** Folder of the repository to take the model from. Default: the root, or the one GenAI folder that fits the device. */
  readonly subfolder?: string | undefined
  /** Hash what is in the cache already, and fetch again what is spoiled. Default false: only its size is looked at. */
  readonly verify?: boolean | undefined
  /** Called whenever bytes have arrived; what it throws ends the download as a defect. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

type Done<A = void> = Effect.Effect<A, BackendError.BackendError>

const checkNames = ({ model, revision = "main", subfolder = "root" }: FetchOptions): Done =>
  Effect.andThen(
    checkRepo({ type: "model", name: model }, revision, "Give owner/name, or the path of a folder."),
    checkPath(subfolder.replace(/\/+$/, ""), "folder")
  )

/** Of both functions. */
const callOf = (repo: Repo, options: CommonOptions, others: Pick<Call, "verify" | "onProgress">): Done<Call> =>
  Effect.map(Settings.make(options.token), (settings) => ({
    asked: { ...repo, revision: options.revision ?? "main", endpoint: settings.endpoint },
    cache: Cache.make(settings.cache, repo),
    wire: options,
    settings,
    ...others
  }))

const modelCall = (options: FetchOptions): Done<ModelCall> =>
  Effect.gen(function* () {
    yield* checkNames(options)
    const { device = "cpu", model, onProgress = () => {}, precision, subfolder, verify = false } = options
    const call = yield* callOf({ type: "model", name: model }, options, { verify, onProgress })
    return { ...call, wanted: { model, device, precision, subfolder } }
  })

const modelSource = (call: ModelCall): Source<Fetched> => ({
  call,
  listed: remote(call.settings, call.asked, call.wire),
  fetched: (listing) => fetchSelected(call, listing),
  kept: kept(call),
  missing: () =>
    invalid(
      `HF_HUB_OFFLINE is set, and ${call.cache.folder} holds no whole copy of ${call.asked.name} at revision ${call.asked.revision} that fits.`,
      "Unset it once to fetch the model, or check precision, subfolder, HF_HOME and HF_HUB_CACHE."
    )
})

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
  Effect.flatMap(modelCall(options), (call) => get(modelSource(call)))

/**
 * Sees to it that one file of a model's or a dataset's repository is on this machine, in the same cache, and gives its absolute
 * path. What is there is not fetched again; a revision that is a commit is then not asked for either. Fails as `fetchModel`
 * does.
 */
export const fetchFile = (options: FileOptions): Effect.Effect<string, BackendError.BackendError> =>
  Effect.gen(function* () {
    const { path, repo: name, repoType: type = "model", revision = "main" } = options
    yield* checkRepo({ type, name }, revision, "Give owner/name.")
    yield* checkPath(path, "file")
    const call = yield* callOf({ type, name }, options, { verify: false, onProgress: () => {} })
    return yield* get(File.source(call, path))
  })
