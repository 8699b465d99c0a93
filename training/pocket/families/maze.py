"""A path through a small grid with walls: cells are named by row and column (23 is row 2, column 3); an answer names each move
and the cell that it leads to, enters no wall, no cell twice, and ends at the goal."""
import random
from collections import deque

import numpy as np

from .. import tokenizer as tok
from .problem import Level, Problem, ended, part_of

MOVES = {" up": -10, " down": 10, " left": -1, " right": 1}
MOVE = {tok.single(word): step for word, step in MOVES.items()}
TOKEN = {step: token for token, step in MOVE.items()}
GRID, FROM, TO, WALLS = map(tok.single, ("Grid", " from", " to", " walls"))
# size, walls, fewest and most steps of the shortest path, most steps of an answer
SHAPES = {
    "maze4": (4, 4, 3, 7, 10), "maze5": (5, 8, 5, 11, 14), "maze6": (6, 12, 7, 14, 16), "maze7": (7, 16, 8, 14, 16),
    "maze8": (8, 20, 9, 14, 16), "maze8dense": (8, 25, 11, 15, 16),
}
LEVELS = {name: Level("maze", name, 10 + walls, 2 * most + 1) for name, (_, walls, _, _, most) in SHAPES.items()}


def neighbours(cell: int, size: int):
    for step in MOVES.values():
        row, column = divmod(cell + step, 10) if cell + step >= 0 else (-1, 0)
        if 0 <= row < size and 0 <= column < size and (abs(step) == 10 or row == cell // 10):
            yield step, cell + step


def distances(goal: int, size: int, closed: frozenset) -> dict[int, int]:
    """Steps to the goal from every cell that reaches it without entering a closed one."""
    found, queue = {goal: 0}, deque([goal])
    while queue:
        cell = queue.popleft()
        for _, other in neighbours(cell, size):
            if other not in found and other not in closed:
                found[other] = found[cell] + 1
                queue.append(other)
    return found


def draw_problem(level: str, part: str, rng: random.Random) -> list[Problem]:
    """The walls of a random grid that belongs to the part, with a start and a goal far enough apart; none if there is none."""
    size, walls, fewest, most, _ = SHAPES[level]
    cells = [10 * r + c for r in range(size) for c in range(size)]
    closed = tuple(sorted(rng.sample(cells, walls)))
    if part_of(f"maze {size} {closed}") != part:
        return []
    goal = rng.choice([c for c in cells if c not in closed])
    starts = [c for c, d in distances(goal, size, frozenset(closed)).items() if fewest <= d <= most]
    return [Problem("maze", level, (size, rng.choice(starts), goal, closed))] if starts else []


def prompt(problem: Problem, rng: random.Random | None = None) -> list[int]:
    size, start, goal, walls = problem.data
    n = tok.NUMBER
    return [tok.USER, GRID, n[size], FROM, n[start], TO, n[goal], WALLS, *(n[w] for w in walls), tok.END, tok.ASSISTANT]


def straight(cell: int, goal: int) -> int:
    """What a lost draft does: go for the goal, rows first, as if nothing were in the way. A rule, so that it is as sure of
    itself as a good one, and ends as a good one does."""
    if cell // 10 != goal // 10:
        return 10 if cell // 10 < goal // 10 else -10
    return 1 if cell < goal else -1


def options(cell: int, goal: int, size: int, closed: frozenset) -> tuple[list[int], list[int]]:
    """The moves that lead to the goal, and those of them that a shortest way takes."""
    far = distances(goal, size, closed)
    reaching = [(step, far[other]) for step, other in neighbours(cell, size) if other in far and other not in closed]
    nearest = min((d for _, d in reaching), default=0)
    return [s for s, _ in reaching], [s for s, d in reaching if d == nearest]


def walk(problem: Problem, rng: random.Random) -> list[int]:
    """Shortest ways with random moves in between, about one an answer; once lost, straight on."""
    size, cell, goal, walls = problem.data
    most = SHAPES[problem.level][4]
    closed = frozenset((*walls, cell))
    share_random, ids, alive = 2.0 / most, [], True
    while cell != goal and len(ids) < 2 * most:
        _, best = options(cell, goal, size, closed) if alive else ([], [])
        alive = bool(best)
        open_moves = [s for s, _ in neighbours(cell, size)]
        if rng.random() < share_random:
            step = rng.choice(open_moves)
        else:
            step = rng.choice(best) if best else straight(cell, goal)
        cell += step
        alive = alive and cell not in closed
        closed |= {cell}
        ids += [TOKEN[step], tok.NUMBER[cell]]
    return [*ids, tok.END]


def trace(problem: Problem, ids: list[int], targets: np.ndarray | None = None, dead_weight: float = 0.2):
    """As countdown.trace: (right, reach), and the exact next-token distributions: uniform over the moves of shortest ways."""
    size, cell, goal, walls = problem.data
    length = LEVELS[problem.level].answer
    closed, alive, at = frozenset((*walls, cell)), True, 0
    reach = [1] + [0] * length
    while cell != goal and at + 1 < length:
        reaching, best = options(cell, goal, size, closed) if alive else ([], [])
        if targets is not None:
            for step in best:
                targets[at, TOKEN[step]] += 1 / len(best)
            if not best:
                targets[at, TOKEN[straight(cell, goal)]] += dead_weight
        step = MOVE.get(ids[at]) if at < len(ids) else None
        if step is None or not 0 <= cell + step < 100 or not any(s == step for s, _ in neighbours(cell, size)):
            return 0, reach
        alive = alive and step in reaching
        cell += step
        closed |= {cell}
        reach[at + 1] = int(alive)
        if targets is not None:
            targets[at + 1, tok.NUMBER[cell]] = 1
        if at + 1 >= len(ids) or ids[at + 1] != tok.NUMBER[cell]:
            return 0, reach
        reach[at + 2] = int(alive)
        at += 2
    if cell != goal:
        return 0, reach
    return ended(ids, at, reach, targets)


def step_ends(problem: Problem) -> list[int]:
    return list(range(0, LEVELS[problem.level].answer, 2))
