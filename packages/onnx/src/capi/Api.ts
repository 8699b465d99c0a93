/**
 * Where the functions that we use stand in ONNX Runtime's `OrtApi`, a struct of function pointers, and what they take. Later
 * versions only append to it. The order is that of `onnxruntime_c_api.h`, where all of ours have been since version 11.
 */

/** Version of the struct to ask the library for. */
export const apiVersion = 29

/** The version that these slots were read for and tried with. */
export const libraryVersion = /^1\.30\./

/** An address, the memory behind a typed array, or NULL. */
export type Pointer = bigint | ArrayBufferView | null

interface Given {
  readonly int: number
  readonly size: number
  readonly text: string
  readonly texts: ReadonlyArray<string>
  readonly path: string
  readonly pointer: Pointer
}
export type Argument = keyof Given

type Signature = readonly [slot: number, ...taken: Array<Argument>]

/** Each returns a status, NULL where all went well. */
export const functions = {
  CreateEnv: [3, "int", "text", "pointer"],
  CreateSession: [7, "pointer", "path", "pointer", "pointer"],
  CreateSessionFromArray: [8, "pointer", "pointer", "size", "pointer", "pointer"],
  CreateSessionOptions: [10, "pointer"],
  DisableCpuMemArena: [19, "pointer"],
  SetSessionLogSeverityLevel: [22, "pointer", "int"],
  SetSessionGraphOptimizationLevel: [23, "pointer", "int"],
  SetIntraOpNumThreads: [24, "pointer", "int"],
  SessionGetInputCount: [30, "pointer", "pointer"],
  SessionGetOutputCount: [31, "pointer", "pointer"],
  SessionGetInputTypeInfo: [33, "pointer", "size", "pointer"],
  SessionGetOutputTypeInfo: [34, "pointer", "size", "pointer"],
  SessionGetInputName: [36, "pointer", "size", "pointer", "pointer"],
  SessionGetOutputName: [37, "pointer", "size", "pointer", "pointer"],
  CreateRunOptions: [39, "pointer"],
  RunOptionsSetTerminate: [46, "pointer"],
  RunOptionsUnsetTerminate: [47, "pointer"],
  CreateTensorAsOrtValue: [48, "pointer", "pointer", "size", "int", "pointer"],
  CreateTensorWithDataAsOrtValue: [49, "pointer", "pointer", "size", "pointer", "size", "int", "pointer"],
  GetTensorMutableData: [51, "pointer", "pointer"],
  CastTypeInfoToTensorInfo: [55, "pointer", "pointer"],
  GetTensorElementType: [60, "pointer", "pointer"],
  GetDimensionsCount: [61, "pointer", "pointer"],
  GetDimensions: [62, "pointer", "pointer", "size"],
  GetSymbolicDimensions: [63, "pointer", "pointer", "size"],
  GetTensorTypeAndShape: [65, "pointer", "pointer"],
  CreateMemoryInfo: [68, "text", "int", "int", "int", "pointer"],
  AllocatorFree: [76, "pointer", "pointer"],
  GetAllocatorWithDefaultOptions: [78, "pointer"],
  AddSessionConfigEntry: [130, "pointer", "text", "text"],
  CreateAllocator: [131, "pointer", "pointer", "pointer"],
  RunWithBinding: [133, "pointer", "pointer", "pointer"],
  CreateIoBinding: [134, "pointer", "pointer"],
  BindInput: [136, "pointer", "text", "pointer"],
  BindOutput: [137, "pointer", "text", "pointer"],
  BindOutputToDevice: [138, "pointer", "text", "pointer"],
  GetBoundOutputValues: [140, "pointer", "pointer", "pointer", "pointer"],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, "pointer", "pointer"],
  CreateCUDAProviderOptions: [205, "pointer"],
  UpdateCUDAProviderOptions: [206, "pointer", "texts", "texts", "size"]
} as const satisfies Record<string, Signature>

/** Each takes one pointer and returns nothing. */
export const releases = {
  ReleaseStatus: 93,
  ReleaseMemoryInfo: 94,
  ReleaseSession: 95,
  ReleaseValue: 96,
  ReleaseRunOptions: 97,
  ReleaseTypeInfo: 98,
  ReleaseTensorTypeAndShapeInfo: 99,
  ReleaseSessionOptions: 100,
  ReleaseAllocator: 132,
  ReleaseIoBinding: 135,
  ReleaseCUDAProviderOptions: 208
} as const

/** Where each of them stands. */
export const slots = {
  GetErrorMessage: 2,
  ...releases,
  ...(Object.fromEntries(Object.entries(functions).map(([name, [slot]]) => [name, slot])) as Record<Name, number>)
}

export type Name = keyof typeof functions
export type Release = keyof typeof releases

type Taken<S> = S extends readonly [number, ...infer A extends ReadonlyArray<Argument>]
  ? { -readonly [I in keyof A]: Given[A[I]] }
  : never

export type Arguments<N extends Name> = Taken<(typeof functions)[N]>
/** Arguments but the last, which is where the result is written to. */
export type Asked<N extends Name> = Arguments<N> extends [...infer A, Pointer] ? A : never
