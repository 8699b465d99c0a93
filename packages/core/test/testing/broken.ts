/**
 * Backends that break one law each, and what the law should say of them.
 */
import { type Backend, BackendError, Budget, type Token, Usage } from "@mulligan/core"
import type * as ScriptedBackend from "@mulligan/core/testing/ScriptedBackend"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export type Service = Backend.Backend["Service"]
type Tokens = Stream.Stream<Token.Token, BackendError.BackendError>
type Log = ScriptedBackend.Log
/** What is wrong with a backend. */
export type Change = (service: Service, log: Log) => Service

export const PROMPT = "a prompt"

const tokens =
  (change: (tokens: Tokens, request: Backend.GenerateRequest, log: Log) => Tokens): Change =>
  (self, log) => ({ ...self, generate: (request) => change(self.generate(request), request, log) })

const rewritten = (tokens: Tokens, isWrong: () => boolean): Tokens =>
  Stream.map(tokens, (token) => (isWrong() ? { ...token, text: `${token.text}!` } : token))

export const judged =
  (change: (answer: Backend.LogProbs) => Backend.LogProbs): Change =>
  (self) => ({ ...self, logProbs: (request) => Effect.map(self.logProbs(request), change) })

export const shifted = (by: number) => (b: Backend.Bounds) => ({ lower: b.lower + by, upper: b.upper + by })

/** Does something wherever a draft is left before its end. */
const onCut = (change: (log: Log, request: Backend.GenerateRequest) => Effect.Effect<void>): Change =>
  tokens((self, request, log) =>
    Stream.suspend(() => {
      let isUnderWay = false
      let left = request.maxTokens ?? Infinity
      const watched = Stream.map(self, (token) => {
        isUnderWay = token.end === undefined && --left > 0
        return token
      })
      return Stream.ensuring(
        watched,
        Effect.suspend(() => (isUnderWay ? change(log, request) : Effect.void))
      )
    })
  )

/** Only the accounting law asks new prompts. */
const isKnown = (request: Backend.GenerateRequest) => request.prompt === PROMPT
const later = (effect: Effect.Effect<unknown>) =>
  Effect.asVoid(Effect.forkDetach(Effect.andThen(Effect.sleep(10), effect)))

const continuation: Record<string, Change> = {
  "randomness that starts again after a cut": tokens((self, r) => rewritten(self, () => r.prefix.length > 0)),
  "a token too many": (self) => ({
    ...self,
    generate: ({ maxTokens = 1, ...r }) => self.generate({ ...r, maxTokens: maxTokens === 3 ? 4 : maxTokens })
  }),
  "a pause taken for the end": tokens((self, r) => (r.prefix.length === 6 ? Stream.empty : self)),
  "a token where none was wanted": (self) => ({
    ...self,
    generate: (r) => self.generate(r.maxTokens === 0 ? { ...r, maxTokens: 1 } : r)
  }),
  "an end in the middle": tokens((self) => Stream.map(self, (token) => ({ ...token, end: "stop" })))
}

const askedBefore = (since: number): Change => {
  let asked = 0
  return (self) => ({
    generate: (r) =>
      Stream.suspend(() => {
        const before = since === 0 ? 0 : asked
        return rewritten(self.generate(r), () => asked - before > since && (since > 0 || r.prefix.length > 0))
      }),
    logProbs: (r) => Effect.tap(self.logProbs(r), () => Effect.sync(() => asked++))
  })
}

const nonDisturbance: Record<string, Change> = {
  "a question that moves what follows a pause": askedBefore(0),
  "questions that move a draft under way": askedBefore(3)
}

/** What becomes of a token that is drawn beside three others or more. */
const inCompany = (change: (token: Token.Token) => Token.Token): Change => {
  let open = 0
  return tokens((self) =>
    Stream.suspend(() => {
      open++
      const yielding = Stream.mapEffect(self, (token) =>
        Effect.map(Effect.yieldNow, () => (open > 3 ? change(token) : token))
      )
      return Stream.ensuring(
        yielding,
        Effect.sync(() => open--)
      )
    })
  )
}
export const moved = (by: number) => inCompany((token) => ({ ...token, logProb: (token.logProb ?? 0) - by }))

