/**
 * Puts a recording together line by line, as it is read and as it is written.
 */
import type * as Backend from "@mulligan/core/Backend"
import type { Token } from "@mulligan/core/Token"
import type { Line, Question } from "../Line.ts"
import type { Draft, Problem, Reading, Recording, Unread } from "../Recording.ts"
import { keyOf } from "./keyOf.ts"

type Mutable<A> = { -readonly [K in keyof A]: A[K] }
type OwnDraft = Mutable<Draft> & {
  readonly tokens: Array<Token>
  readonly readings: Array<Reading>
  readonly unread: Array<Unread>
}
type OwnProblem = Problem & { readonly drafts: Array<OwnDraft> }
type Of<Tag extends Line["_tag"]> = Extract<Line, { readonly _tag: Tag }>

/** A prompt and a run's seed are one problem, however the messages' keys are ordered. */
const problemKey = (prompt: Problem["prompt"], seed: number) => `${seed} ${keyOf(prompt)}`
const questionKey = ({ labels, question }: Question) => JSON.stringify([question ?? null, labels])
/** Greedy is one draft, whatever the seed. */
const draftKey = (problem: number, { seed, temperature }: { readonly seed: number; readonly temperature: number }) =>
  `${problem} ${temperature} ${temperature === 0 ? "" : seed}`

export class Builder {
  readonly #questions: Array<Question> = []
  readonly #problems: Array<OwnProblem> = []
  readonly #drafts: Array<OwnDraft> = []
  readonly #ids = new Map<string, number>()
  readonly recording: Mutable<Recording> = {
    model: "",
    sampling: {},
    measures: {},
    questions: this.#questions,
    problems: this.#problems
  }
  #isBegun = false

  get isEmpty(): boolean {
    return !this.#isBegun
  }

  problem(prompt: Problem["prompt"], seed: number): number | undefined {
    return this.#ids.get(`p ${problemKey(prompt, seed)}`)
  }
  question(question: Question): number | undefined {
    return this.#ids.get(`q ${questionKey(question)}`)
  }
  draft(problem: number, of: { readonly seed: number; readonly temperature: number }): number | undefined {
    return this.#ids.get(`d ${draftKey(problem, of)}`)
  }
  get counts() {
    return { problems: this.#problems.length, questions: this.#questions.length, drafts: this.#drafts.length }
  }
  draftAt(id: number): Draft | undefined {
    return this.#drafts[id]
  }

  /** What is wrong with the line, if anything. */
  add(line: Line): string | undefined {
    if (line._tag !== "Model" && !this.#isBegun) return "comes before the model."
    switch (line._tag) {
      case "Model":
        return this.#model(line)
      case "Prompt":
        return this.#prompt(line)
      case "Question":
        return this.#question(line)
      case "Draft":
        return this.#draft(line)
      case "Tokens":
        return this.#tokens(line)
      case "Reading":
        return this.#reading(line)
      case "Unread":
        return this.#unread(line)
    }
  }

  #model({ measures = {}, model, sampling }: Of<"Model">) {
    if (this.#isBegun) return "names the model a second time."
    this.#isBegun = true
    Object.assign(this.recording, { model, sampling, measures })
    return undefined
  }

  #prompt({ id, prompt, seed }: Of<"Prompt">) {
    if (id !== this.#problems.length) return `has id ${id}, out of turn.`
    this.#ids.set(`p ${problemKey(prompt, seed)}`, id)
    this.#problems.push({ prompt, seed, drafts: [] })
    return undefined
  }

  #question({ id, labels, question }: Of<"Question">) {
    if (id !== this.#questions.length) return `has id ${id}, out of turn.`
    const asked: Question = question === undefined ? { labels } : { question, labels }
    this.#ids.set(`q ${questionKey(asked)}`, id)
    this.#questions.push(asked)
    return undefined
  }

  #draft({ id, index, prompt, seed, temperature }: Of<"Draft">) {
    const problem = this.#problems[prompt]
    if (id !== this.#drafts.length || problem === undefined) return "is a draft out of turn, or of no prompt."
    const draft: OwnDraft = {
      index,
      seed,
      temperature,
      tokens: [],
      readings: [],
      unread: [],
      promptTokens: 0,
      seconds: 0
    }
    this.#ids.set(`d ${draftKey(prompt, draft)}`, id)
    this.#drafts.push(draft)
    problem.drafts.push(draft)
    return undefined
  }

  #tokens(line: Of<"Tokens">) {
    const draft = this.#drafts[line.draft]
    if (draft === undefined || line.from > draft.tokens.length) return "has tokens that follow on nothing."
    const columns = [line.ids, line.logProbs, line.confidences, line.certainties, line.processed]
    if (columns.some((column) => column !== undefined && column.length !== line.texts.length))
      return "has columns of several lengths."
    if (line.from < draft.tokens.length) cut(draft, line.from)
    for (const token of tokensOf(line)) draft.tokens.push(token)
    draft.promptTokens += line.promptTokens
    draft.seconds += line.seconds
    return undefined
  }

  #reading({ after, draft: id, lower, over, question: asked, readTokens, seconds, upper }: Of<"Reading">) {
    const draft = this.#drafts[id]
    const question = this.#questions[asked]
    if (draft === undefined || question === undefined) return "reads no draft, or by no question."
    if (after > draft.tokens.length) return `reads ${after} tokens of ${draft.tokens.length}.`
    const bounds = question.labels.flatMap((_, i): ReadonlyArray<Backend.Bounds> => {
      const [least, most] = [lower[i], upper[i]]
      return least === undefined || most === undefined ? [] : [{ lower: least, upper: most }]
    })
    if (bounds.length < question.labels.length) return "has no bounds for some label."
    draft.readings.push({ question, after, answer: { labels: bounds, over }, readTokens, seconds })
    return undefined
  }

  #unread({ after, draft: id, question: asked }: Of<"Unread">) {
    const draft = this.#drafts[id]
    const question = this.#questions[asked]
    if (draft === undefined || question === undefined || after > draft.tokens.length)
      return "leaves out what there is not."
    draft.unread.push({ question, after })
    return undefined
  }
}

/** What was thrown away takes with it what was said of it. */
const cut = (draft: OwnDraft, from: number) => {
  draft.tokens.length = from
  for (const said of [draft.readings, draft.unread] as ReadonlyArray<Array<Reading | Unread>>)
    said.splice(0, said.length, ...said.filter(({ after }) => after <= from))
  if (from === 0) [draft.promptTokens, draft.seconds] = [0, 0]
}

const tokensOf = (line: Of<"Tokens">): ReadonlyArray<Token> => {
  const { certainties, confidences, end, ids, logProbs, processed, texts } = line
  return texts.map((text, i) => ({
    ...(ids?.[i] == null ? {} : { id: ids[i] }),
    text,
    ...(logProbs?.[i] == null ? {} : { logProb: logProbs[i] }),
    ...(confidences?.[i] == null ? {} : { confidence: confidences[i] }),
    ...(certainties?.[i] == null ? {} : { certainty: certainties[i] }),
    ...(processed?.[i] == null ? {} : { processed: true as const }),
    ...(end !== undefined && i === texts.length - 1 ? { end } : {})
  }))
}
