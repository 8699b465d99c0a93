/**
 * A path through a small grid with walls. Cells are named row * 10 + column, so 7 is row 0, column 7. An answer names each
 * move and the cell that it leads to, enters no wall and no cell twice, and ends at the goal.
 */
import { BadQuestion, type Task } from "./Task.ts"

export const example = "Grid 4 from 0 to 33 walls 1 12 21 30"

const ask = `Ask like this: "${example}", where 12 is row 1, column 2.`

/** By the size of the grid: most walls, and most steps of an answer. */
const KNOWN: Readonly<Record<number, { readonly walls: number; readonly steps: number }>> = {
  4: { walls: 4, steps: 10 },
  5: { walls: 8, steps: 14 },
  6: { walls: 15, steps: 16 },
  7: { walls: 16, steps: 16 },
  8: { walls: 25, steps: 16 },
  9: { walls: 32, steps: 18 }
}

const MOVES: ReadonlyMap<string, number> = new Map([
  ["up", -10],
  ["down", 10],
  ["left", -1],
  ["right", 1]
])

interface Grid {
  readonly size: number
  readonly start: number
  readonly goal: number
  readonly walls: ReadonlyArray<number>
}

/** Undefined where the question is of another family; throws `BadQuestion` where nobody can answer it. */
export const parse = (text: string): Task | undefined => {
  if (!/^\s*grid\b/i.test(text)) return undefined
  const words = text
    .replace(/[\s.!?]+$/, "")
    .replaceAll(/[\s,:]+(?:and\b[\s,:]*)?/gi, " ")
    .trim()
  const match = /^grid (\d+) from (\d+) to (\d+)(?: walls?((?: \d+)*))?$/i.exec(words)
  if (match === null)
    throw new BadQuestion(`A question names the size of a grid, a start, a goal and the walls. ${ask}`)
  const [size, start, goal] = match.slice(1, 4).map(Number) as [number, number, number]
  const walls = (match[4] ?? "").split(" ").filter(Boolean).map(Number)
  const grid = { size, start, goal, walls: [...new Set(walls)].toSorted((a, b) => a - b) }
  const { steps } = check(grid)
  const prompt = `Grid ${size} from ${start} to ${goal} ${["walls", ...grid.walls].join(" ")}`
  return { family: "maze", prompt, isRight: (answer) => isRight(grid, steps, answer) }
}

/** No grid has a column 9, so a step over the edge of a row is outside too. */
const isInside = (cell: number, size: number) => cell >= 0 && Math.floor(cell / 10) < size && cell % 10 < size

const check = (grid: Grid) => {
  const { goal, size, start, walls } = grid
  const known = KNOWN[size]
  if (known === undefined) throw new BadQuestion(`The pocket model knows grids of size 4 to 9; this one has ${size}.`)
  const outside = [start, goal, ...walls].find((cell) => !isInside(cell, size))
  if (outside !== undefined)
    throw new BadQuestion(
      `${outside} is not in a grid of size ${size}: rows and columns go from 0 to ${size - 1}. ${ask}`
    )
  if (walls.length > known.walls)
    throw new BadQuestion(
      `On a grid of size ${size} the pocket model knows up to ${known.walls} walls, not ${walls.length}.`
    )
  if (start === goal) throw new BadQuestion(`The start is the goal: there is nothing to walk. ${ask}`)
  if (walls.includes(start)) throw new BadQuestion(`The start, ${start}, is a wall.`)
  if (walls.includes(goal)) throw new BadQuestion(`The goal, ${goal}, is a wall.`)
  const steps = shortest(grid)
  if (steps === undefined) throw new BadQuestion(`No way leads from ${start} to ${goal}: no draft could be right.`)
  if (steps > known.steps)
    throw new BadQuestion(
      `The way from ${start} to ${goal} takes ${steps} steps; the pocket model walks ${known.steps}.`
    )
  return known
}

/** Steps of a shortest way, by breadth first. */
const shortest = ({ goal, size, start, walls }: Grid): number | undefined => {
  const closed = new Set([...walls, start])
  let edge: ReadonlyArray<number> = [start]
  for (let steps = 0; edge.length > 0; steps++) {
    if (edge.includes(goal)) return steps
    edge = edge.flatMap((cell) =>
      [...MOVES.values()].flatMap((step) => {
        const next = cell + step
        if (!isInside(next, size) || closed.has(next)) return []
        closed.add(next)
        return [next]
      })
    )
  }
  return undefined
}

/** Every move named with the cell it leads to, through no wall and no cell twice, the goal at the end and only there. */
const isRight = ({ goal, size, start, walls }: Grid, most: number, answer: string): boolean => {
  const words = answer.trim().split(" ")
  const closed = new Set([...walls, start])
  let cell = start
  let at = 0
  for (; cell !== goal && at < 2 * most; at += 2) {
    const next = cell + (MOVES.get(words[at] ?? "") ?? Number.NaN)
    if (!isInside(next, size) || closed.has(next) || words[at + 1] !== String(next)) return false
    closed.add(next)
    cell = next
  }
  return cell === goal && at === words.length
}
