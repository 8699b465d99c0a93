/**
 * Which prompts are taken, and why others are not.
 */
import type { Conversation } from "./Conversation.ts"
import * as PersonalData from "./PersonalData.ts"

export interface Options {
  /** Taken alone, as the source names them, in any case; left out: all. A row that tells no language is then left out. */
  readonly languages?: ReadonlyArray<string> | undefined
  /** Takes prompts that their source has taken something out of (NAME_1). Default false. */
  readonly redacted?: boolean | undefined
  /** Takes prompts that a moderation flagged. Default false. */
  readonly flagged?: boolean | undefined
  /** Left out, prompts and drafts alike. Default: `PersonalData.kinds`; `[]` is off. */
  readonly personalData?: ReadonlyArray<PersonalData.Kind> | undefined
}

/** Why a prompt is not taken; undefined: it is. */
export const reason = (self: Conversation, options: Options = {}): string | undefined => {
  const { flagged = false, languages, personalData, redacted = false } = options
  const isOf = (language: string) => language.toLowerCase() === self.language?.toLowerCase()
  if (self.prompt.every(({ content }) => content.trim() === "")) return "no prompt"
  if (languages !== undefined && !languages.some(isOf)) return "language"
  if (!redacted && self.redacted) return "redacted by its source"
  if (!flagged && self.flagged) return "flagged by a moderation"
  const found = PersonalData.find(self.prompt.map(({ content }) => content).join("\n"), personalData)
  return found === undefined ? undefined : `personal data: ${found}`
}
