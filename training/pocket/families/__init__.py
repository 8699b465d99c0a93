"""The task families, each a module with LEVELS, draw_problem, prompt, walk, trace and step_ends."""
import random

from . import arithmetic, countdown, maze
from .problem import Level, Problem

FAMILIES = {"countdown": countdown, "maze": maze, "arithmetic": arithmetic}
LEVELS: dict[str, Level] = {name: level for module in FAMILIES.values() for name, level in module.LEVELS.items()}


def problems(level: str, part: str, count: int, seed: int = 0) -> list[Problem]:
    """Distinct random problems of a level in a part, always the same ones for a seed; fewer where there are fewer."""
    rng = random.Random(f"{level} {part} {seed}")
    found: dict[Problem, None] = {}
    misses = 0
    while len(found) < count and misses < 50_000:
        before = len(found)
        for problem in FAMILIES[LEVELS[level].family].draw_problem(level, part, rng):
            found[problem] = None
        misses = 0 if len(found) > before else misses + 1
    out = list(found)[: count + 100]
    rng.shuffle(out)
    return out[:count]


def prompt(problem: Problem, rng: random.Random | None = None) -> list[int]:
    return FAMILIES[problem.family].prompt(problem, rng)


def walk(problem: Problem, rng: random.Random) -> list[int]:
    return FAMILIES[problem.family].walk(problem, rng)


def trace(problem: Problem, ids: list[int], targets=None):
    return FAMILIES[problem.family].trace(problem, ids, targets)


def step_ends(problem: Problem) -> list[int]:
    return FAMILIES[problem.family].step_ends(problem)


def typical_tokens(level: str) -> int:
    """Tokens of a right answer, without the end of text: the median of a hundred."""
    rng = random.Random(0)
    lengths = []
    for problem in problems(level, "train", 100):
        answer = walk(problem, rng)
        while not trace(problem, answer)[0]:
            answer = walk(problem, rng)
        lengths.append(len(answer) - 1)
    return sorted(lengths)[len(lengths) // 2]
