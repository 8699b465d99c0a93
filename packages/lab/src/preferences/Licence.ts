/**
 * Under which terms a source of prompts may be used. None of a source's text is part of this package.
 */

export interface Licence {
  readonly name: string
  readonly url?: string | undefined
  /** What a user of the data must know. */
  readonly terms: string
}

/** As the data sets' own cards say. */
export const known: Readonly<Record<string, Licence>> = {
  "lmsys/lmsys-chat-1m": {
    name: "LMSYS-Chat-1M Dataset License Agreement",
    url: "https://huggingface.co/datasets/lmsys/lmsys-chat-1m#lmsys-chat-1m-dataset-license-agreement",
    terms:
      "Gated: you have agreed to its terms to get it. Neither it nor a part of it, such as the prompts in these rows, may be passed on to anybody; nobody in it may be identified; deletion can be asked for."
  },
  "allenai/WildChat-1M": {
    name: "Open Data Commons Attribution License (ODC-BY) 1.0",
    url: "https://opendatacommons.org/licenses/by/1-0/",
    terms: "May be passed on and changed if WildChat (Zhao et al., arXiv 2405.01470) is named as its source."
  }
}

const sameTerms: Readonly<Record<string, string>> = {
  "allenai/WildChat": "allenai/WildChat-1M",
  "allenai/WildChat-1M-Full": "allenai/WildChat-1M",
  "allenai/WildChat-4.8M": "allenai/WildChat-1M"
}

/** Of a data set by its name on the Hub; undefined: not one we know. */
export const of = (dataset: string): Licence | undefined => known[sameTerms[dataset] ?? dataset]

/** What is printed of a source. */
export const describe = (dataset: string, stated?: Licence): string => {
  const licence = stated ?? of(dataset)
  if (licence === undefined)
    return `${dataset}: its licence is not known. State it by \`licence\`, and do not pass the data on before.`
  const { name, terms, url } = licence
  return `${dataset}: ${name}${url === undefined ? "" : ` (${url})`}. ${terms}`
}
