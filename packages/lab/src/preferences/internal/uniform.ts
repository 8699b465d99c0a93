import { createHash } from "node:crypto"

/**
 * A number in [0, 1) that is a function of what it is for alone: the same whatever else runs, in whatever order. 48 bits of
 * SHA-256.
 */
export const uniform = (...parts: ReadonlyArray<string | number>): number =>
  createHash("sha256").update(JSON.stringify(parts)).digest().readUIntBE(0, 6) / 2 ** 48

/** A seed of 31 bits, likewise. */
export const seedOf = (...parts: ReadonlyArray<string | number>): number => Math.floor(uniform(...parts) * 2 ** 31)
