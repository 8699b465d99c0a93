/**
 * Outputs whose sizes only a run knows: ONNX Runtime makes room for them in memory of the CPU, and they are copied from there.
 */
import type { Binding } from "../capi/Binding.ts"
import { elements, type ElementType, make, nameOf } from "../capi/ElementType.ts"
import * as Failure from "../capi/Failure.ts"
import { type Library, words } from "../capi/Library.ts"
import type { Data, ElementType as Known, Tensor } from "./Session.ts"

/** To be called again before every run: the room that the last one made is only as large as it needed. */
export const bind = (library: Library, binding: Binding, name: string): void =>
  Failure.rethrown(Failure.ofRun, () => library.call("BindOutputToDevice", binding.pointer, name, library.memory))

/** Some of the outputs of a run, by their places in the order in which they were first bound. */
export const read = (library: Library, binding: Binding, places: ReadonlyArray<number>): ReadonlyArray<Tensor> =>
  Failure.rethrown(Failure.ofRun, () => {
    const [out, count] = [words(1), words(1)]
    library.call("GetBoundOutputValues", binding.pointer, library.allocator, out, count)
    const all = library.words(out[0]!, Number(count[0]))
    try {
      return places.map((place) => tensorOf(library, all[place]!))
    } finally {
      for (const value of all) library.release("ReleaseValue", value)
      library.call("AllocatorFree", library.allocator, out[0]!)
    }
  })

const tensorOf = (library: Library, value: bigint): Tensor => {
  const { dims, type } = shapeOf(library, value)
  const data = make(type, elements(dims))
  const bytes = new Uint8Array(data.buffer)
  library.copy(bytes, library.made("GetTensorMutableData", value))
  return { type: type as Known, data: data as Data, dims }
}

const shapeOf = (library: Library, value: bigint) => {
  const shape = library.made("GetTensorTypeAndShape", value)
  try {
    const rank = Number(library.made("GetDimensionsCount", shape))
    const sizes = new BigInt64Array(words(rank).buffer)
    library.call("GetDimensions", shape, sizes, rank)
    const type = nameOf(Number(library.made("GetTensorElementType", shape))) as ElementType
    return { type, dims: Array.from(sizes.subarray(0, rank), Number) }
  } finally {
    library.release("ReleaseTensorTypeAndShapeInfo", shape)
  }
}
