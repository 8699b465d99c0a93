import type { Prompt } from "@mulligan/core/Prompt"

/** The same text for the same prompt, however its messages' keys are ordered. */
export const keyOf = (prompt: Prompt): string =>
  JSON.stringify(typeof prompt === "string" ? prompt : prompt.map(({ content, role }) => [role, content]))
