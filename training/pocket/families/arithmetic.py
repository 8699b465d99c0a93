"""Chained arithmetic in words, modulo 100: as hard to check as to solve, since the only check of a product is to multiply."""
import random

import numpy as np

from .. import tokenizer as tok
from .problem import Level, Problem, ended, part_of

PLUS, MINUS, TIMES, IS, START = map(tok.single, (" plus", " minus", " times", " is", "Start"))
OP = {"plus": PLUS, "minus": MINUS, "times": TIMES}
# steps, words, smallest and largest number of a product
SHAPES = {
    "sum2": (2, ("plus", "minus"), 2, 9), "digit4": (4, ("plus", "minus", "times"), 2, 9),
    "wide4": (4, ("plus", "minus", "times"), 11, 99), "product3": (3, ("times",), 11, 39), "product8": (8, ("times",), 11, 99),
}
UNITS = [n for n in range(2, 100) if n % 2 and n % 5]  # a product of others soon stays at 0
LEVELS = {name: Level("arithmetic", name, 5 + 2 * n, 4 * n + 1) for name, (n, *_) in SHAPES.items()}


def apply(value: int, word: str, number: int) -> int:
    return (value + number if word == "plus" else value - number if word == "minus" else value * number) % 100


def draw_problem(level: str, part: str, rng: random.Random) -> list[Problem]:
    steps, words, low, high = SHAPES[level]
    only_products = words == ("times",)
    start = rng.choice(UNITS) if only_products else rng.randint(2, 99)
    chain = []
    for _ in range(steps):
        word = rng.choice(words)
        factors = [n for n in UNITS if low <= n <= high] if only_products else range(low, high + 1)
        chain.append((word, rng.choice(factors) if word == "times" else rng.randint(2, 29)))
    key = f"arithmetic {level} {sorted([start, *(n for _, n in chain)])}"
    return [Problem("arithmetic", level, (start, tuple(chain)))] if part_of(key) == part else []


def prompt(problem: Problem, rng: random.Random | None = None) -> list[int]:
    start, chain = problem.data
    said = [t for word, n in chain for t in (OP[word], tok.NUMBER[n])]
    return [tok.USER, START, tok.NUMBER[start], *said, tok.END, tok.ASSISTANT]


def walk(problem: Problem, rng: random.Random) -> list[int]:
    """With about half a slip an answer: a value that is off by a unit, by ten, or anything."""
    value, chain = problem.data
    ids: list[int] = []
    for word, n in chain:
        value = apply(value, word, n)
        if rng.random() < 0.5 / len(chain):
            value = (value + rng.choice([1, -1, 10, -10, rng.randint(1, 99)])) % 100
        ids += [OP[word], tok.NUMBER[n], IS, tok.NUMBER[value]]
    return [*ids, tok.END]


def trace(problem: Problem, ids: list[int], targets: np.ndarray | None = None, dead_weight: float = 1.0):
    """As countdown.trace. After a slip the chain goes on, rightly, from the wrong value."""
    value, chain = problem.data
    reach, alive = [1] + [0] * (4 * len(chain) + 1), 1
    at = 0
    for word, n in chain:
        wanted = [OP[word], tok.NUMBER[n], IS]
        true = apply(value, word, n)
        for j, token in enumerate(wanted):
            if targets is not None:
                targets[at + j, token] = 1
            if at + j >= len(ids) or ids[at + j] != token:
                return 0, reach
            reach[at + j + 1] = alive
        if targets is not None:
            targets[at + 3, tok.NUMBER[true]] = 1
        said = NUMBER_OF.get(ids[at + 3]) if at + 3 < len(ids) else None
        if said is None:
            return 0, reach
        alive &= int(said == true)
        value, at = said, at + 4
        reach[at] = alive
    return ended(ids, at, reach, targets)


NUMBER_OF = {token: n for n, token in enumerate(tok.NUMBER)}


def step_ends(problem: Problem) -> list[int]:
    return list(range(0, 4 * len(problem.data[1]) + 1, 4))
