/**
 * The libonnxruntime that onnxruntime-node brings along.
 */
import { existsSync, readdirSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { unsupported } from "../internal/errors.ts"
import { libraryVersion } from "./Api.ts"

const capability = "the C API of ONNX Runtime"

const pattern = /^(?:libonnxruntime\.so\.1|libonnxruntime\.1\.dylib|onnxruntime\.dll)$/

export interface Place {
  /** Those of providers lie there too. */
  readonly folder: string
  readonly file: string
}

/** The library in an installed onnxruntime-node, for this platform unless told another. Throws `Unsupported` if there is none. */
export const find = (
  root = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json")),
  platform: string = process.platform,
  architecture: string = process.arch
): Place => {
  const folder = join(root, "bin", "napi-v6", platform, architecture)
  const file = existsSync(folder) ? readdirSync(folder).find((name) => pattern.test(name)) : undefined
  if (file !== undefined) return { folder, file }
  throw unsupported(
    capability,
    `onnxruntime-node has no library for ${platform} ${architecture} in ${folder}.`,
    "Install onnxruntime-node 1.30 for this platform."
  )
}

/** Throws `Unsupported` for another version than the one whose functions we know the places of. */
export const checkVersion = (version: string): void => {
  if (libraryVersion.test(version)) return
  throw unsupported(
    capability,
    `It is known for ONNX Runtime 1.30, and ${version} is installed.`,
    "Install onnxruntime-node 1.30, or leave the driver to be onnxruntime-node."
  )
}
