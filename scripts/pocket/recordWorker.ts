// A process that records what its parent asks for: { folder, jobs } in, { drafts } out, one array per job. ONNX Runtime
// works on one thread here, because several processes use the cores better than several threads of one.
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { OnnxBackend } from "@mulligan/onnx"
import type { Draft, Job } from "./Recording.ts"
import { run } from "./recordJob.ts"

export interface Order {
  readonly folder: string
  readonly jobs: ReadonlyArray<Job>
}

export type Delivery = { readonly drafts: ReadonlyArray<ReadonlyArray<Draft>> } | { readonly failure: string }

const open = (folder: string) => ManagedRuntime.make(OnnxBackend.layer({ model: folder, threads: 1 }))
const models = new Map<string, ReturnType<typeof open>>()

const work = async ({ folder, jobs }: Order): Promise<Delivery> => {
  const model = models.get(folder) ?? open(folder)
  models.set(folder, model)
  try {
    // Two problems at once: while the rows of one come to their end, the other keeps the step full.
    return { drafts: await model.runPromise(Effect.forEach(jobs, run, { concurrency: 2 })) }
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

process.on("message", (order: Order) => void work(order).then((delivery) => process.send?.(delivery)))
process.on("disconnect", () => process.exit(0))
