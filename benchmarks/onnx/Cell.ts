/** What is measured at once: a model, how its weights are stored, how many drafts, how long a prompt. */
export interface Cell {
  readonly model: "smol" | "pocket"
  readonly precision: "fp32" | "int4"
  readonly n: number
  /** Tokens. */
  readonly prompt: number
}

/** The pocket model's context holds 256 tokens, so no prompt of 512. */
const prompts = { smol: [512, 128], pocket: [128] } as const
const precisions = ["fp32", "int4"] as const

/** The cell that a figure means unless its name says otherwise. */
export const headline: Cell = { model: "smol", precision: "fp32", n: 16, prompt: 512 }

export const all: ReadonlyArray<Cell> = (["smol", "pocket"] as const).flatMap((model) =>
  precisions.flatMap((precision) =>
    prompts[model].flatMap((prompt) => [16, 4, 1].map((n) => ({ model, precision, n, prompt })))
  )
)

export const nameOf = ({ model, n, precision, prompt }: Cell): string => `${model}_${precision}_${n}_${prompt}`

/** `smol fp32 16 512`, several with commas between; a part left out at the end stands for all of its kind. Throws if none fit. */
export const select = (wanted: string): ReadonlyArray<Cell> => {
  const patterns = wanted.split(",").map((pattern) => pattern.trim().split(/\s+/))
  const fits = (cell: Cell) => {
    const parts = nameOf(cell).split("_")
    return patterns.some((pattern) => pattern.every((part, i) => part === parts[i]))
  }
  const cells = all.filter(fits)
  if (cells.length === 0) throw new Error(`No cell fits "${wanted}". There are: ${all.map(nameOf).join(", ")}.`)
  return cells
}
