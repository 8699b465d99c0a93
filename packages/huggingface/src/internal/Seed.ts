/**
 * An engine begins its random numbers anew with every request, so each request gets a seed of its own: a function of the
 * draft's seed and of the position at which the request begins.
 */

/** 31 bits, for every engine takes those (the finaliser of MurmurHash3). */
export const at = (seed: number, position: number): number => {
  let h = 0x811c9dc5
  for (const part of [seed, Math.floor(seed / 2 ** 32), position]) {
    h = Math.imul(h ^ part, 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    h ^= h >>> 16
  }
  return (h >>> 1) & 0x7fffffff
}
