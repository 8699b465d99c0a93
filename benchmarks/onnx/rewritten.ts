// Writes the graph that our engine runs, and what its driver must know of it, into a folder: what made it leaves no garbage
// in the process that is measured.
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Embeddings from "../../packages/onnx/src/driver/Embeddings.ts"
import { open } from "../../packages/onnx/src/driver/NodeSession.ts"
import * as Probe from "../../packages/onnx/src/driver/Probe.ts"
import { type Rewritten, rewrite } from "../../packages/onnx/src/GraphRewrite.ts"
import * as ModelConfig from "../../packages/onnx/src/ModelConfig.ts"

export interface About extends Omit<Rewritten, "graph"> {
  readonly config: ModelConfig.ModelConfig
  readonly table: Embeddings.Table | undefined
}

const [model = "", out = ""] = process.argv.slice(2)
const config = await Effect.runPromise(ModelConfig.read(model))
const made = await rewrite(config, Probe.make(open, config))
const { graph, table } = Embeddings.take(made.graph, made.folder)
const { folder, takesPositions, windows } = made
if (windows.some((window) => window !== undefined)) throw new Error("A window is not written down.")
writeFileSync(join(out, "model.onnx"), graph)
const about = { config, folder, table, takesPositions, windows: windows.map(() => null) }
writeFileSync(join(out, "about.json"), JSON.stringify(about))
