"""Batches: answers, exact next-token targets and value labels, for each stage.

A label is the chance, as far as the stage knows it, that a prefix wins or ties against a restart (final) or can still
come out right (base, round). Labels stand for every number of answer tokens kept, 0 to 31.
"""
import random
from dataclasses import dataclass

import numpy as np

from . import countdown as cd
from . import sample
from . import tokenizer as tok
from .layout import lengths

FIRST_STEP = cd.STEP_ENDS[1]


@dataclass
class Batch:
    problems: list
    tokens: np.ndarray  # [B, A]
    targets: np.ndarray  # [B, A, vocabulary], rows of zeros count nothing
    values: np.ndarray  # [B, A + 1]

    def first_step(self) -> "Batch":
        """The prompt and step 1 alone: the hardest decision, at a fraction of the cost."""
        a = FIRST_STEP
        return Batch(self.problems, self.tokens[:, :a], self.targets[:, :a], self.values[:, : a + 1])


def traced(problems: list, answers: list) -> Batch:
    """Targets and exact reachability of given answers."""
    tokens = np.array(answers)
    targets = np.zeros((len(problems), cd.ANSWER, tok.VOCABULARY), dtype=np.float32)
    values = np.zeros((len(problems), cd.ANSWER + 1), dtype=np.float32)
    for i, (problem, answer) in enumerate(zip(problems, answers)):
        values[i] = cd.trace(problem, list(answer), targets[i])[1]
    return Batch(problems, tokens, targets, values)


def walks(problems: list, size: int, rng: random.Random) -> Batch:
    chosen = [rng.choice(problems) for _ in range(size)]
    return traced(chosen, [cd.walk(p, rng) for p in chosen])


class Drafts:
    """The model's own drafts with what became of them; a new draw replaces the old one."""

    def __init__(self, model, problems: list, each: int, seed: int):
        self.problems = [p for p in problems for _ in range(each)]
        # The last draft of each problem is colder: annealed drafts must be judged as well as those at temperature 1.
        cold = np.random.default_rng(seed).choice([0.0, 0.5, 0.75], len(problems))
        temperatures = np.ones((len(problems), each))
        temperatures[:, -1] = cold
        self.tokens, _ = sample.draw(model, self.problems, temperatures.ravel(), seed)
        followed = [cd.trace(p, list(t)) for p, t in zip(self.problems, self.tokens)]
        self.right = np.array([r for r, _ in followed], dtype=np.float32)
        self.reach = np.array([r for _, r in followed], dtype=np.float32)
        self.others = self._others(each)
        solvable = self.reach.sum(0)
        # Mean success of states that are still solvable, by number of tokens kept.
        self.success = (self.right[:, None] * self.reach).sum(0) / np.maximum(solvable, 1)

    def _others(self, each: int) -> np.ndarray:
        """Share of right ones among the other drafts of the problem at temperature 1."""
        right = self.right.reshape(-1, each)
        warm = right[:, :-1].sum(1, keepdims=True)
        own = right.copy()
        own[:, -1] = 0
        count = np.full(each, each - 2)
        count[-1] = each - 1
        return ((warm - own) / np.maximum(count, 1)).ravel().astype(np.float32)

    def batch(self, rows: np.ndarray, outcome_share: float, tie: float) -> Batch:
        """`outcome_share`: weight of the draft's own outcome against the mean success of solvable states; `tie`: 0 = the
        label is "comes out right", 1 = "wins or ties against a restart"."""
        batch = traced([self.problems[i] for i in rows], [self.tokens[i] for i in rows])
        own = self.right[rows][:, None]
        right = batch.values * (outcome_share * own + (1 - outcome_share) * self.success[None])
        batch.values = right + tie * (1 - right) * (1 - self.others[rows][:, None])
        return batch


def cuts(batch: Batch, checks: int, rng: np.random.Generator) -> np.ndarray:
    """Random cuts, two of five moved down to the end of a step; with more than one check, one at the full answer."""
    length = lengths(batch.tokens)[:, None]
    cut = rng.integers(0, length + 1, size=(len(batch.problems), checks))
    if checks > 1:
        cut[:, 0] = length[:, 0]
    ends = np.array(cd.STEP_ENDS)
    down = ends[np.searchsorted(ends, np.minimum(cut, 30), side="right") - 1]
    moved = (rng.random(cut.shape) < 0.4) & (cut < length)
    return np.where(moved, down, cut)
