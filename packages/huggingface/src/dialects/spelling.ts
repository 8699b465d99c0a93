/** Marks that vocabularies write in place of a space, where a server gives tokens as they stand there. */
const space = /^[\u0120\u2581]/

/** Whether a token's text is the label, with or without a space before it or a full stop behind it; never a longer word. */
export const isSpelling =
  (label: string) =>
  (text: string): boolean =>
    /^ ?(.*?)\.?$/s.exec(text.replace(space, " "))?.[1] === label
