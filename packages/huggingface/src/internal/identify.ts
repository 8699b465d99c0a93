import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
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
const probed = ({ wire }: Place, path: string, options: Options) => Retry.retried(wire.get(path), options)

const recognised = (place: Place, options: Options) =>
  Effect.gen(function* () {
    const known = new Map<string, unknown>()
    for (const dialect of dialects) {
      const { path, recognises } = dialect.probe
      if (!known.has(path)) {
        // Whoever answered before may refuse a path that he does not have in any way that he likes.
        const isAnswered = [...known.values()].some((json) => json !== undefined)
        const found = Effect.catchIf(
          probed(place, path, options),
          (e) => isAnswered && !e.isTransient,
          () => Effect.undefined
        )
        known.set(path, yield* found)
      }
      const said = known.get(path)
      if (said !== undefined && recognises(said)) return { dialect, said, known }
    }
    return yield* invalid(
      `No engine that is known answers at ${place.origin}.`,
      `Check endpointUrl, or name the dialect: ${dialects.map(({ name }) => name).join(", ")}.`
    )
  })

/** Nothing need be recognised; the router, which lists thousands of models, is asked nothing at all. */
const told = (place: Place, dialect: Dialect, options: Options) =>
  Effect.gen(function* () {
    const said = dialect === router ? undefined : yield* probed(place, dialect.probe.path, options)
    return { dialect, said, known: new Map<string, unknown>() }
  })

const plainName = /^[\w./:@-]{1,100}$/

/** A server that calls its models by the token that it was sent would have it printed. */
const isSecret = (name: string, { accessToken = "" }: Options): boolean => {
  const token = Redacted.isRedacted(accessToken) ? (Redacted.value(accessToken) as string) : accessToken
  return token !== "" && name.includes(token)
}

/** Nor is it told as a version. */
const unsaid = (server: Server, options: Options): Server =>
  server.version !== undefined && isSecret(server.version, options) ? { ...server, version: undefined } : server

const checkModel = ({ origin }: Place, options: Options, { models }: Server): Effect.Effect<void, BackendError> => {
  const { model } = options
  if (models.length === 0 || models.includes(model)) return Effect.void
  const known = models.filter((name) => plainName.test(name) && !isSecret(name, options)).slice(0, 3)
  const advice =
    known.length === 0 ? "GET /v1/models lists what it serves." : `It serves ${known.join(", ")}: name one of these.`
  return invalid(`${origin} does not serve the model ${model}.`, advice)
}

const one = (place: Place, options: Options): Effect.Effect<Identity, BackendError> =>
  Effect.gen(function* () {
    const given = yield* wanted(options)
    const { dialect, known, said } =
      given === undefined ? yield* recognised(place, options) : yield* told(place, given, options)
    const { details: more } = dialect
    const details = more === undefined ? undefined : (known.get(more) ?? (yield* probed(place, more, options)))
    const server = said === undefined ? nothing : unsaid(dialect.server(said, details), options)
    yield* checkModel(place, options, server)
    const send = sending(place.wire, dialect)
    const can =
      dialect.learn === undefined
        ? dialect.can
        : yield* Retry.retried(dialect.learn(options.model, server, send), options)
    return { dialect, can, server }
  })

const smallest = (values: ReadonlyArray<number | undefined>): number | undefined => {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

/** What every one of them has: a draft may go on at any. */
const least = (servers: ReadonlyArray<Server>): Server => ({
  ...servers[0]!,
  context: smallest(servers.map(({ context }) => context)),
  slots: smallest(servers.map(({ slots }) => slots))
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
    return { ...first, server: least(good.map(({ server }) => server)) }
  })