const judgedInCompany: Change = (self) => {
  let open = 0
  const counted = (tokens: Tokens) =>
    Stream.suspend(() => {
      open++
      return Stream.ensuring(
        tokens,
        Effect.sync(() => open--)
      )
    })
  return {
    generate: (r) => counted(Stream.mapEffect(self.generate(r), (token) => Effect.as(Effect.yieldNow, token))),
    logProbs: (r) =>
      Effect.andThen(Effect.yieldNow, self.logProbs(r)).pipe(
        Effect.map((answer) => (open > 3 ? { ...answer, labels: answer.labels.map(shifted(-1)) } : answer))
      )
  }
}

export const independence: Record<string, Change> = {
  "drafts that depend on their company": inCompany((token) => ({ ...token, text: "x" })),
  "judgements that depend on their company": judgedInCompany
}

const greedy: Record<string, Change> = {
  "a greedy answer that depends on the seed": tokens((self, r) =>
    r.temperature === 0 ? Stream.map(self, (token) => ({ ...token, id: r.seed })) : self
  ),
  "a greedy answer that is not the reference's": tokens((self, r) =>
    r.temperature === 0 ? Stream.map(self, (token) => ({ ...token, id: 42 })) : self
  )
}

const probability: Record<string, Change> = {
  "a probability beside the reference's": judged((a) => ({ ...a, labels: a.labels.map(shifted(-0.01)) })),
  "a logarithm above 0": judged((a) => ({ ...a, labels: a.labels.map(shifted(2)) })),
  "a bound that is no number": judged((a) => ({ ...a, labels: a.labels.map(() => ({ lower: NaN, upper: 0 })) })),
  "bounds the wrong way round": judged((a) => ({ ...a, labels: a.labels.map((b) => ({ lower: 0, upper: b.upper })) })),
  "an interval without the truth": judged((a) => ({ ...a, labels: a.labels.map(() => ({ lower: -9, upper: -5 })) })),
  "labels that hold more than everything": judged((a) => ({
    ...a,
    labels: a.labels.map(() => ({ lower: -0.1, upper: 0 }))
  })),
  "a label without an answer": judged((a) => ({ ...a, labels: a.labels.slice(1) })),
  "the labels in another order": judged((a) => ({ ...a, labels: a.labels.toReversed() })),
  "another ratio of labels": judged((a) => ({ labels: a.labels.toReversed(), over: "labels" }))
}

const interruption: Record<string, Change> = {
  "a row that stays open": onCut((log) => Effect.sync(() => void log.openRows++)),
  "drawing that goes on": onCut((log, r) => (isKnown(r) ? later(Effect.sync(() => log.drawnTokens++)) : Effect.void)),
  "charges that go on": onCut((_, r) =>
    isKnown(r)
      ? Effect.flatMap(Budget.charging, (charge) => later(Effect.sync(() => charge("drawnTokens", 1))))
      : Effect.void
  ),
  "more than a step thrown away": onCut((_, r) =>
    isKnown(r) ? Effect.map(Budget.charging, (charge) => charge("drawnTokens", 2)) : Effect.void
  )
}

const refusing = (
  change: (error: BackendError.BackendError) => Effect.Effect<never, BackendError.BackendError>
): Change =>
  tokens((self, r) => (r.temperature === -1 ? Stream.catch(self, (error) => Stream.fromEffect(change(error))) : self))
const withReason = (reason: BackendError.Reason) => () =>
  Effect.fail(new BackendError.BackendError({ backend: "b", reason }))

