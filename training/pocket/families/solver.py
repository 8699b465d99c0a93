"""How many ways lead from a set of numbers to a value, with + - * /, every number used once: exact, by tables.

A state is an ascending tuple of numbers from 1 to 99. A step takes two of them (the larger first), its result is 1 to 99 and
division is exact. Two equal steps of one state count once.
"""
from functools import lru_cache

import numpy as np

LARGEST = 99
OPERATIONS = "+-*/"


def expand(states: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every distinct legal step of each state [S, m]: the state's row [K], the steps (a, operation, b, c) [K, 4] and what is
    left, ascending [K, m - 1]. Rows come in order; every state has a step."""
    size, m = states.shape
    low, high = np.triu_indices(m, 1)
    b, a = states[:, low], states[:, high]
    quotient = np.where(a % b == 0, a // b, 0)
    c = np.stack([a + b, a - b, a * b, quotient], -1)
    same = states[:, :, None] == states[:, None, :]
    first = same.argmax(2)  # the first place of an equal number
    distinct = first[:, low] == low
    distinct &= np.where(a == b, high == low + 1, first[:, high] == high)
    row, pair, op = np.nonzero(distinct[:, :, None] & (c >= 1) & (c <= LARGEST))
    rest = np.array([[k for k in range(m) if k not in (i, j)] for i, j in zip(low, high)], dtype=int).reshape(len(low), m - 2)
    c = c[row, pair, op]
    left = np.sort(np.concatenate([states[row[:, None], rest[pair]], c[:, None]], 1), 1)
    return row, np.stack([a[row, pair], op, b[row, pair], c], 1), left


@lru_cache(None)
def pairs() -> np.ndarray:
    """Ways of every state of two numbers: [100, 100, 100], the last axis is the value."""
    states = np.array([(x, y) for x in range(1, LARGEST + 1) for y in range(x, LARGEST + 1)])
    row, _, left = expand(states)
    table = np.zeros((LARGEST + 1,) * 3, np.uint8)
    np.add.at(table, (states[row, 0], states[row, 1], left[:, 0]), 1)
    return table


@lru_cache(None)
def triples() -> tuple[np.ndarray, np.ndarray]:
    """The row of every state of three numbers [100, 100, 100], and its ways [rows, 100]."""
    grid = np.indices((LARGEST + 1,) * 3).reshape(3, -1).T
    states = grid[(grid[:, 0] >= 1) & (grid[:, 0] <= grid[:, 1]) & (grid[:, 1] <= grid[:, 2])]
    place = np.zeros((LARGEST + 1,) * 3, np.int32)
    place[tuple(states.T)] = np.arange(len(states))
    row, _, left = expand(states)
    table = np.zeros((len(states), LARGEST + 1), np.uint8)
    starts = np.searchsorted(row, np.arange(len(states)))
    table[:] = np.add.reduceat(pairs()[left[:, 0], left[:, 1]], starts, dtype=np.uint8)
    return place, table


def ways(states: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[S, m] -> [S, len(values)]: the number of ways to reach each value."""
    m = states.shape[1]
    if m == 1:
        return (states == values[None]).astype(np.int64)
    if m == 2:
        return pairs()[states[:, 0], states[:, 1]][:, values].astype(np.int64)
    if m == 3:
        place, table = triples()
        return table[place[tuple(states.T)][:, None], values[None]].astype(np.int64)
    row, _, left = expand(states)
    unique, back = np.unique(left @ (100 ** np.arange(m - 1)), return_inverse=True)
    children = unique[:, None] // 100 ** np.arange(m - 1) % 100
    starts = np.searchsorted(row, np.arange(len(states)))
    return np.add.reduceat(ways(children, values)[back], starts)


ALL_VALUES = np.arange(LARGEST + 1)

Action = tuple[int, int, int, int, tuple[int, ...], int]  # a, operation, b, c, what is left, ways from there


@lru_cache(200_000)
def actions(state: tuple[int, ...], target: int) -> tuple[Action, ...]:
    """All legal steps, each with the number of ways to the target that are left after it."""
    _, steps, left = expand(np.array([state]))
    count = ways(left, np.array([target]))[:, 0]
    return tuple((*map(int, s), tuple(map(int, l)), int(n)) for s, l, n in zip(steps, left, count))
