"""The Countdown numbers game: make the target from three to six numbers with + - * /, every number used once.

An answer has one line a step, `a op b = c [ what is left ]`, larger operand first, results 1 to 99, the rest ascending.
"""
import random

import numpy as np

from .. import tokenizer as tok
from . import solver
from .problem import Level, Problem, ended, part_of

LOWEST, HIGHEST = 1, 20
LOWEST_TARGET, HIGHEST_TARGET = 10, 99
SOLUTIONS = {3: (2, 10**9), 4: (3, 10**9), 5: (150, 10**9), 6: (1, 50)}
"""Fewest and most solutions by how many numbers; six numbers are the level meant to be out of reach."""
TARGETS_A_SET = {"train": 90, "calibration": 16, "validation": 4, "test": 4}
"""Most problems of one set: many of one are alike, so that a hundred of them would say less than they seem to."""
OP = [tok.single(f" {op}") for op in solver.OPERATIONS]
EQUALS, OPEN, CLOSE = map(tok.single, (" =", " [", " ]"))
MAKE, FROM = map(tok.single, ("Make", " from"))


def answer_tokens(numbers: int) -> int:
    """With the end of text."""
    return sum(7 + left for left in range(1, numbers)) + 1


LEVELS = {f"countdown{n}": Level("countdown", f"countdown{n}", n + 6, answer_tokens(n)) for n in (3, 4, 5, 6)}


def draw_problem(level: str, part: str, rng: random.Random) -> list[Problem]:
    """The problems of one random set of numbers that belongs to the part; none if the set does not."""
    n = int(level[-1])
    numbers = tuple(sorted(rng.randint(LOWEST, HIGHEST) for _ in range(n)))
    if part_of(f"countdown {numbers}") != part:
        return []
    found = solver.ways(np.array([numbers]), solver.ALL_VALUES)[0]
    fewest, most = SOLUTIONS[n]
    targets = [t for t in range(LOWEST_TARGET, HIGHEST_TARGET + 1) if fewest <= found[t] <= most]
    kept = rng.sample(targets, min(len(targets), TARGETS_A_SET[part] if n < 5 else min(8, TARGETS_A_SET[part])))
    return [Problem("countdown", level, (t, numbers)) for t in kept]


def prompt(problem: Problem, rng: random.Random | None = None) -> list[int]:
    """With `rng` the numbers come in random order."""
    target, numbers = problem.data
    order = list(numbers)
    if rng is not None:
        rng.shuffle(order)
    return [tok.USER, MAKE, tok.NUMBER[target], FROM, *(tok.NUMBER[n] for n in order), tok.END, tok.ASSISTANT]


def step_tokens(action: solver.Action) -> list[int]:
    a, op, b, c, left, _ = action
    n = tok.NUMBER
    return [n[a], OP[op], n[b], EQUALS, n[c], OPEN, *(n[i] for i in left), CLOSE]


def walk(problem: Problem, rng: random.Random) -> list[int]:
    """A legal answer with about 1.2 random (mostly bad) steps; the others are uniform over all solutions."""
    target, state = problem.data
    share_random = 1.2 / (len(state) - 1)
    ids: list[int] = []
    while len(state) > 1:
        steps = solver.actions(state, target)
        weights = [s[5] for s in steps]
        if not any(weights) and rng.random() >= share_random:
            step = dead_step(steps, target)
        else:
            if rng.random() < share_random or not any(weights):
                weights = [1] * len(steps)
            step = rng.choices(steps, weights)[0]
        ids += step_tokens(step)
        state = step[4]
    return [*ids, tok.END]


def dead_step(steps: tuple, target: int) -> solver.Action:
    """What a draft does that cannot reach its target any more: the two largest numbers, as near to the target as they come.
    A rule, so that a lost draft is as sure of itself as a good one and its log-probability does not give it away."""
    return min(steps, key=lambda s: (-s[0], -s[2], abs(s[3] - target), s[1]))


def trace(problem: Problem, ids: list[int], targets: np.ndarray | None = None, dead_weight: float = 0.2):
    """Follows an answer token by token. Returns (right, reach): reach[n] = 1 if the target can still be reached after the
    first n tokens. `targets` (zeros, [answer, vocabulary]) receives the exact distribution of the next token: uniform over
    all solutions left; where none is left, `dead_step` with a small weight, so that lost drafts stay well formed."""
    target, state = problem.data
    length = answer_tokens(len(state))
    reach, at = [1] + [0] * length, 0
    while len(state) > 1:
        steps = solver.actions(state, target)
        weighted = [(s, s[5]) for s in steps if s[5]]
        alive = bool(weighted)
        for j in range(3):  # the free tokens: a, op, b
            if targets is not None:
                _choose(targets[at + j], j, weighted, steps if not weighted else (), ids[at : at + j], target, dead_weight)
            given = ids[at + j] if at + j < len(ids) else -1
            weighted = [(s, n) for s, n in weighted if free_token(s, j) == given]
            alive = alive and bool(weighted)
            reach[at + j + 1] = int(alive)
        said = [s for s in steps if all(at + i < len(ids) and free_token(s, i) == ids[at + i] for i in range(3))]
        if not said:
            return 0, reach
        wanted = step_tokens(said[0])
        for j in range(3, len(wanted)):  # the forced tokens: = c [ the rest ]
            if targets is not None:
                targets[at + j, wanted[j]] = 1
            if at + j >= len(ids) or ids[at + j] != wanted[j]:
                return 0, reach
            reach[at + j + 1] = reach[at + 3]
        at, state = at + len(wanted), said[0][4]
    return ended(ids, at, reach, targets)


def _choose(row, j, weighted, steps, said, target, dead_weight):
    if weighted:
        total = sum(n for _, n in weighted)
        for s, n in weighted:
            row[free_token(s, j)] += n / total
        return
    fitting = tuple(s for s in steps if all(free_token(s, i) == t for i, t in enumerate(said)))
    if fitting:
        row[free_token(dead_step(fitting, target), j)] += dead_weight


def free_token(action: solver.Action, j: int) -> int:
    return OP[action[1]] if j == 1 else tok.NUMBER[action[j]]


def step_ends(problem: Problem) -> list[int]:
    """Answer tokens after 0, 1, ... steps."""
    ends = [0]
    for left in range(len(problem.data[1]) - 1, 0, -1):
        ends.append(ends[-1] + 7 + left)
    return ends