const refusal: Record<string, Change> = {
  "bad input that is taken": tokens((self, r) => (r.temperature === -1 ? Stream.empty : self)),
  "an empty label that is taken": (self) => ({
    ...self,
    logProbs: (r) => self.logProbs({ ...r, labels: r.labels.map((label) => label || "No") })
  }),
  "charges before the refusal": refusing((error) =>
    Effect.flatMap(Budget.charging, (charge) => (charge("promptTokens", 5), Effect.fail(error)))
  ),
  "a token drawn before the refusal": (self, log) => ({
    ...self,
    generate: (r) =>
      r.temperature === -1
        ? Stream.concat(Stream.drain(Stream.fromEffect(Effect.sync(() => log.drawnTokens++))), self.generate(r))
        : self.generate(r)
  }),
  "a reason that promises that it may pass": refusing(
    withReason(new BackendError.Unavailable({ problem: "No.", advice: "Wait." }))
  ),
  "no advice": refusing(withReason(new BackendError.InvalidRequest({ problem: "No.", advice: " " }))),
  "a stack instead of a reason": refusing(() => Effect.die(new Error("undefined is not a function")))
}

/** What becomes of a question that is asked while others are. */
const askedTogether = (change: (self: ReturnType<Service["logProbs"]>) => ReturnType<Service["logProbs"]>): Change => {
  let open = 0
  return (self) => ({
    ...self,
    logProbs: (r) =>
      Effect.suspend(() => {
        const asked = open++ > 0 ? change(self.logProbs(r)) : self.logProbs(r)
        return Effect.ensuring(
          Effect.andThen(Effect.yieldNow, asked),
          Effect.sync(() => open--)
        )
      })
  })
}

const accounting: Record<string, Change> = {
  "a question that rides free beside another": askedTogether((self) =>
    Effect.provideService(self, Usage.CurrentMeter, new Usage.Meter())
  ),
  "a sum that is more than its parts": askedTogether((self) =>
    Effect.tap(self, () => Effect.map(Usage.CurrentMeter, (meter) => meter.parent?.add("readTokens", 1)))
  ),
  "a question that nobody pays": (self) => ({
    ...self,
    logProbs: (r) => Effect.provideService(self.logProbs(r), Usage.CurrentMeter, new Usage.Meter())
  }),
  "a question that spares the budget": (self) => ({
    ...self,
    logProbs: (r) => Effect.provideService(self.logProbs(r), Budget.CurrentAccount, undefined)
  }),
  "a question charged as drawing": (self) => ({
    ...self,
    logProbs: (r) =>
      Effect.tap(self.logProbs(r), () => Effect.map(Budget.charging, (charge) => charge("promptTokens", 1)))
  }),
  "drawing charged as a question": tokens((self, r) =>
    isKnown(r)
      ? self
      : Stream.unwrap(
          Effect.map(Budget.charging, (charge) => {
            charge("readTokens", 1)
            return self
          })
        )
  ),
  "a prompt that nobody pays": tokens((self) => Stream.provideService(self, Usage.CurrentMeter, new Usage.Meter())),
  "tokens charged twice": tokens((self, r) =>
    isKnown(r)
      ? self
      : Stream.unwrap(
          Effect.map(Budget.charging, (charge) => Stream.tap(self, () => Effect.sync(() => charge("drawnTokens", 1))))
        )
  ),
  "tokens thrown away and not charged": onCut((log) => Effect.sync(() => void log.drawnTokens++))
}

/** What becomes of tokens that more is asked of, and of their number in the request. */
const measured = (change: (token: Token.Token, request: Backend.GenerateRequest) => Token.Token): Change =>
  tokens((self, r) =>
    r.confidence === undefined && r.certainty === undefined ? self : Stream.map(self, (token) => change(token, r))
  )

const confidence: Record<string, Change> = {
  "a confidence that is asked for and not told": tokens((self) =>
    Stream.map(self, ({ confidence: _, ...token }) => token)
  ),
  "a confidence below 0": measured((token) => ({ ...token, confidence: -0.1 })),
  "a confidence that falls with more tokens": measured((token, r) =>
    r.temperature === 0 || r.confidence === 1 ? token : { ...token, confidence: 0 }
  ),
  "a confidence that is another token's": measured((token, r) =>
    r.confidence === undefined ? token : { ...token, confidence: (token.confidence ?? 0) + 1 }
  ),
  "a confidence that moves the draft": measured((token, r) => (r.confidence === 1 ? { ...token, text: "x" } : token)),
  "a confidence over more that moves the draft": measured((token, r) =>
    r.confidence === 3 ? { ...token, text: "x" } : token
  ),
  "a certainty below 0": measured((token) => ({ ...token, certainty: -1 })),
  "a certainty that is no number": measured((token) => ({ ...token, certainty: NaN })),
  "a certainty that moves the draft": measured((token, r) => (r.certainty === true ? { ...token, text: "x" } : token))
}

