import * as Effect from "effect/Effect"
import type { BackendError } from "@mulligan/core/BackendError"
import type { Abilities, Dialect, Server } from "../Dialect.ts"
import { router } from "../dialects/Chat.ts"
import { dialects } from "../dialects/index.ts"
import type { Options } from "../Options.ts"
import { invalid } from "./errors.ts"
import * as Retry from "./Retry.ts"
import { sending, type Wire } from "./Wire.ts"

export interface Identity {
  readonly dialect: Dialect
  readonly can: Abilities
  readonly server: Server
}

interface Place {
  readonly origin: string
  readonly wire: Wire
}

const nothing: Server = { models: [] }

/** The dialect that was asked for by name or value; undefined: the server is asked. */
const wanted = ({ dialect, endpointUrl }: Options): Effect.Effect<Dialect | undefined, BackendError> => {
  if (dialect === undefined) return Effect.succeed(endpointUrl === undefined ? router : undefined)
  if (typeof dialect !== "string") return Effect.succeed(dialect)
  const known = dialects.find(({ name }) => name === dialect)
  if (known !== undefined) return Effect.succeed(known)
  return invalid(
    `No dialect is called ${JSON.stringify(dialect)}.`,
    `There are ${dialects.map((d) => d.name).join(", ")}.`
  )
}

/** A path that the server does not have tells nothing; anything else that goes wrong is the user's to know. */
const probed = ({ wire }: Place, path: string, options: Options) =>
  Retry.retried(wire.get(path), options).pipe(
    Effect.catch((error) =>
      /status 40[45]/.test(error.reason.problem) || error.reason.problem.includes("something else")
        ? Effect.undefined
        : Effect.fail(error)
    )
  )

const recognised = (place: Place, options: Options) =>
  Effect.gen(function* () {
    const known = new Map<string, unknown>()
    for (const dialect of dialects) {
      const { path, recognises } = dialect.probe
      if (!known.has(path)) known.set(path, yield* probed(place, path, options))
      const said = known.get(path)
      if (said !== undefined && recognises(said)) return { dialect, said }
    }
    return yield* invalid(
      `No engine that is known answers at ${place.origin}.`,
      `Check endpointUrl, or name the dialect: ${dialects.map(({ name }) => name).join(", ")}.`
    )
  })

const plainName = /^[\w./:@-]{1,100}$/

const checkModel = ({ origin }: Place, model: string, { models }: Server): Effect.Effect<void, BackendError> => {
  if (models.length === 0 || models.includes(model)) return Effect.void
  const known = models.filter((name) => plainName.test(name)).slice(0, 3)
  return invalid(`${origin} does not serve the model ${model}.`, `It serves ${known.join(", ")}: name one of these.`)
}

const one = (place: Place, options: Options): Effect.Effect<Identity, BackendError> =>
  Effect.gen(function* () {
    const given = yield* wanted(options)
    const { dialect, said } =
      given === undefined
        ? yield* recognised(place, options)
        : { dialect: given, said: given === router ? undefined : yield* probed(place, given.probe.path, options) }
    const details = dialect.details === undefined ? undefined : yield* probed(place, dialect.details, options)
    const server = said === undefined ? nothing : dialect.server(said, details)
    yield* checkModel(place, options.model, server)
    const send = sending(place.wire)
    const can = dialect.learn === undefined ? dialect.can : yield* dialect.learn(options.model, server, send)
    return { dialect, can, server }
  })

const mixed = invalid("The servers of endpointUrl are different engines.", "Put each engine behind a layer of its own.")

/** One probe of each server. One that cannot be reached now is no obstacle as long as another can. */
export const identify = (options: Options, places: ReadonlyArray<Place>): Effect.Effect<Identity, BackendError> =>
  Effect.gen(function* () {
    const tried = yield* Effect.forEach(places, (place) => Effect.result(one(place, options)), {
      concurrency: "unbounded"
    })
    const bad = tried.flatMap((result) => (result._tag === "Failure" ? [result.failure] : []))
    const good = tried.flatMap((result) => (result._tag === "Success" ? [result.success] : []))
    const wrong = bad.find((error) => !error.isTransient)
    const [first] = good
    if (wrong !== undefined) return yield* wrong
    if (first === undefined) return yield* bad[0]!
    if (good.some(({ dialect }) => dialect.name !== first.dialect.name)) return yield* mixed
    return first
  })
