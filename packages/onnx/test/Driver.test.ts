import { assert, describe, it } from "@effect/vitest"
import type { InferenceSession } from "onnxruntime-node"
import { checkGraph } from "../src/Driver.ts"
import type { ModelConfig } from "../src/ModelConfig.ts"

const config: ModelConfig = {
  folder: "",
  graph: "model.onnx",
  layers: 1,
  kvHeads: 2,
  headDim: 4,
  context: 100,
  vocabulary: 9,
  endIds: new Set(),
  suppressed: []
}

const tensor = (name: string, type: InferenceSession.TensorValueMetadata["type"], shape: Array<number | string>) =>
  ({ name, isTensor: true, type, shape }) as const
const cache = ["rows", 2, "slots", 4]
const good = [
  tensor("input_ids", "int64", ["rows", "new"]),
  tensor("attention_mask", "int64", ["rows", "all"]),
  tensor("past_key_values.0.key", "float32", cache),
  tensor("past_key_values.0.value", "float32", cache),
  tensor("logits", "float32", ["rows", "new", 9]),
  tensor("present.0.key", "float32", cache),
  tensor("present.0.value", "float32", cache)
]
const check = (replaced?: (typeof good)[number]) => {
  const all = good.map((known) => (known.name === replaced?.name ? replaced : known))
  const [inputMetadata, outputMetadata] = [all.slice(0, 4), all.slice(4)]
  const names = (some: typeof all) => some.map(({ name }) => name)
  return checkGraph(config, {
    inputMetadata,
    outputMetadata,
    inputNames: names(inputMetadata),
    outputNames: names(outputMetadata)
  })?.message
}

describe("a graph", () => {
  it("with names, types and sizes of an Optimum decoder is fine, position ids or not", () =>
    assert.isUndefined(check()))

  it.each([
    [
      tensor("past_key_values.0.key", "float16", cache),
      /past_key_values\.0\.key in float16, not float32.*float32 export/s
    ],
    [tensor("logits", "float16", ["rows", "new", 9]), /logits in float16/],
    [tensor("input_ids", "int32", ["rows", "new"]), /input_ids in int32, not int64/],
    [tensor("logits", "float32", ["rows", "new", 12]), /model\.onnx has logits of size 12 where config\.json says 9/],
    [tensor("present.0.value", "float32", ["rows", 3, "slots", 4]), /of size 3 where config\.json says 2/]
  ])("that has $name in $type $shape is refused", (replaced, message) => assert.match(check(replaced) ?? "", message))
})
