"""Figures of a checkpoint on validation problems, while training."""
import numpy as np

from . import countdown as cd
from . import sample

SHARES = [0.0, 0.25, 0.33, 0.5, 0.66, 0.75, 1.0]


def auroc_within(scores: np.ndarray, right: np.ndarray) -> float:
    """Share of right/wrong pairs of one problem that are ordered correctly, ties half. Both [problems, drafts]."""
    won = pairs = 0.0
    for s, c in zip(scores, right):
        difference = s[c == 1][:, None] - s[c == 0][None]
        won, pairs = won + (difference > 0).sum() + 0.5 * (difference == 0).sum(), pairs + difference.size
    return float(won / max(pairs, 1))


def calibration_error(scores: np.ndarray, truth: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error in equal-width bins."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    found = [place == b for b in range(bins) if (place == b).any()]
    return float(sum(abs(scores[f].mean() - truth[f].mean()) * f.mean() for f in found))


def win_or_tie(right: np.ndarray) -> np.ndarray:
    """Each draft's share of wins and ties against the other drafts of its problem. [problems, drafts]"""
    others = (right.sum(1, keepdims=True) - right) / (right.shape[1] - 1)
    return right + (1 - right) * (1 - others)


def validate(model, problems: list, each: int, seed: int = 5) -> dict:
    repeated = [p for p in problems for _ in range(each)]
    tokens, _ = sample.draw(model, repeated, seed=seed)
    right = np.array([cd.trace(p, list(t))[0] for p, t in zip(repeated, tokens)]).reshape(-1, each)
    scores, mass = sample.judge(model, repeated, tokens, sample.fractions(tokens, SHARES))
    by_cut = [scores[:, i].reshape(-1, each) for i in range(len(SHARES))]
    best = np.take_along_axis(right, by_cut[-1].argmax(1)[:, None], 1).mean()
    figures = {
        "pass@1": float(right.mean()), f"oracle@{each}": float(right.max(1).mean()), f"best@{each}": float(best),
        "auroc": {s: round(auroc_within(b, right), 3) for s, b in zip(SHARES[1:], by_cut[1:])},
        "ece": calibration_error(by_cut[-1].ravel(), win_or_tie(right).ravel()), "mass": float(mass.mean()),
    }
    print("validation:", {k: round(v, 3) if isinstance(v, float) else v for k, v in figures.items()}, flush=True)
    return figures
