/**
 * The attention of one layer, as it was found in a graph: what goes in, what comes out, and what is done to the scores.
 */
import type { Node } from "./Model.ts"

/** heads: [rows, heads, new, headDim]; flat: [rows, new, heads * headDim]. */
export interface Operand {
  readonly name: string
  readonly layout: "heads" | "flat"
}

/** Rotary positions that the attention applies itself. */
export interface Rotary {
  readonly cos: string
  readonly sin: string
  readonly isInterleaved: boolean
  /** Leading elements of a head that turn. */
  readonly size: number
}

/** What says which tokens see which: a term of the scores or what may stand for one, or a condition to keep or to replace them. */
export interface Mask {
  readonly name: string
  readonly kind: "term" | "keep" | "replace"
}

export interface Attention {
  readonly layer: number
  readonly heads: number
  readonly queries: Operand
  /** New ones only; undefined where queries hold all three, one behind the other. */
  readonly keys: Operand | undefined
  readonly values: Operand | undefined
  readonly rotary: Rotary | undefined
  /** Scores are queries · keys × scale; with a cap, tanh of that × cap. */
  readonly scale: number
  /** Scalars computed in the graph that the scores are multiplied or divided by besides. */
  readonly factors: ReadonlyArray<{ readonly name: string; readonly op: "Mul" | "Div" }>
  readonly cap: number | undefined
  /** Tokens that a token sees, itself included; undefined: all before it. */
  readonly window: number | undefined
  /** Where the graph makes it itself, and what it is must be tried. */
  readonly mask: Mask | undefined
  readonly output: Operand
  readonly node: Node
  /** Gave `output` so far; go. */
  readonly gone: ReadonlyArray<Node>
}
