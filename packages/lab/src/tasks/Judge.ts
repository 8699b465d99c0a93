/**
 * The model that judges: a backend beside the one that draws the drafts.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Backend from "@mulligan/core/Backend"

/** A backend of any kind, under a name of its own, so that drafts and verdicts may come from two models. */
export class Judge extends Context.Service<Judge, Backend.Backend["Service"]>()("@mulligan/lab/tasks/Judge") {}

/** Lets the model behind this layer judge. The same layer may draw the drafts too: it is then built once. */
export const layer = <E, R>(backend: Layer.Layer<Backend.Backend, E, R>): Layer.Layer<Judge, E, R> =>
  Layer.effect(Judge, Backend.Backend).pipe(Layer.provide(backend))
