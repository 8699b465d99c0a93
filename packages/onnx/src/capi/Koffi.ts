/**
 * koffi calls C functions from JavaScript. It is optional: whoever does not use this driver need not have it.
 */
import type koffi from "koffi"
import { invalid, unsupported } from "../internal/errors.ts"

export type Koffi = typeof koffi

/** ONNX Runtime runs on the stack that koffi gives it; the defaults (128 KiB and 2 MiB) are short for a graph optimiser. */
const STACK = 8 * 2 ** 20
const FOR_EACH_CALL = { sync_stack_size: STACK, async_stack_size: STACK, resident_async_pools: 2 }

/** koffi takes no settings once a library is loaded. */
const settled = (koffi: Koffi): boolean => {
  const { async_stack_size = 0 } = koffi.config()
  if (async_stack_size >= STACK) return true
  try {
    koffi.config(FOR_EACH_CALL)
    return true
  } catch {
    return false
  }
}

/**
 * koffi, with stacks that are large enough. Rejects with `Unsupported` if it is not installed, and with `InvalidRequest` if
 * other code of this process loaded a library by it before and left the stacks small.
 */
export const load = async (from: () => Promise<{ readonly default: Koffi }>): Promise<Koffi> => {
  const { default: koffi } = await from().catch((cause: unknown) => {
    throw unsupported(
      "the C API of ONNX Runtime",
      `koffi, which calls it, does not load (${String(cause).split("\n")[0]?.slice(0, 200)}).`,
      "Install it: npm i koffi. Or leave the driver to be onnxruntime-node."
    )
  })
  if (settled(koffi)) return koffi
  throw invalid(
    "Other code has loaded a library by koffi and left the stacks too small for ONNX Runtime.",
    "Open the ONNX backend before, or have that code call koffi.config({ async_stack_size: 8388608 }) first."
  )
}
