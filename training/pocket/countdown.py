"""The Countdown numbers game: exact solver, problems split by set of numbers, walks, and the trace of an answer.

A problem is (target, numbers): make the target from four numbers with + - * /, every number used once. An answer has one
line a step, `a op b=c [what is left]`, larger operand first, results 1 to 99, division exact, the rest ascending.
"""
import itertools
import random
from functools import lru_cache

import numpy as np

from . import tokenizer as tok

LOWEST, HIGHEST, LARGEST_RESULT = 1, 20, 99
LOWEST_TARGET, HIGHEST_TARGET = 10, 99
FEWEST_SOLUTIONS = 3
STEP_ENDS = (0, 12, 22, 30)  # answer tokens after 0 to 3 steps
ANSWER = 31  # with the end of text
OPERATIONS = "+-*/"

State = tuple[int, ...]
Problem = tuple[int, State]
Action = tuple[int, str, int, int, State]  # a, op, b, result, what is left


@lru_cache(None)
def actions(state: State) -> tuple[Action, ...]:
    """All legal steps from an ascending tuple."""
    out = set()
    for i in range(len(state)):
        for j in range(i):
            a, b = state[i], state[j]
            rest = state[:j] + state[j + 1 : i] + state[i + 1 :]
            for op, c in (("+", a + b), ("-", a - b), ("*", a * b), ("/", a // b if a % b == 0 else 0)):
                if 1 <= c <= LARGEST_RESULT:
                    out.add((a, op, b, c, tuple(sorted((*rest, c)))))
    return tuple(sorted(out))


@lru_cache(None)
def solutions(state: State) -> dict[int, int]:
    """Value -> number of ways to reach it using every number of the state."""
    if len(state) == 1:
        return {state[0]: 1}
    ways: dict[int, int] = {}
    for *_, left in actions(state):
        for value, count in solutions(left).items():
            ways[value] = ways.get(value, 0) + count
    return ways


def problems(seed: int = 0) -> dict[str, list[Problem]]:
    """Every problem with at least FEWEST_SOLUTIONS solutions, split by *set of numbers*: 88% train, 2% held out of the
    policy's training (for calibration), 5% validation, 5% test. No set of one part occurs in another."""
    sets = list(itertools.combinations_with_replacement(range(LOWEST, HIGHEST + 1), 4))
    random.Random(seed).shuffle(sets)
    bounds = [0, *(round(len(sets) * share) for share in (0.05, 0.10, 0.12)), len(sets)]
    parts = {}
    for name, low, high in zip(("test", "validation", "calibration", "train"), bounds, bounds[1:]):
        part = [
            (target, numbers)
            for numbers in sets[low:high]
            for target, ways in sorted(solutions(numbers).items())
            if LOWEST_TARGET <= target <= HIGHEST_TARGET and ways >= FEWEST_SOLUTIONS
        ]
        random.Random(seed + 1).shuffle(part)
        parts[name] = part
    return parts


def step_tokens(action: Action) -> list[int]:
    a, op, b, c, left = action
    ids = [tok.number(a), tok.ID[op], tok.number(b), tok.EQUALS, tok.number(c), tok.OPEN]
    for i, n in enumerate(left):
        ids += [tok.SPACE, tok.number(n)] if i else [tok.number(n)]
    return [*ids, tok.CLOSE if len(left) == 1 else tok.CLOSE_LINE]


def walk(problem: Problem, rng: random.Random, share_random: float = 0.4) -> list[int]:
    """A legal answer whose steps are random (mostly bad) with this probability, else uniform over all solutions."""
    target, state = problem
    ids: list[int] = []
    while len(state) > 1:
        steps = actions(state)
        weights = [solutions(step[4]).get(target, 0) for step in steps]
        if rng.random() < share_random or not any(weights):
            weights = [1] * len(steps)
        step = rng.choices(steps, weights)[0]
        ids += step_tokens(step)
        state = step[4]
    return [*ids, tok.END]


def trace(problem: Problem, ids: list[int], targets: np.ndarray | None = None, dead_weight: float = 0.2):
    """Follows an answer token by token. Returns (right, reach): reach[n] = 1 if the target can still be reached after
    the first n tokens (n = 0 to 31). `targets` (zeros, [31, vocabulary]) receives the exact distribution of the next
    token: uniform over all solutions left; where none is left, uniform over legal steps with a small weight, so that
    hopeless drafts stay well formed."""
    target, state = problem
    reach, at = [1] + [0] * ANSWER, 0
    for _ in range(3):
        steps = actions(state)
        live = [(s, n) for s in steps for n in [solutions(s[4]).get(target, 0)] if n]
        alive = bool(live)
        weighted = live if alive else [(s, 1) for s in steps]
        for j in range(3):  # the free tokens: a, op, b
            if targets is not None and weighted:
                total = sum(n for _, n in weighted)
                for s, n in weighted:
                    targets[at + j, free_token(s, j)] += n / total * (1 if alive else dead_weight)
            given = ids[at + j] if at + j < len(ids) else -1
            weighted = [(s, n) for s, n in weighted if free_token(s, j) == given]
            if alive and not weighted:  # left the solutions; go on as a dead draft if the step is legal at all
                alive = False
                weighted = [(s, 1) for s in steps if all(free_token(s, i) == ids[at + i] for i in range(j + 1))]
            reach[at + j + 1] = int(alive and bool(weighted))
        if not weighted:
            return 0, reach
        step = weighted[0][0]
        wanted = step_tokens(step)
        for j in range(3, len(wanted)):  # the forced tokens: = c [ the rest ]
            if targets is not None:
                targets[at + j, wanted[j]] = 1
            if at + j >= len(ids) or ids[at + j] != wanted[j]:
                return 0, reach
            reach[at + j + 1] = reach[at + 3]
        at, state = at + len(wanted), step[4]
    if targets is not None:
        targets[at, tok.END] = 1
    if at >= len(ids) or ids[at] != tok.END:
        return 0, reach
    reach[at + 1] = reach[at]
    return reach[at], reach


def free_token(action: Action, j: int) -> int:
    return tok.ID[action[1]] if j == 1 else tok.number(action[j])


def prompt(problem: Problem, rng: random.Random | None = None) -> list[int]:
    """The rendered prompt, 19 tokens; with `rng` the numbers come in random order."""
    target, numbers = problem
    order = list(numbers)
    if rng is not None:
        rng.shuffle(order)
    a, b, c, d = map(tok.number, order)
    s = tok.SPACE
    return [tok.USER, tok.MAKE, s, tok.number(target), tok.FROM, s, a, tok.COMMA, s, b, tok.COMMA, s, c,
            tok.AND, s, d, tok.PERIOD, tok.END, tok.ASSISTANT]


PROMPT = 19
