/**
 * ONNX Runtime behind a few lines, so that a driver runs on either binding of it.
 */

export type ElementType = "float32" | "float16" | "int64" | "bool"
export type Data = Float32Array | Uint16Array | BigInt64Array | Uint8Array

export interface Tensor {
  readonly type: ElementType
  readonly data: Data
  readonly dims: ReadonlyArray<number>
}

/** Gives the memory of a tensor back at once, where the collector would let it lie. Nobody may read it any more. */
export const free = ({ data }: Tensor): void => {
  // A part of an array cannot go without the others.
  if (data.byteLength === data.buffer.byteLength) (data.buffer as ArrayBuffer).transfer(0)
}

export interface Signature {
  readonly name: string
  readonly type: string
  /** undefined where the size is open. */
  readonly dims: ReadonlyArray<number | undefined>
}

export interface Session {
  readonly inputs: ReadonlyArray<Signature>
  readonly outputs: ReadonlyArray<Signature>
  /** All outputs. Feeds are read in place and must not change before it settles. */
  readonly run: (feeds: Readonly<Record<string, Tensor>>) => Promise<Readonly<Record<string, Tensor>>>
  readonly close: () => Promise<void>
}

/** A graph in a file, or one in memory whose weights stand in files of a folder. */
export type Source = string | { readonly graph: Uint8Array; readonly folder: string }

export interface SessionOptions {
  /**
   * Threads within an operator. Default: as many as this process may use at once (its share of the cores in a container).
   * More than there are free cores is slower.
   */
  readonly threads?: number | undefined
  /**
   * Microseconds for which a thread waits busily for the next operator before it sleeps; 0: it sleeps at once. Long enough
   * for what lies between two operators of a step makes small steps a fifth faster; longer is hard on a shared machine and
   * on the main thread. Default 20.
   */
  readonly spinning?: number | undefined
  /** ONNX Runtime keeps freed memory for the next step. Default true. */
  readonly arena?: boolean | undefined
}

export const SPINNING = 20

export type Open = (source: Source, options: SessionOptions) => Promise<Session>
