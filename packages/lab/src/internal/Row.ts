import type * as Usage from "@mulligan/core/Usage"
import type { Token } from "@mulligan/core/Token"
import type { Tape } from "./Tape.ts"

/** A draft that is being drawn: hands its tokens to the tape whenever that is flushed, and when it is closed. */
export class Row {
  readonly #tape: Tape
  readonly #draft: number
  readonly #meter: Usage.Meter
  #tokens: Array<Token> = []
  #since: number
  #charged = 0
  #isRestarted = false

  constructor(tape: Tape, draft: number, meter: Usage.Meter) {
    this.#tape = tape
    this.#draft = draft
    this.#meter = meter
    this.#since = tape.clock.currentTimeMillisUnsafe()
    tape.gathering.add(this.#gather)
  }

  push(token: Token): void {
    this.#tokens.push(token)
  }

  /** Throws away all that was drawn, also what was flushed: nobody can go on with it. */
  void(): void {
    this.#tokens = []
    this.#write(0)
  }

  /** The next token is the draft's first, and takes the place of what was flushed. */
  restart(): void {
    this.#isRestarted = true
  }

  close(): void {
    this.#gather()
    this.#tape.gathering.delete(this.#gather)
  }

  readonly #gather = (): void => {
    if (this.#tokens.length === 0) return
    this.#write(this.#isRestarted ? 0 : (this.#tape.builder.draftAt(this.#draft)?.tokens.length ?? 0))
    this.#isRestarted = false
  }

  #write(from: number): void {
    const now = this.#tape.clock.currentTimeMillisUnsafe()
    const charged = this.#meter.usage.promptTokens
    this.#tape.add({
      _tag: "Tokens",
      draft: this.#draft,
      from,
      ...columnsOf(this.#tokens),
      promptTokens: charged - this.#charged,
      seconds: (now - this.#since) / 1000
    })
    this.#tokens = []
    this.#since = now
    this.#charged = charged
  }
}

const columnsOf = (tokens: ReadonlyArray<Token>) => {
  const end = tokens.at(-1)?.end
  const ids = column(tokens, ({ id }) => id)
  const logProbs = column(tokens, ({ logProb }) => logProb)
  const confidences = column(tokens, ({ confidence }) => confidence)
  const certainties = column(tokens, ({ certainty }) => certainty)
  const processed = column(tokens, (token) => token.processed)
  return {
    texts: tokens.map(({ text }) => text),
    ...(ids === undefined ? {} : { ids }),
    ...(logProbs === undefined ? {} : { logProbs }),
    ...(confidences === undefined ? {} : { confidences }),
    ...(certainties === undefined ? {} : { certainties }),
    ...(processed === undefined ? {} : { processed }),
    ...(end === undefined ? {} : { end })
  }
}

/** Undefined where no token has it. */
const column = <A>(tokens: ReadonlyArray<Token>, of: (token: Token) => A | undefined) => {
  const values = tokens.map((token): A | null => of(token) ?? null)
  return values.some((value) => value !== null) ? values : undefined
}
