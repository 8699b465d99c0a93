// Where the examples that name a server run: on it, if ENDPOINT_URL says where it is, else on ONNX Runtime in this process.
//   llama-server --model pocket.gguf --parallel 16 &    ENDPOINT_URL=http://127.0.0.1:8080 node examples/80_onnx_or_a_server.ts
import type { Backend, BackendError } from "@mulligan/core"
import { HuggingFaceBackend } from "@mulligan/huggingface"
import { OnnxBackend } from "@mulligan/onnx"
import type * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"

const { ENDPOINT_URL, HF_TOKEN, MODEL = "pocket" } = process.env

const json = (name: string): unknown => JSON.parse(readFileSync(`models/pocket/${name}`, "utf8"))

/** A model on the Hub brings its own tokenizer; the pocket model's is here. */
const tokenizer =
  MODEL === "pocket" ? { tokenizer: json("tokenizer.json"), config: json("tokenizer_config.json") } : undefined

export const backend: Layer.Layer<Backend.Backend, BackendError.BackendError> =
  ENDPOINT_URL === undefined
    ? OnnxBackend.layer({ model: "models/pocket" })
    : HuggingFaceBackend.layer({ model: MODEL, endpointUrl: ENDPOINT_URL, accessToken: HF_TOKEN, tokenizer })
