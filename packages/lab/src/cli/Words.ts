/**
 * What the libraries' messages call by the names of their own options, by the names of the command's; and where to set what
 * the command has no option for.
 */

const words: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bas accessToken\b/g, "by HF_TOKEN, or --token-env"],
  [/\baccessToken\b/g, "a token (HF_TOKEN, or --token-env)"],
  [/\ban? (valid )?`apiKey`/g, "a $1token by --reward-token-env"],
  [/`url`/g, "--reward"],
  [/\bPut each engine behind a layer of its own\b/g, "Name those of one engine at a time"],
  [/\bBuild the layer again\b/g, "Run the command again"],
  [/\bendpointUrl and dialect\b/g, "--endpoint and --dialect"],
  [/\bname the dialect\b/g, "name it by --dialect"],
  [/\bendpointUrl\b/g, "--endpoint"],
  [/\bcheck precision, subfolder,/g, "check --precision, --subfolder,"],
  [/`(label|licence|model|precision|revision|subfolder|tokenizer)`/g, "--$1"],
  [/, or give `token`,/g, " (or --token-env)"],
  [/`token`/g, "--token-env"],
  [/`prompts`/g, "--task or --prompts"],
  [/\bas `file`/g, "by --prompts"],
  [/`filter`/g, "--language"],
  [/`?\bmaxTokens\b`?/g, "--max-tokens"],
  [/`readings` that have `tokens: \[(\d+)\]`, or 1 in `shares`/g, "--depths $1t, or 100%"],
  [/with fewer `tokens` in `readings`/g, "by lower --depths"],
  [/question and labels in `readings`/g, "it by --question"],
  [/\bGive `fromPrompt` the seed\b/g, "Give --seed"],
  [/\bwith a higher count\b/g, "more --drafts"]
]

/** Options that the command does not offer, as messages write them, and what takes them. */
const inCode: ReadonlyArray<readonly [name: string, taker: string]> = [
  ["cacheBytes", "OnnxBackend.layer"],
  ["maxBatchTokens", "OnnxBackend.layer"],
  ["idleTimeout", "a backend's layer"],
  ["requestsPerMinute", "HuggingFaceBackend.layer"],
  ["`graph`", "OnnxReward.make"],
  ["`index`", "OnnxReward.make"],
  ["`render`", "OnnxReward.make"],
  ["`balance`", "Preferences.run"],
  ["`template`", "AlpacaEval.load"],
  ["`grade`", "Problems.load"]
]

const whereToSet = (text: string): string => {
  const found = inCode.filter(([name]) => text.includes(name))
  if (found.length === 0) return ""
  const takers = [...new Set(found.map(([, taker]) => taker))].join(" and ")
  return ` (No option of the command sets ${found.map(([name]) => name).join(" or ")}: that is for ${takers}, in code.)`
}

/** Options by the names that they have here. */
export const inOurWords = (text: string): string => {
  const told = words.reduce((told, [word, ours]) => told.replace(word, ours), text)
  return told + whereToSet(told)
}
