"""A path through a small grid with walls: cells are named by row and column (23 is row 2, column 3); an answer names each move
and the cell that it leads to, enters no wall, no cell twice, and ends at the goal.

In a `maze` a wrong turn can be taken anywhere. In a `fork` there is one at the start, and none that can be taken after the
second move: what goes wrong there can be known early.
"""
import random
from collections import deque
from functools import lru_cache

import numpy as np

from .. import tokenizer as tok
from .problem import Level, Problem, ended, part_of

MOVES = {" up": -10, " down": 10, " left": -1, " right": 1}
MOVE = {tok.single(word): step for word, step in MOVES.items()}
TOKEN = {step: token for token, step in MOVE.items()}
GRID, FROM, TO, WALLS = map(tok.single, ("Grid", " from", " to", " walls"))
# size, walls, fewest and most steps of the shortest path, most steps of an answer
SHAPES = {
    "maze4": (4, 4, 3, 7, 10), "maze5": (5, 8, 5, 11, 14), "maze7": (7, 16, 8, 14, 16),
    "fork6": (6, 15, 7, 14, 16), "fork8": (8, 25, 9, 15, 16), "fork9": (9, 32, 10, 17, 18),
}
FORKED = 2  # moves at which a fork has its wrong turns
LEVELS = {name: Level("maze", name, 10 + walls, 2 * most + 1) for name, (_, walls, _, _, most) in SHAPES.items()}


@lru_cache(None)
def neighbours(cell: int, size: int) -> tuple[tuple[int, int], ...]:
    """(move, where it leads) of the moves that stay in the grid."""
    inside = lambda row, column: 0 <= row < size and 0 <= column < size
    down = {step: round(step / 10) for step in MOVES.values()}
    return tuple((s, cell + s) for s, d in down.items() if inside(cell // 10 + d, cell % 10 + s - 10 * d))


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


def turned(cells: tuple[int, ...], size: int) -> list[tuple[int, ...]]:
    """The eight ways to turn and mirror a grid, applied to its cells."""
    last, out = size - 1, []
    for mirror in (False, True):
        now = [(c // 10, last - c % 10 if mirror else c % 10) for c in cells]
        for _ in range(4):
            out.append(tuple(10 * row + column for row, column in now))
            now = [(column, last - row) for row, column in now]
    return out


@lru_cache(None)
def orbit(cell: int, size: int) -> int:
    """What is the same of a cell however the grid is turned or mirrored."""
    return min(t[0] for t in turned((cell,), size))


def split_key(fork: bool, size: int, closed: tuple[int, ...]) -> str:
    """What decides a grid's part: its walls; of a fork, which is trained in all eight positions, the same in each."""
    return f"maze {size} {sorted(orbit(c, size) for c in closed) if fork else closed}"


def draw_problem(level: str, part: str, rng: random.Random) -> list[Problem]:
    """The walls of a random grid that belongs to the part, with a start and a goal far enough apart; none if there is none.
    Forks are rare, so each is trained turned and mirrored as well; those belong to its part."""
    size, walls, fewest, most, _ = SHAPES[level]
    cells = [10 * r + c for r in range(size) for c in range(size)]
    closed = tuple(sorted(rng.sample(cells, walls)))
    fork = level.startswith("fork")
    if part_of(split_key(fork, size, closed)) != part:
        return []
    goal = rng.choice([c for c in cells if c not in closed])
    far = distances(goal, size, frozenset(closed))
    starts = [c for c, d in far.items() if fewest <= d <= most]
    if fork:  # a wrong turn leads away
        starts = [s for s in starts if any(far.get(n) == far[s] + 1 for _, n in neighbours(s, size)) and forks(s, goal, size, frozenset(closed))]
    if not starts:
        return []
    place = (rng.choice(starts), goal, *closed)
    places = turned(place, size) if fork and part in ("train", "calibration") else [place]
    return [Problem("maze", level, (size, start, goal, tuple(sorted(walls)))) for start, goal, *walls in places]


def forks(start: int, goal: int, size: int, closed: frozenset) -> bool:
    """Whether one wrong turn or more can be taken at the start, and none after the first FORKED moves of a shortest way."""
    lost = wrong_turns(start, goal, size, closed | {start})
    return bool(lost[0]) and not late_turns(start, goal, size, closed | {start}, lost[1], FORKED - 1)


def wrong_turns(cell: int, goal: int, size: int, closed: frozenset) -> tuple[int, list[int]]:
    """How many open moves lead where the goal cannot be reached any more; and the moves of shortest ways."""
    reaching, best = options(cell, goal, size, closed)
    return sum(other not in closed for _, other in neighbours(cell, size)) - len(reaching), best


def late_turns(cell: int, goal: int, size: int, closed: frozenset, best: list[int], left: int) -> bool:
    for step in best:
        following = cell + step
        if following == goal:
            continue
        lost, onward = wrong_turns(following, goal, size, closed | {following})
        if (left <= 0 and lost) or late_turns(following, goal, size, closed | {following}, onward, left - 1):
            return True
    return False


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
    """Shortest ways with random moves in between, about one an answer, in a fork mostly where it can go wrong; once lost,
    straight on."""
    size, cell, goal, walls = problem.data
    most = SHAPES[problem.level][4]
    closed = frozenset((*walls, cell))
    fork, ids, alive = problem.level.startswith("fork"), [], True
    while cell != goal and len(ids) < 2 * most:
        _, best = options(cell, goal, size, closed) if alive else ([], [])
        alive = bool(best)
        open_moves = [s for s, _ in neighbours(cell, size)]
        share_random = (0.4 if len(ids) < 2 * FORKED else 1.0 / most) if fork else 2.0 / most
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
