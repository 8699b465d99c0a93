import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Prompt from "@mulligan/core/Prompt"
import { json, withModel } from "../common.ts"
import * as Output from "../Output.ts"
import { screen } from "../Screen.ts"
import * as Target from "../Target.ts"

const probe = (text: string, isTimed: boolean) =>
  Effect.gen(function* () {
    const { labels, speed } = yield* Effect.promise(() => import("../describe.ts"))
    const prompt = Prompt.user(text)
    return {
      labels: yield* labels(prompt),
      speed: isTimed ? [yield* speed(prompt, 1), yield* speed(prompt, 16)] : []
    }
  })

/** What the layer of the target gives beside the contract. */
const own = <I, S>(key: Context.Key<I, S>): Effect.Effect<S> =>
  Effect.orDie(Effect.flatMap(Effect.serviceOption(key), Effect.fromOption))

/** As data, and as lines for people. */
const described = (target: Target.Target, text: string, isTimed: boolean) =>
  Effect.gen(function* () {
    const Describe = yield* Effect.promise(() => import("../describe.ts"))
    const probed = yield* probe(text, isTimed)
    if (target._tag === "Server") {
      const { HuggingFace } = yield* Effect.promise(() => import("@mulligan/huggingface/HuggingFaceBackend"))
      const description = yield* (yield* own(HuggingFace)).describe
      return {
        json: { backend: "huggingface", ...description, ...probed },
        lines: Describe.server(description, probed)
      }
    }
    const { Onnx } = yield* Effect.promise(() => import("@mulligan/onnx/OnnxBackend"))
    const description = yield* (yield* own(Onnx)).describe
    const device = target.options.device ?? "cpu"
    return {
      json: { backend: "onnx", device, ...description, ...probed },
      lines: Describe.onnx(description, device, probed)
    }
  })

export const describe = Command.make(
  "describe",
  {
    probe: Flag.String("probe").pipe(
      Flag.withMetavar("TEXT"),
      Flag.withDescription('the question that it is tried on; default "What is 2 + 2?"'),
      Flag.withDefault("What is 2 + 2?")
    ),
    speed: Flag.Boolean("speed").pipe(
      Flag.withDescription("also measure tokens per second, of 1 draft and of 16"),
      Flag.withDefault(false)
    ),
    ...Target.flags,
    json
  },
  (given) =>
    withModel(given, screen, (target) =>
      Effect.gen(function* () {
        const { json, lines } = yield* described(target, given.probe, given.speed)
        if (given.json) return yield* Output.json(json)
        const { written } = yield* Effect.promise(() => import("../describe.ts"))
        yield* Output.line(written(lines))
      })
    )
).pipe(
  Command.withShortDescription("What a model and its backend can do"),
  Command.withDescription(
    "Loads the model, or asks the server, and tells what it can do; a small probe tells whether it can judge itself."
  ),
  Command.withExamples([
    { command: "mulligan describe --model models/pocket --speed", description: "A folder, and how fast it is here" },
    { command: "mulligan describe --model onnx-community/Qwen2.5-0.5B-Instruct", description: "From the Hub" },
    {
      command: "mulligan describe --endpoint http://localhost:8000 --model Qwen/Qwen3-0.6B",
      description: "A server"
    }
  ])
)
