/**
 * Where a benchmark's problems come from: a file of this machine, or the Hub.
 */
import type * as Redacted from "effect/Redacted"

export interface Source {
  /**
   * Path of the benchmark's file: JSON Lines, a JSON array (either may be gzipped) or Parquet. Left out: the Hub's, from the
   * cache of Hugging Face's libraries, downloaded if it is not there. HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and
   * HF_TOKEN mean what they mean to `huggingface_hub`.
   */
  readonly file?: string | undefined
  /** On the Hub: a branch, a tag or a commit; a commit makes sure of the same problems for ever. Default "main". */
  readonly revision?: string | undefined
  /** On the Hub: an access token. Default: HF_TOKEN, else what `hf auth login` has saved. It is shown to the Hub alone. */
  readonly token?: Redacted.Redacted | undefined
}
