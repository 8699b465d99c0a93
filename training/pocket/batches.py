"""The batch of every step of a stage, made from the seed and the step alone: so a run can be resumed anywhere, and worker
processes make the same batches as the training process does."""
import random
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from . import data, families, layout
from . import tokenizer as tok


CHOICES = 6  # most tokens that are right at one place: six numbers


@dataclass(frozen=True)
class Labels:
    """What the value labels are made of."""

    outcome_share: float = 1.0
    """The draft's own outcome against the mean success of states that are still solvable."""
    tie: bool = False
    """The chance to win or tie against a restart; else to come out right."""
    tie_ramp: int = 150
    """Steps until it is wholly so."""
    reachability: bool = True
    """A state that cannot be solved any more is worth nothing; else every state is worth what became of it."""


class Steps(Dataset):
    """Step -> the tensors of its batch, in the order of Objective.forward."""

    def __init__(self, groups: tuple, labels: Labels, pools: dict, drafts, seed: int, walk_share: float, judging: bool):
        self.groups, self.labels, self.pools, self.drafts = groups, labels, pools, drafts
        self.seed, self.walk_share, self.judging = seed, walk_share, judging

    def __len__(self) -> int:
        return 2**31  # as many as are asked for

    def __getitem__(self, step: int) -> tuple[torch.Tensor, ...]:
        rng, numpy = random.Random(f"{self.seed} {step}"), np.random.default_rng((self.seed, step))
        group = self.groups[step % len(self.groups)]
        batch = self._batch(group, step, rng)
        branches = branches_of(group, self.judging)
        cut = data.cuts(batch, max(1, len(branches)), numpy)[:, : len(branches)]
        prompts = [families.prompt(p, rng) for p in batch.problems]
        placed = layout.arrange(prompts, batch.tokens, branches, cut, group.main)
        correct = batch.values if batch.correct is None else batch.correct
        given = (*sparse(batch.targets), batch.values, correct, batch.judged, cut, layout.lengths(batch.tokens))
        return placed.ids, placed.positions, placed.mask.bfloat16(), placed.begins, *map(torch.from_numpy, given)

    def _batch(self, group: data.Group, step: int, rng: random.Random) -> data.Batch:
        if self.drafts is None or group.short:
            return self._walked(group, group.size, rng)
        walked = round(group.size * self.walk_share)
        tie = min(1.0, step / self.labels.tie_ramp) if self.labels.tie else 0.0
        own = self.drafts.batch(group, group.size - walked, rng, self.labels.outcome_share, tie, self.labels.reachability)
        return own if walked == 0 else data.joined(own, self._walked(group, walked, rng))

    def _walked(self, group: data.Group, size: int, rng: random.Random) -> data.Batch:
        batch = data.walks(self.pools, group, size, rng, self.labels.reachability)
        if self.drafts is not None:
            batch.values *= self.drafts.expected(batch)
            if self.labels.tie:  # a walk has no siblings to tie with
                batch.judged[:] = 0
        return batch


def sparse(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distributions [B, A, vocabulary] as their few tokens and weights, both [B, A, CHOICES]."""
    wanted = np.zeros((*targets.shape[:2], CHOICES), np.int64)
    weights = np.zeros(wanted.shape, np.float32)
    row, at, token = np.nonzero(targets)
    place = row * targets.shape[1] + at
    rank = np.arange(len(place)) - np.searchsorted(place, place)
    wanted[row, at, rank], weights[row, at, rank] = token, targets[row, at, token]
    return wanted, weights


def branches_of(group: data.Group, judging: bool) -> list:
    return [] if group.short or not judging else list(tok.CHECKS)


def ends_of(group: data.Group, judging: bool) -> list[int]:
    """Where each question predicts its label, as layout.arrange places it."""
    return [group.main - 1 + int(n) for n in np.cumsum([len(b) for b in branches_of(group, judging)], dtype=int)]


def stream(steps: Steps, first: int, last: int, workers: int):
    """The batches of steps `first` to `last`, made beside the training by `workers` processes (0: in this one)."""
    if workers:
        steps[first]  # the solvers' tables are built once, before the workers are forked
    return iter(DataLoader(
        steps, batch_size=None, sampler=range(first, last), num_workers=workers, prefetch_factor=4 if workers else None, multiprocessing_context="fork" if workers else None,
    ))
