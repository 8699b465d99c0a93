/**
 * All that one call knows, and what it gives.
 */
import { join } from "node:path"
import type * as Cache from "./Cache.ts"
import type { Asked } from "./Failure.ts"
import type { Selection, Wanted } from "./Select.ts"
import type { Settings } from "./Settings.ts"
import type { WireOptions } from "./Wire.ts"

/** How far a download is. */
export interface Progress {
  /** The file that has just grown; its path within the repository. */
  readonly file: string
  /** Of all files, those from earlier downloads and from the cache included. */
  readonly receivedBytes: number
  /** Of all files. */
  readonly totalBytes: number
}

/** Where a model lies on this machine. */
export interface Fetched {
  /** Absolute path of the snapshot, or of its subfolder. */
  readonly folder: string
  /** Absolute path of the graph; its external data is beside it. */
  readonly graph: string
}

export interface Call {
  readonly asked: Asked
  readonly settings: Settings
  readonly cache: Cache.Cache
  readonly wire: WireOptions
  /** Hash what is in the cache already. */
  readonly verify: boolean
  readonly onProgress: (progress: Progress) => void
}

export interface ModelCall extends Call {
  readonly wanted: Wanted
}

/** `root`: the snapshot. */
export const fetched = (root: string, { folder, graph }: Selection): Fetched => ({
  folder: join(root, folder),
  graph: join(root, graph.path)
})