/** What the law says of it, so that no check hides behind another of the same law. */
export const sentences: Record<string, RegExp> = {
  "randomness that starts again after a cut": /in pieces of 1: .* instead of .*, from token 1 on/,
  "a token too many": /4 tokens where maxTokens was 3/,
  "a pause taken for the end": /nothing was drawn after 6 tokens/,
  "an end in the middle": /a token came after the end/,
  "a token where none was wanted": /a token was drawn where maxTokens was 0/,
  "a question that moves what follows a pause": /asked while paused/,
  "questions that move a draft under way": /asked while drawing/,
  "drafts that depend on their company": /tokens differ beside 1, 3, 8 others/,
  "judgements that depend on their company": /a label's log-probability moved by \d\S* beside/,
  "a greedy answer that depends on the seed": /greedy with another seed/,
  "a greedy answer that is not the reference's": /token 0 is 42, the reference has \d/,
  "a probability beside the reference's": /No after 2 tokens is off by 0\.002/,
  "a logarithm above 0": /No is bounded by/,
  "a bound that is no number": /No is bounded by NaN/,
  "bounds the wrong way round": /No is bounded by 0 and -/,
  "an interval without the truth": /No after 2 tokens is off by 0\.24/,
  "labels that hold more than everything": /probabilities add up to 1\.8/,
  "a label without an answer": /1 bounds came for 2 labels/,
  "the labels in another order": /No after 2 tokens is off by 0\.5/,
  "another ratio of labels": /No after 2 tokens is off by 0\.5/,
  "a row that stays open": /\d rows stay open/,
  "drawing that goes on": /tokens were drawn after the interruption/,
  "charges that go on": /tokens were charged after the interruption/,
  "more than a step thrown away": /[5-8] tokens were thrown away for 4 interrupted rows/,
  "bad input that is taken": /temperature -1 was not refused/,
  "an empty label that is taken": /an empty label was not refused/,
  "charges before the refusal": /only after something was charged/,
  "a token drawn before the refusal": /only after a token was drawn/,
  "a reason that promises that it may pass": /was called Unavailable/,
  "no advice": /without saying what to do/,
  "a stack instead of a reason": /undefined is not a function/,
  "a question that rides free beside another": /3 of 8 calls side by side were charged nothing/,
  "a sum that is more than its parts": /side by side readTokens are \d+, and \d+ together/,
  "a question that nobody pays": /a question was read and not charged/,
  "a question that spares the budget": /not charged to the budget/,
  "a question charged as drawing": /a question was charged as drawing/,
  "drawing charged as a question": /drawing was charged as reading to judge/,
  "a prompt that nobody pays": /a new prompt was read and not charged/,
  "tokens charged twice": /\d+ tokens were charged, and all had been taken/,
  "tokens thrown away and not charged": /\d+ tokens were drawn, \d+ accounted for/,
  "a confidence that is asked for and not told": /the confidence of token 0 is undefined/,
  "a confidence below 0": /the confidence of token 0 is -0\.1/,
  "a confidence that falls with more tokens": /the confidence of token \d falls with the number of tokens/,
  "a confidence that is another token's": /the confidence of greedy token 0 over itself is not minus/,
  "a confidence that moves the draft": /asked for its confidence: /,
  "a confidence over more that moves the draft": /asked for its confidence over more: /,
  "a certainty below 0": /the certainty of token 0 is -1/,
  "a certainty that is no number": /the certainty of token 0 is NaN/,
  "a certainty that moves the draft": /asked for its certainty: /
}

export const broken = {
  continuation,
  "non-disturbance": nonDisturbance,
  independence,
  greedy,
  probability,
  interruption,
  refusal,
  accounting,
  confidence
}
