"""Batches: answers, exact next-token targets and value labels, for each stage.

A label is the chance, as far as the stage knows it, that a prefix wins or ties against a restart (tie, final) or can still
come out right (base, round). Labels stand for every number of answer tokens kept.
"""
import random
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from . import families, sample
from . import tokenizer as tok
from .layout import lengths

FIRST = 6  # answer tokens of a short batch: the first action, the hardest decision, at a fraction of the cost


@dataclass(frozen=True)
class Group:
    """Levels of like length, so that a batch is not mostly padding."""

    name: str
    mix: dict = field(hash=False)
    size: int
    short: bool = False

    @property
    def answer(self) -> int:
        return FIRST if self.short else max(families.LEVELS[l].answer for l in self.mix)

    @property
    def main(self) -> int:
        return max(families.LEVELS[l].prompt + (FIRST if self.short else families.LEVELS[l].answer) for l in self.mix)

    def pick(self, size: int, rng: random.Random) -> list[str]:
        return rng.choices(list(self.mix), list(self.mix.values()), k=size)


@dataclass
class Batch:
    problems: list
    tokens: np.ndarray  # [B, A]
    targets: np.ndarray  # [B, A, vocabulary], rows of zeros count nothing
    values: np.ndarray  # [B, A + 1]
    judged: np.ndarray  # [B], weight of the row's value labels
    correct: np.ndarray | None = None  # [B, A + 1], the chance to come out right, where `values` is another


def traced(problems: list, answers: list, answer: int) -> Batch:
    """Targets and exact reachability of given answers, cut to `answer` tokens."""
    size = len(problems)
    tokens = np.full((size, answer), tok.PAD)
    targets = np.zeros((size, answer, tok.VOCABULARY), dtype=np.float32)
    values = np.zeros((size, answer + 1), dtype=np.float32)
    for i, (problem, given) in enumerate(zip(problems, answers)):
        longest = families.LEVELS[problem.level].answer
        whole = targets[i] if longest <= answer else np.zeros((longest, tok.VOCABULARY), dtype=np.float32)
        given = [int(t) for t in given if t != tok.PAD][:answer]
        reach = families.trace(problem, given, whole)[1][: answer + 1]
        values[i, : len(reach)] = reach
        tokens[i, : len(given)] = given
        if longest > answer:
            targets[i] = whole[:answer]
        targets[i, len(given) :] = 0  # nothing is read where nothing was said
    return Batch(problems, tokens, targets, values, np.ones(size, np.float32))


def walks(pools: dict, group: Group, size: int, rng: random.Random, reachability: bool = True) -> Batch:
    """Without `reachability` every state of a walk is worth what became of it."""
    chosen = [rng.choice(pools[level]) for level in group.pick(size, rng)]
    answers = [families.walk(p, rng) for p in chosen]
    batch = traced(chosen, answers, group.answer)
    if not reachability:
        batch.values[:] = [[families.trace(p, a)[0]] for p, a in zip(chosen, answers)]
    return batch


def joined(one: Batch, other: Batch) -> Batch:
    both = lambda read: np.concatenate([read(one), read(other)])
    correct = both(lambda b: b.values if b.correct is None else b.correct)
    return Batch(one.problems + other.problems, *(both(attrgetter(f)) for f in ("tokens", "targets", "values", "judged")), correct)


class Drafts:
    """The model's own drafts with what became of them; a new draw replaces the old one."""

    def __init__(self, model, problems: list, judged: list, each: int, seed: int):
        self.problems = [p for p in problems for _ in range(each)]
        self.judged = np.repeat(np.array(judged, np.float32), each)
        self.each = each
        # The last draft of each problem is colder: annealed drafts must be judged as well as those at temperature 1.
        cold = np.random.default_rng(seed).choice([0.0, 0.5, 0.75], len(problems))
        temperatures = np.ones((len(problems), each))
        temperatures[:, -1] = cold
        self.tokens, _ = sample.draw(model, self.problems, temperatures.ravel(), seed)
        followed = [families.trace(p, [int(i) for i in t if i != tok.PAD]) for p, t in zip(self.problems, self.tokens)]
        self.right = np.array([r for r, _ in followed], dtype=np.float32)
        self.others = self._others(each)
        self.rows: dict[str, np.ndarray] = {}
        self.success: dict[str, np.ndarray] = {}
        names = [p.level for p in self.problems]
        levels = np.array(names)
        for level in dict.fromkeys(names):
            rows = np.flatnonzero(levels == level)
            reach = np.array([followed[r][1] for r in rows], dtype=np.float32)
            # Mean success of states that are still solvable, by number of tokens kept.
            self.rows[level] = rows
            self.success[level] = (self.right[rows, None] * reach).sum(0) / np.maximum(reach.sum(0), 1)

    def _others(self, each: int) -> np.ndarray:
        """Share of right ones among the other drafts of the problem at temperature 1."""
        right = self.right.reshape(-1, each)
        warm = right[:, :-1].sum(1, keepdims=True)
        own = right.copy()
        own[:, -1] = 0
        count = np.full(each, each - 2)
        count[-1] = each - 1
        return ((warm - own) / np.maximum(count, 1)).ravel().astype(np.float32)

    def batch(self, group: Group, size: int, rng: random.Random, outcome_share: float, tie: float, reachability: bool = True) -> Batch:
        """`outcome_share`: weight of the draft's own outcome against the mean success of solvable states; `tie`: 0 = the
        label is "comes out right", 1 = "wins or ties against a restart"; without `reachability` every state is worth what
        became of it."""
        rows = np.array([rng.choice(self.rows[level]) for level in group.pick(size, rng)])
        batch = traced([self.problems[i] for i in rows], [self.tokens[i] for i in rows], group.answer)
        batch.judged = self.judged[rows]
        if not reachability:
            outcome_share, batch.values = 1.0, np.ones_like(batch.values)
        right = batch.values * (outcome_share * self.right[rows][:, None] + (1 - outcome_share) * self.expected(batch))
        batch.correct = right
        batch.values = right + tie * (1 - right) * (1 - self.others[rows][:, None])
        return batch

    def expected(self, batch: Batch) -> np.ndarray:
        width = batch.values.shape[1]
        padded = [np.pad(self.success[p.level], (0, width))[:width] for p in batch.problems]
        return np.stack(padded)


def cuts(batch: Batch, checks: int, rng: np.random.Generator) -> np.ndarray:
    """Random cuts [B, checks], two of five moved down to the end of a step, one of six at the full answer."""
    length = lengths(batch.tokens)[:, None]
    cut = rng.integers(0, length + 1, size=(len(batch.problems), checks))
    down = cut.copy()
    for i, problem in enumerate(batch.problems):
        ends = np.array(families.step_ends(problem))
        down[i] = ends[np.searchsorted(ends, cut[i], side="right") - 1]
    cut = np.where(rng.random(cut.shape) < 0.4, down, cut)
    return np.where(rng.random(cut.shape) < 1 / 6, length, cut)
