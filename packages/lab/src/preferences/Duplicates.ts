/**
 * Tells prompts that came before, word for word or nearly.
 */
import { createHash } from "node:crypto"

/** Case, punctuation, symbols, accents' spelling and spaces do not tell two prompts apart. */
export const normalise = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .trim()

export interface Options {
  /**
   * From this estimated Jaccard similarity of their runs of 5 characters, two prompts are near duplicates; above 1 is off.
   * Default 0.8. The estimate's standard deviation there is 0.04.
   */
  readonly threshold?: number | undefined
}

/** Where `Options.threshold` is left out. */
export const THRESHOLD = 0.8

const SHINGLE = 5
/** 16 bands of 8: two prompts of similarity 0.8 meet in a band with a probability of 0.95, of 0.9 with 0.9999. */
const BANDS = 16
const ROWS = 8
const HASHES = BANDS * ROWS

/** Odd multipliers and offsets from a fixed stream, so that a prompt has the same signature everywhere. */
const [multipliers, offsets] = [1, 2].map((which) =>
  Int32Array.from(
    { length: HASHES },
    (_, i) => createHash("sha256").update(`${which} ${i}`).digest().readInt32BE(0) | 1
  )
) as [Int32Array, Int32Array]

const mix = (h: number): number => {
  const once = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}

/** MinHash (Broder, 1997): two signatures agree in as large a share of places as the two sets of shingles overlap. */
const signatureOf = (text: string): Uint32Array => {
  const signature = new Uint32Array(HASHES).fill(0xffffffff)
  for (let at = 0; at <= Math.max(0, text.length - SHINGLE); at++) {
    let h = 0x811c9dc5
    for (let i = at; i < Math.min(at + SHINGLE, text.length); i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
    for (let i = 0; i < HASHES; i++) {
      const value = mix(Math.imul(h, multipliers[i]!) + offsets[i]!) >>> 0
      if (value < signature[i]!) signature[i] = value
    }
  }
  return signature
}

const similarity = (a: Uint32Array, b: Uint32Array): number => {
  let same = 0
  for (let i = 0; i < HASHES; i++) if (a[i] === b[i]) same++
  return same / HASHES
}

/** Remembers all prompts that it was asked about and that were new: half a kibibyte each. */
export class Seen {
  readonly #exact = new Set<string>()
  readonly #signatures: Array<Uint32Array> = []
  readonly #bands = new Map<string, Array<number>>()
  readonly #threshold: number

  constructor({ threshold = THRESHOLD }: Options = {}) {
    if (!(threshold > 0)) throw new RangeError(`threshold is ${threshold}; it must be above 0.`)
    this.#threshold = threshold
  }

  /** Takes the text for one that came before, or remembers it. */
  duplicate(text: string): "duplicate" | "near duplicate" | undefined {
    const plain = normalise(text)
    const digest = createHash("sha256").update(plain).digest("base64")
    if (this.#exact.has(digest)) return "duplicate"
    const signature = this.#threshold > 1 ? undefined : signatureOf(plain)
    if (signature !== undefined && this.#isNear(signature)) return "near duplicate"
    this.#exact.add(digest)
    if (signature !== undefined) this.#remember(signature)
    return undefined
  }

  #isNear(signature: Uint32Array): boolean {
    const near = (i: number) => similarity(signature, this.#signatures[i]!) >= this.#threshold
    return bandsOf(signature).some((band) => this.#bands.get(band)?.some(near) ?? false)
  }

  #remember(signature: Uint32Array): void {
    const id = this.#signatures.push(signature) - 1
    for (const band of bandsOf(signature)) {
      const known = this.#bands.get(band)
      if (known === undefined) this.#bands.set(band, [id])
      else known.push(id)
    }
  }
}

const bandsOf = (signature: Uint32Array): ReadonlyArray<string> =>
  Array.from({ length: BANDS }, (_, band) => `${band} ${signature.subarray(band * ROWS, (band + 1) * ROWS).join(" ")}`)
