/**
 * What a graph takes and gives.
 */
import { nameOf } from "./ElementType.ts"
import { type Library, words } from "./Library.ts"

export interface Signature {
  readonly name: string
  /** Such as "float32"; "type 14" for one without a name here, "none" for what is no tensor. */
  readonly type: string
  /** A name where the size is open, empty if it has none. */
  readonly dims: ReadonlyArray<number | string>
}

type Side = "Input" | "Output"

const nameAt = (library: Library, session: bigint, side: Side, index: number): string => {
  const pointer = library.made(`SessionGet${side}Name`, session, index, library.allocator)
  const name = library.text(pointer)
  library.call("AllocatorFree", library.allocator, pointer)
  return name
}

const dimsOf = (library: Library, tensor: bigint): Signature["dims"] => {
  const count = Number(library.made("GetDimensionsCount", tensor))
  const [sizes, symbols] = [new BigInt64Array(words(count).buffer), words(count)]
  library.call("GetDimensions", tensor, sizes, count)
  library.call("GetSymbolicDimensions", tensor, symbols, count)
  return Array.from(sizes.subarray(0, count), (size, i) => (size >= 0n ? Number(size) : library.text(symbols[i] ?? 0n)))
}

const signatureAt = (library: Library, session: bigint, side: Side, index: number): Signature => {
  const name = nameAt(library, session, side, index)
  const info = library.made(`SessionGet${side}TypeInfo`, session, index)
  try {
    const tensor = library.made("CastTypeInfoToTensorInfo", info)
    if (tensor === 0n) return { name, type: "none", dims: [] }
    return { name, type: nameOf(Number(library.made("GetTensorElementType", tensor))), dims: dimsOf(library, tensor) }
  } finally {
    library.release("ReleaseTypeInfo", info)
  }
}

/** In the order of the graph. */
export const read = (library: Library, session: bigint, side: Side): ReadonlyArray<Signature> => {
  const length = Number(library.made(`SessionGet${side}Count`, session))
  return Array.from({ length }, (_, index) => signatureAt(library, session, side, index))
}
