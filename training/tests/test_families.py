"""The solvers and traces that training relies on: python -m pytest training/tests"""
import itertools
import random
from collections import deque

import numpy as np
import pytest

from pocket import families, traffic
from pocket import tokenizer as tok
from pocket.families import countdown, maze, solver
from pocket.families.problem import PARTS

OPERATIONS = {0: lambda a, b: a + b, 1: lambda a, b: a - b, 2: lambda a, b: a * b, 3: lambda a, b: a // b if a % b == 0 else 0}


def count_ways(state, target):
    """By brute force over all distinct steps, without tables."""
    if len(state) == 1:
        return int(state[0] == target)
    found = set()
    for i, j in itertools.permutations(range(len(state)), 2):
        a, b = state[i], state[j]
        rest = [n for k, n in enumerate(state) if k not in (i, j)]
        for op, result in OPERATIONS.items():
            c = result(a, b)
            if a >= b and 1 <= c <= 99:
                found.add((a, op, b, tuple(sorted([*rest, c]))))
    return sum(count_ways(left, target) for *_, left in found)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_the_tables_count_as_brute_force_does(size):
    rng = random.Random(size)
    for _ in range(3 if size == 5 else 12):
        state = tuple(sorted(rng.randint(1, 20) for _ in range(size)))
        values = np.array(rng.sample(range(1, 100), 4))
        counted = solver.ways(np.array([state]), values)[0]
        assert [count_ways(state, v) for v in values] == counted.tolist()


def test_equal_steps_count_once():
    assert solver.ways(np.array([[5, 5]]), np.array([10, 25, 1, 0])).tolist() == [[1, 1, 1, 0]]
    assert len(solver.actions((3, 3, 3), 9)) == 3  # 3+3, 3*3, 3/3


def shortest(size, start, goal, walls):
    found, queue = {start: 0}, deque([start])
    while queue:
        row, column = divmod(queue.popleft(), 10)
        for r, c in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if 0 <= r < size and 0 <= c < size and 10 * r + c not in found and 10 * r + c not in walls:
                found[10 * r + c] = found[10 * row + column] + 1
                queue.append(10 * r + c)
    return found.get(goal)


def test_mazes_have_a_way_of_the_promised_length():
    for level in maze.LEVELS:
        for p in families.problems(level, "train", 60):
            size, start, goal, walls = p.data
            _, _, fewest, most, _ = maze.SHAPES[level]
            assert fewest <= shortest(size, start, goal, set(walls)) <= most


def test_a_fork_is_lost_at_its_first_moves_or_not_at_all():
    rng = random.Random(4)
    for p in families.problems("fork6", "train", 40) + families.problems("fork8", "validation", 5):
        size, cell, goal, walls = p.data
        closed, moves = {*walls, cell}, 0
        while cell != goal:
            legal = [c for _, c in maze.neighbours(cell, size) if c not in closed]
            far = {c: shortest(size, c, goal, closed) for c in legal}
            lost = sum(d is None for d in far.values())
            assert lost > 0 if moves == 0 else (moves < maze.FORKED or lost == 0), p
            nearest = min(d for d in far.values() if d is not None)
            cell = rng.choice([c for c, d in far.items() if d == nearest])
            closed.add(cell)
            moves += 1


def test_a_maze_prefix_is_alive_while_the_goal_can_be_reached():
    rng = random.Random(3)
    for p in families.problems("maze5", "train", 40) + families.problems("fork6", "train", 40):
        size, cell, goal, walls = p.data
        answer = families.walk(p, rng)
        _, reach = families.trace(p, answer)
        closed = {*walls, cell}
        for i in range(0, len(answer) - 1, 2):
            cell = tok.NUMBER.index(answer[i + 1])
            legal = cell not in closed
            closed.add(cell)
            alive = legal and (cell == goal or shortest(size, cell, goal, closed - {goal}) is not None)
            assert reach[i + 2] == int(alive and reach[i]), (p, tok.decode(answer), i)


@pytest.mark.parametrize("level", families.LEVELS)
def test_walks_traces_and_tokens_agree(level):
    rng, shape = random.Random(5), families.LEVELS[level]
    verdicts = []
    for p in families.problems(level, "train", 60):
        prompt, answer = families.prompt(p, rng), families.walk(p, rng)
        assert len(prompt) == shape.prompt and prompt == tok.chat(tok.decode(prompt))
        assert tok.encode(tok.decode(answer)) == answer[: -1 if answer[-1] == tok.END else None]
        targets = np.zeros((shape.answer, tok.VOCABULARY), np.float32)
        right, reach = families.trace(p, answer, targets)
        verdicts.append(right)
        assert len(reach) == shape.answer + 1 and sorted(reach, reverse=True) == reach  # never alive again
        assert np.all(np.isclose(targets.sum(1), 1) | (targets.sum(1) <= 0.21))
        if right:  # every token of a right answer is one that leads on
            taught = [targets[i, t] > 0 for i, t in enumerate(answer)]
            # A detour through a maze may be right, and is not taught.
            assert answer[-1] == tok.END and (all(taught) or (shape.family == "maze" and all(taught[1::2])))
            assert not families.trace(p, answer[:-1])[0]
            broken = list(answer)
            broken[len(broken) // 2] = tok.USER
            assert families.trace(p, broken)[0] == 0
    assert 0 < sum(verdicts) < len(verdicts)


def test_arithmetic_goes_on_rightly_from_a_slip():
    p = families.Problem("arithmetic", "sum2", (50, (("plus", 7), ("minus", 60))))
    right = tok.encode(" plus 7 is 57 minus 60 is 97") + [tok.END]
    slip = tok.encode(" plus 7 is 58 minus 60 is 98") + [tok.END]
    assert families.trace(p, right)[0] == 1
    value, reach = families.trace(p, slip)
    assert value == 0 and reach[:5] == [1, 1, 1, 1, 0]
    targets = np.zeros((9, tok.VOCABULARY), np.float32)
    families.trace(p, slip, targets)
    assert targets[7, tok.NUMBER[98]] == 1


def test_parts_share_no_numbers_and_no_walls():
    def keys(part, level):
        rare = level.startswith(("fork", "countdown")) and part != "train"
        problems = families.problems(level, part, 25 if rare else 300)
        if level.startswith("countdown"):
            return {p.data[1] for p in problems}
        if families.LEVELS[level].family == "maze":  # however they are turned
            return {min(tuple(sorted(t)) for t in maze.turned(p.data[3], p.data[0])) if "fork" in level else p.data[3] for p in problems}
        return {tuple(sorted([p.data[0], *(n for _, n in p.data[1])])) for p in problems}

    for level in families.LEVELS:
        for a, b in itertools.combinations(PARTS, 2):
            assert not keys(a, level) & keys(b, level), (level, a, b)


def test_a_fork_turned_or_mirrored_stays_in_its_part():
    for p in families.problems("fork6", "train", 40):
        size, _, _, walls = p.data
        assert len({maze.split_key(True, size, tuple(sorted(t))) for t in maze.turned(walls, size)}) == 1
    assert len({tuple(sorted(t)) for t in maze.turned((0, 1, 12), 6)}) == 8


def test_another_order_or_target_of_a_tested_set_is_not_trained():
    trained = {p.data[1] for p in families.problems("countdown4", "train", 3000)}
    for p in families.problems("countdown4", "test", 200):
        assert p.data[1] not in trained
    assert all(list(p.data[1]) == sorted(p.data[1]) for p in families.problems("countdown4", "test", 200))


def test_levels_have_the_solutions_that_they_promise():
    for n, (fewest, most) in countdown.SOLUTIONS.items():
        for p in families.problems(f"countdown{n}", "train", 20):
            target, numbers = p.data
            assert fewest <= solver.ways(np.array([numbers]), np.array([target]))[0, 0] <= most


def test_the_mix_has_its_shares():
    by_level = traffic.lists("validation")
    mixed = traffic.mix("validation", by_level)
    total = traffic.MIX["validation"]
    assert len(mixed) == total == len(set(mixed))
    for band, share in traffic.SHARES.items():
        assert sum(p.level in traffic.BANDS[band] for p in mixed) == round(total * share)
