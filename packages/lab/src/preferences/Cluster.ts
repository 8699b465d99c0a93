/**
 * The same job by several workers, on one machine or many, for where one process is outgrown: Effect's workflow and cluster
 * engine over PostgreSQL. Workers share the prompts; those of one that dies, however it dies, go to the others.
 */
import * as NodeClusterSocket from "@effect/platform-node-shared/NodeClusterSocket"
import * as NodeCrypto from "@effect/platform-node-shared/NodeCrypto"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as SocketRunner from "effect/cluster/SocketRunner"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import type { SocketServerError } from "effect/socket/SocketServer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Activity from "effect/workflow/Activity"
import * as Workflow from "effect/workflow/Workflow"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import type { Backend } from "@mulligan/core/Backend"
import { BackendError } from "@mulligan/core/BackendError"
import { RunError } from "@mulligan/core/RunError"
import { type JobOptions, type Summary, through, withDefaults } from "./internal/pipeline.ts"
import { type Failure, workOn } from "./internal/work.ts"
import { otherJob, PreferencesError } from "./PreferencesError.ts"
import type * as Reward from "./Reward.ts"
import * as Settings from "./Settings.ts"
import * as Store from "./Store.ts"

const payload = {
  job: Schema.String,
  prompt: Schema.Int,
  drafts: Schema.Int,
  reward: Schema.String,
  retries: Schema.Int,
  /** A workflow that has ended stays ended; a later call that needs the prompt again counts up. */
  attempt: Schema.Int
}
const success = Schema.UndefinedOr(Schema.String)
const error = Schema.Union([BackendError, RunError, PreferencesError])

/** All that one prompt needs; done once, by whichever worker has its shard. */
class PromptWork extends Workflow.make("@mulligan/lab/preferences/PromptWork", {
  payload,
  success,
  error,
  idempotencyKey: ({ attempt, drafts, job, prompt, reward }) => JSON.stringify([job, prompt, drafts, reward, attempt])
}) {}

export interface WorkerOptions<E = never, R = never> {
  /** As the job says; a worker with another model or reward fails the job. */
  readonly model: string
  readonly reward: Reward.Model<E, R>
  /** Prompts at once in this worker, each with all its drafts at once. Default 4. */
  readonly concurrency?: number | undefined
}

const different = (job: string, what: string) =>
  otherJob({
    problem: `A worker of the job ${job} has another ${what} than the job.`,
    advice: `Start all workers with the job's ${what}, and run the job again.`
  })

/** How the job draws, if this worker can do that. */
const drawingOf = (
  store: Store.Store,
  job: string,
  reward: string,
  options: { model: string; reward: { name: string } }
) =>
  Effect.gen(function* () {
    const stored = yield* store.settings
    if (stored === undefined) return yield* different(job, "database")
    const drawing = Settings.decode(stored)
    if (drawing.model !== options.model) return yield* different(job, "model")
    if (reward !== options.reward.name) return yield* different(job, "reward")
    return drawing
  })

/**
 * A worker's part: takes prompts of any job whose model and reward it has, for as long as the layer lives. What it stores is
 * stored once; a draft that was under way when a worker died is drawn again by another, to the same tokens.
 */
export const worker = <E, R>(
  options: WorkerOptions<E, R>
): Layer.Layer<never, never, WorkflowEngine | SqlClient | Backend | R> => {
  const permits = Semaphore.makeUnsafe(options.concurrency ?? 4)
  return PromptWork.toLayer(({ drafts, job, prompt, retries, reward }) => {
    const execute = Effect.gen(function* () {
      const store = yield* Store.of(job)
      const drawing = yield* drawingOf(store, job, reward, options)
      return yield* workOn(store, prompt, { drawing, drafts, retries, reward: options.reward })
    })
    return permits.withPermits(1)(Activity.make({ name: "drafts", success, error, execute }))
  })
}

export interface RunOptions extends JobOptions {
  /** The name of the workers' reward. */
  readonly reward: string
  /** Prompts that are given out at a time; as many as all workers do at once, and some to wait. Default 64. */
  readonly inFlight?: number | undefined
}

/** What is not done has no workflow yet, or one under way, which is joined, or one that failed. */
const executed = (
  fields: Omit<typeof PromptWork.payloadSchema.Type, "attempt">,
  attempt = 0
): Effect.Effect<string | undefined, Failure, WorkflowEngine> =>
  Effect.gen(function* () {
    const id = yield* PromptWork.executionId({ ...fields, attempt })
    const before = yield* PromptWork.poll(id)
    const hasEnded = Option.isSome(before) && before.value._tag === "Complete"
    return yield* hasEnded ? executed(fields, attempt + 1) : PromptWork.execute({ ...fields, attempt })
  })

/**
 * As `Preferences.run`, with the drafts drawn and judged by workers elsewhere: reads the sources, gives the prompts out and
 * writes the rows, the same bytes as one machine writes. It can be ended and called again like that, too; workers go on with
 * what they were given meanwhile.
 */
export const run = (options: RunOptions): Effect.Effect<Summary, Failure, WorkflowEngine | SqlClient> => {
  const known = withDefaults(options, options.inFlight ?? 64)
  const { drafts, job, retries } = known
  const { reward } = options
  return through(options, known, reward, (_, prompt) => executed({ job, prompt, drafts, reward, retries }))
}

export interface LayerOptions {
  /** Where the other processes reach this one; left out: it is no worker and only gives work out. */
  readonly address?: { readonly host: string; readonly port: number } | undefined
  /** Effect's own settings of the cluster; the same for all processes where they say so. */
  readonly sharding?: Partial<ShardingConfig.ShardingConfig["Service"]> | undefined
}

const transport = (isWorker: boolean) => {
  const { layerClientProtocol, layerSocketServer } = NodeClusterSocket
  if (!isWorker) return Layer.provide(SocketRunner.layerClientOnly, layerClientProtocol)
  const health = RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc), Layer.provide(layerClientProtocol))
  return SocketRunner.layer.pipe(Layer.provide([layerSocketServer, layerClientProtocol]), Layer.provide(health))
}

/**
 * The engine of a worker, or of who gives work out, on the PostgreSQL around (`@effect/sql-pg`). Its tables (`cluster_…`)
 * are made where they are not there.
 */
export const layer = (
  options: LayerOptions = {}
): Layer.Layer<WorkflowEngine, SqlError | SocketServerError, SqlClient> => {
  const { address, sharding } = options
  const runnerAddress = Option.map(Option.fromUndefinedOr(address), (of) => new RunnerAddress.RunnerAddress(of))
  return ClusterWorkflowEngine.layer.pipe(
    Layer.provide(transport(address !== undefined)),
    Layer.provide([SqlMessageStorage.layer.pipe(Layer.provide(NodeCrypto.layerDigest)), SqlRunnerStorage.layer]),
    Layer.provide([ShardingConfig.layer({ runnerAddress, ...sharding }), RpcSerialization.layerSchemaBinary()])
  )
}
