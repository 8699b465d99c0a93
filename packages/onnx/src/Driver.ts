/**
 * Runs the graph and keeps the keys and values. The engine knows no more of ONNX Runtime than this: it names what is kept
 * by numbers of its own, so that the cache may lie in another thread or on a device.
 */

/** A number that the engine gives to a prefix or to a row; never used twice. */
export type Handle = number

/** One row of a forward pass: what it has behind it, and what is new. */
export interface StepRow {
  /** The prompt, shared by its drafts, and how many of its tokens count. */
  readonly prefix: Handle
  readonly prefixLength: number
  /** The row's own tokens behind it; more that are kept are forgotten. */
  readonly own: Handle
  readonly ownLength: number
  /** At least one. */
  readonly ids: ReadonlyArray<number>
  /** Where the new keys and values go: behind the prefix's, behind the row's own, or nowhere (a question is rewound). */
  readonly store: "prefix" | "own" | "nowhere"
  /** Own tokens that the row will come to, where it is known; memory is set aside for them. */
  readonly expected: number
}

/** One reader of what follows a row's last new token. There may be several for a row, or none. */
export interface Slot {
  /** Index among the rows of the step. */
  readonly row: number
  /** 1 / temperature; `greedy` for 0. */
  readonly inverseTemperature: number
  /** In [0, 1). */
  readonly uniform: number
  /** Whole logits are given where the likeliest tokens hold less than this: 0 never, 2 always. */
  readonly mass: number
  /** Whether the likeliest tokens are given, and what is told of all. */
  readonly wantsTop: boolean
}

export interface Step {
  readonly rows: ReadonlyArray<StepRow>
  readonly slots: ReadonlyArray<Slot>
  /** Ids whose log-probabilities every slot gives. */
  readonly labels: ReadonlyArray<number>
}

/** The likeliest tokens, likeliest first. */
export interface Top {
  readonly ids: ArrayLike<number>
  /** At the slot's temperature, over the whole vocabulary. */
  readonly probabilities: ArrayLike<number>
  /** At temperature 1. */
  readonly logProbs: ArrayLike<number>
  /** Mean log-probability of all tokens that may be drawn, not of the likeliest alone, at temperature 1. */
  readonly mean: number
}

/** What a slot reads. A driver that does not sample gives the logits alone. */
export interface Reading {
  readonly token?: number | undefined
  /** Of the token, at temperature 1, among those that may be drawn. */
  readonly logProb?: number | undefined
  /** In the order of the step's labels, over the whole vocabulary. */
  readonly labels?: ArrayLike<number> | undefined
  readonly top?: Top | undefined
  /** [vocabulary] */
  readonly logits?: Float32Array | undefined
}

/** 1 / temperature for temperature 0: large enough that only the likeliest is left, small enough to stay finite. */
export const greedy = 1e30

/** How a driver runs its graph. */
export interface Abilities {
  /** "rewritten": shared prefix and sampler in the graph. "plain": as it was exported. */
  readonly graph: "rewritten" | "plain"
  /** Why a graph runs plain. */
  readonly reason?: string | undefined
  /** Rows of one step may have unlike numbers of new tokens and of tokens behind them. */
  readonly isRagged: boolean
  /** Rows of one step may have several new tokens each, where something is behind them. */
  readonly appends: boolean
  /** Bytes of a number of the cache: 2 in half precision. Default 4. */
  readonly numberBytes?: 2 | 4 | undefined
}

/** Where the time of the steps went, milliseconds in all. */
export interface Timing {
  /** In ONNX Runtime. */
  readonly run: number
  /** In our own code of the driver. */
  readonly own: number
}

export interface Stepped {
  /** In the order of the slots. */
  readonly readings: ReadonlyArray<Reading>
  readonly timing: Timing
}

export interface Driver {
  readonly abilities: Abilities
  /** Makes room for a prefix of so many tokens, which may begin as another one does. */
  readonly open: (prefix: Handle, capacity: number, like?: { readonly prefix: Handle; readonly length: number }) => void
  /** A new row with the first tokens of another's own. */
  readonly fork: (from: Handle, to: Handle, length: number) => void
  /** Frees prefixes and rows. */
  readonly drop: (handles: ReadonlyArray<Handle>) => void
  /** One forward pass. Rows have handles of their own; a prefix is stored to by one row alone. Rejects with what ONNX Runtime said. */
  readonly step: (step: Step) => Promise<Stepped>
  /**
   * Ends the step that is under way, at its next operator: it rejects, and what its rows had of it is lost. Nothing where none
   * is. Left out by drivers that cannot.
   */
  readonly cancel?: (() => void) | undefined
  readonly close: () => Promise<void>
}
