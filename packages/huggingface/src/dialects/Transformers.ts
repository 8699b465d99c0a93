/**
 * `transformers serve`, by chat completions. It gives no log-probabilities, without a word, and takes an answer that was
 * begun for a turn that is over. Shapes: transformers 5.24.0 running, and its `cli/serving/chat_completion.py`.
 */
import type { Dialect } from "../Dialect.ts"
import { at } from "../internal/json.ts"
import { chat } from "./Chat.ts"

export const transformers: Dialect = {
  name: "transformers",
  can: {
    continues: "none",
    logProbs: "none",
    labels: "none",
    sampling: ["topP"],
    seeds: true,
    cancels: "disconnect"
  },
  // Nothing in its list of models is its own, but no other server can be told to load a model there.
  probe: { path: "/openapi.json", recognises: (json) => at(json, "paths", "/load_model") !== undefined },
  details: "/v1/models",
  server: (_probed, details) => chat.server(details, undefined),
  draw: chat.draw,
  reader: chat.reader,
  judge: chat.judge
}
