import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { basename } from "node:path"
import type { Conversation } from "../Conversation.ts"
import * as Duplicates from "../Duplicates.ts"
import * as Filter from "../Filter.ts"
import * as PromptFile from "../PromptFile.ts"
import { nothingLeft, type PreferencesError } from "../PreferencesError.ts"
import type { PromptOptions, Source } from "../Settings.ts"
import type { Reading, Store } from "../Store.ts"

/** Counts what is read, what is left out and why, and what is taken. */
class Tally {
  read = 0
  readonly left: Record<string, number> = {}
  readonly taken: Record<string, number> = {}

  get prompts(): number {
    return Object.values(this.taken).reduce((sum, n) => sum + n, 0)
  }
  get reading(): Reading {
    return { read: this.read, left: this.left, taken: this.taken }
  }
}

const add = (counts: Record<string, number>, name: string) => void (counts[name] = (counts[name] ?? 0) + 1)

const text = ({ prompt }: Conversation) => prompt.map(({ content }) => content).join("\n")

const conversations = ({ sources, turns }: PromptOptions) =>
  Stream.flatMap(Stream.fromIterable(sources), (source) =>
    Stream.map(PromptFile.read(source.file, turns), (conversation) => ({ source, conversation }))
  )

const nameOf = (source: Source, { dataset }: Conversation) => source.dataset ?? dataset ?? basename(source.file)

/** Reads the sources into the store: what passes the filter and is new, in its order. */
export const prepare = (
  store: Store,
  options: PromptOptions,
  onRead: (read: number) => void
): Effect.Effect<Reading, PreferencesError> =>
  Effect.gen(function* () {
    const tally = new Tally()
    const seen = new Duplicates.Seen(options.duplicates)
    yield* conversations(options).pipe(
      Stream.tap(({ conversation, source }) => {
        onRead(++tally.read)
        const reason = Filter.reason(conversation, options.filter) ?? seen.duplicate(text(conversation))
        if (reason !== undefined) return Effect.sync(() => add(tally.left, reason))
        const dataset = nameOf(source, conversation)
        const id = tally.prompts
        add(tally.taken, dataset)
        return store.addPrompt(id, { dataset, messages: conversation.prompt })
      }),
      Stream.takeUntil(() => tally.prompts >= (options.prompts ?? Infinity)),
      Stream.runDrain
    )
    if (tally.prompts > 0) return tally.reading
    return yield* nothingLeft({
      problem: `No prompt is left of ${tally.read} rows (${JSON.stringify(tally.left)}).`,
      advice: "Ask for less by `filter`, or give other files."
    })
  })
