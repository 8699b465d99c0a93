"""Figures of a checkpoint on validation problems.

    python -m pocket.validate --checkpoint runs/final.pt --levels countdown4 fork9
"""
import argparse
from pathlib import Path

import numpy as np
import torch

from . import families, sample
from . import tokenizer as tok
from .model import Model

SHARES = [0.25, 0.5, 1.0]


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


def traced(problems: list, tokens: np.ndarray) -> list:
    return [families.trace(p, [int(i) for i in t if i != tok.PAD]) for p, t in zip(problems, tokens)]


def followed(problems: list, tokens: np.ndarray) -> np.ndarray:
    return np.array([right for right, _ in traced(problems, tokens)])


def solvable(problems: list, tokens: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Whether the goal can still be reached at every cut: what a judge would say that knew everything but the future."""
    return np.array([[reach[c] for c in cut] for (_, reach), cut in zip(traced(problems, tokens), cuts)])


def validate(model, pools: dict, count: int, each: int, seed: int = 5, checks=(tok.FULL, ())) -> dict:
    """One line a level: one draft, the best possible, the best by the question, AUROC within prompt by share read, calibration
    at half and at the end; the AUROC of the other checks, the reserved labels unless others are named; and that of exact
    knowledge of what can still be solved, which is where errors that come later set the limit."""
    figures = {}
    for level, pool in pools.items():
        repeated = [p for p in pool[:count] for _ in range(each)]
        tokens, _ = sample.draw(model, repeated, seed=seed)
        greedy, _ = sample.draw(model, pool[:count], 0.0)
        right = followed(repeated, tokens).reshape(-1, each)
        cut = sample.fractions(tokens, SHARES)
        read = [sample.judge(model, repeated, tokens, cut, check)[0] for check in checks]
        exact = solvable(repeated, tokens, cut)
        by_cut = [read[0][:, i].reshape(-1, each) for i in range(len(SHARES))]
        best = np.take_along_axis(right, by_cut[-1].argmax(1)[:, None], 1).mean()
        truth = win_or_tie(right).ravel()
        figures[level] = {
            "one": float(right.mean()), "greedy": float(followed(pool[:count], greedy).mean()), "oracle": float(right.max(1).mean()), "best": float(best),
            "auroc": [round(auroc_within(b, right), 3) for b in by_cut],
            "others": [[round(auroc_within(r[:, i].reshape(-1, each), right), 3) for i in range(len(SHARES))] for r in read[1:]],
            "exact": [round(auroc_within(exact[:, i].reshape(-1, each), right), 3) for i in range(len(SHARES))],
            "ece": [round(calibration_error(b.ravel(), truth), 3) for b in (by_cut[1], by_cut[-1])],
            "tokens": float((tokens != tok.PAD).sum(1).mean()),
        }
        print(f"{level:12s}", {k: round(v, 3) if isinstance(v, float) else v for k, v in figures[level].items()}, flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--levels", nargs="+", default=list(families.LEVELS))
    parser.add_argument("--problems", type=int, default=100, help="of each level")
    parser.add_argument("--each", type=int, default=8, help="drafts of each")
    a = parser.parse_args()
    model = Model()
    model.load_state_dict(torch.load(a.checkpoint, weights_only=False, map_location="cpu")["model"])
    validate(model, {level: families.problems(level, "validation", a.problems) for level in a.levels}, a.problems, a.each)


if __name__ == "__main__":
    main()
