/**
 * What exporters call a graph, by how its weights are stored: Optimum, and the scripts that make `onnx-community`'s files.
 */

/** Of the weights; `int8` and `q4` compute in single precision, `fp16` and `q4f16` in half. */
export type Precision = "fp32" | "fp16" | "q4" | "q4f16" | "int8"

const suffixes: Record<Precision, ReadonlyArray<string>> = {
  fp32: [""],
  fp16: ["_fp16"],
  q4: ["_q4", "_bnb4"],
  q4f16: ["_q4f16"],
  int8: ["_int8", "_quantized", "_uint8"]
}

/** Optimum puts the graph beside the configuration, the transformers.js exports under `onnx/`. */
const stems = ["onnx/model", "model", "onnx/decoder_model_merged", "decoder_model_merged"]

/** In the order in which a folder's graphs are looked for. */
export const precisions = Object.keys(suffixes) as ReadonlyArray<Precision>

/** Paths within a folder, the likeliest first. */
export const pathsOf = (precision: Precision): ReadonlyArray<string> =>
  stems.flatMap((stem) => suffixes[precision].map((suffix) => `${stem}${suffix}.onnx`))

/** The precision that a graph's name, within its folder, tells; undefined: none. */
export const precisionOf = (file: string): Precision | undefined =>
  precisions.find((precision) => pathsOf(precision).includes(file.replaceAll("\\", "/")))
