/**
 * Optimum's merged decoders: one graph that holds a decoder without past and one with it, as the branches of one `If`. The
 * one with past does both, so it takes the place of the `If`, and nothing is left of the other.
 */
import { Graph, Unfit } from "./Graph.ts"
import { type Model, type Node, type Parts, partsOf } from "./Model.ts"
import { fields, Message, text } from "./Wire.ts"

/** The input that says which branch. */
export const SWITCH = "use_cache_branch"

/** A message with some of its fields changed, by their numbers. */
const changed = (bytes: Uint8Array, by: Record<number, (bytes: Uint8Array) => Uint8Array>): Uint8Array => {
  const out = new Message()
  for (const { bytes: inner, number, raw } of fields(bytes)) {
    const change = by[number]
    if (change === undefined) out.raw(raw)
    else out.bytes(number, change(inner))
  }
  return out.finish()
}

const encoder = new TextEncoder()

/** A GraphProto with other names for its values, in the graphs of its nodes too. */
const renamed = (bytes: Uint8Array, names: ReadonlyMap<string, string>): Uint8Array => {
  const name = (old: Uint8Array) => encoder.encode(names.get(text(old)) ?? text(old))
  const value = (info: Uint8Array) => changed(info, { 1: name })
  const tensor = (raw: Uint8Array) => changed(raw, { 8: name })
  const attribute = (raw: Uint8Array): Uint8Array => changed(raw, { 6: graph, 11: graph })
  const node = (raw: Uint8Array) => changed(raw, { 1: name, 2: name, 5: attribute })
  const graph = (raw: Uint8Array): Uint8Array => changed(raw, { 1: node, 5: tensor, 11: value, 12: value })
  return graph(bytes)
}

/** The `If` that the input switches. */
const switched = (model: Model): Node => {
  const [node, ...others] = model.nodes.filter(({ inputs }) => inputs.includes(SWITCH))
  if (node?.op !== "If" || others.length > 0) throw new Unfit(`${SWITCH} switches something else than one If`)
  return node
}

const none = new Uint8Array(0)

const branchOf = (node: Node, name: "then_branch" | "else_branch"): Uint8Array =>
  fields(node.attributes.get(name) ?? none).find(({ number }) => number === 6)?.bytes ?? none

const givenBy = ({ nodes, tensors }: Parts): ReadonlyArray<string> => [
  ...nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== "")),
  ...tensors.map(({ name }) => name)
]

/** Names for what a branch gives: its outputs are the If's, and nothing is called as something around it. */
const namesOf = (model: Model, node: Node, branch: Parts): Map<string, string> => {
  const names = new Map<string, string>()
  const made = new Set(branch.nodes.flatMap(({ outputs }) => outputs))
  branch.outputs.forEach(({ name }, i) => {
    if (made.has(name) && !names.has(name)) names.set(name, node.outputs[i]!)
  })
  const inner = givenBy(branch)
  const taken = new Set([...givenBy(model), ...model.inputs.map(({ name }) => name)])
  const all = new Set([...taken, ...inner])
  const other = (name: string, count = 1): string =>
    all.has(`${name}.${count}`) ? other(name, count + 1) : `${name}.${count}`
  for (const name of inner) {
    if (names.has(name) || !taken.has(name)) continue
    const free = other(name)
    names.set(name, free)
    all.add(free)
  }
  return names
}

/** Outputs that the branch only passes on: a weight, a value from around it, or one that it gives already. */
const passedOn = (node: Node, branch: Parts, names: ReadonlyMap<string, string>): ReadonlyArray<Node> =>
  branch.outputs.flatMap(({ name }, i) => {
    const inner = names.get(name) ?? name
    const output = node.outputs[i]!
    return inner === output
      ? []
      : [{ op: "Identity", domain: "", inputs: [inner], outputs: [output], attributes: new Map() }]
  })

/** A model with a branch in the place of the `If`. */
const replaced = (model: Model, node: Node, bytes: Uint8Array): Model => {
  const old = partsOf(bytes)
  if (old.outputs.length !== node.outputs.length) throw new Unfit("a branch with past that gives something else")
  const names = namesOf(model, node, old)
  const branch = partsOf(renamed(bytes, names))
  return {
    ...model,
    graphRest: [...model.graphRest, ...branch.graphRest],
    nodes: [...model.nodes.filter((other) => other !== node), ...branch.nodes, ...passedOn(node, old, names)],
    tensors: [...model.tensors, ...branch.tensors],
    inputs: model.inputs.filter(({ name }) => name !== SWITCH)
  }
}

/** Whether an input chooses between branches. */
export const isMerged = ({ inputs }: Pick<Model, "inputs">): boolean => inputs.some(({ name }) => name === SWITCH)

/** A merged model with its branch with past in the place of the `If`, and only what that needs. Throws `Unfit` where it is made otherwise. */
export const inline = (model: Model): Model => {
  const node = switched(model)
  const whole = replaced(model, node, branchOf(node, "then_branch"))
  const finished = new Graph(whole).finish()
  const unread = whole.inputs.filter((input) => !finished.inputs.includes(input)).map(({ name }) => name)
  if (unread.length > 0) throw new Unfit(`a branch with past that does not read ${unread.slice(0, 3).join(", ")}`)
  return finished
}
