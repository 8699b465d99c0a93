/** What is measured at once: a model, how its weights are stored, how many drafts, how long a prompt. */
export interface Cell {
  readonly model: "smol" | "pocket"
  readonly precision: "fp32" | "int4" | "fp16"
  readonly n: number
  /** Tokens. */
  readonly prompt: number
}

/** The pocket model's context holds 256 tokens, so no prompt of 512. */
const prompts = { smol: [512, 128], pocket: [128] } as const

/** The cell that a figure means unless its name says otherwise. */
export const headline: Cell = { model: "smol", precision: "fp32", n: 16, prompt: 512 }

const onCpu: ReadonlyArray<Cell> = (["smol", "pocket"] as const).flatMap((model) =>
  (["fp32", "int4"] as const).flatMap((precision) =>
    prompts[model].flatMap((prompt) => [16, 4, 1].map((n) => ({ model, precision, n, prompt })))
  )
)

/** The attention of the limit has half precision alone there. */
const onCuda: ReadonlyArray<Cell> = (["fp16", "fp32"] as const).flatMap((precision) =>
  [64, 16, 4, 1].map((n) => ({ model: "smol", precision, n, prompt: 512 }) as const)
)

export const all = { cpu: onCpu, cuda: onCuda } as const
export type Device = keyof typeof all

export const nameOf = ({ model, n, precision, prompt }: Cell): string => `${model}_${precision}_${n}_${prompt}`

/** `smol fp32 16 512`, several with commas between; a part left out at the end stands for all of its kind. Throws if none fit. */
export const select = (wanted: string, device: Device = "cpu"): ReadonlyArray<Cell> => {
  const patterns = wanted.split(",").map((pattern) => pattern.trim().split(/\s+/))
  const fits = (cell: Cell) => {
    const parts = nameOf(cell).split("_")
    return patterns.some((pattern) => pattern.every((part, i) => part === parts[i]))
  }
  const cells = all[device].filter(fits)
  if (cells.length === 0) throw new Error(`No cell fits "${wanted}". There are: ${all[device].map(nameOf).join(", ")}.`)
  return cells
}
