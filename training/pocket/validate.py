"""Figures of a checkpoint on validation problems, while training."""
import numpy as np

from . import families, sample
from . import tokenizer as tok

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


def followed(problems: list, tokens: np.ndarray) -> np.ndarray:
    return np.array([families.trace(p, [int(i) for i in t if i != tok.PAD])[0] for p, t in zip(problems, tokens)])


def validate(model, pools: dict, count: int, each: int, seed: int = 5, checks=(tok.FULL, ())) -> dict:
    """One line a level: one draft, the best possible, the best by the question, AUROC within prompt by share read, calibration
    at half and at the end; and the AUROC of the other checks, the reserved labels unless others are named."""
    figures = {}
    for level, pool in pools.items():
        repeated = [p for p in pool[:count] for _ in range(each)]
        tokens, _ = sample.draw(model, repeated, seed=seed)
        greedy, _ = sample.draw(model, pool[:count], 0.0)
        right = followed(repeated, tokens).reshape(-1, each)
        cut = sample.fractions(tokens, SHARES)
        read = [sample.judge(model, repeated, tokens, cut, check)[0] for check in checks]
        by_cut = [read[0][:, i].reshape(-1, each) for i in range(len(SHARES))]
        best = np.take_along_axis(right, by_cut[-1].argmax(1)[:, None], 1).mean()
        truth = win_or_tie(right).ravel()
        figures[level] = {
            "one": float(right.mean()), "greedy": float(followed(pool[:count], greedy).mean()), "oracle": float(right.max(1).mean()), "best": float(best),
            "auroc": [round(auroc_within(b, right), 3) for b in by_cut],
            "others": [[round(auroc_within(r[:, i].reshape(-1, each), right), 3) for i in range(len(SHARES))] for r in read[1:]],
            "ece": [round(calibration_error(b.ravel(), truth), 3) for b in (by_cut[1], by_cut[-1])],
            "tokens": float((tokens != tok.PAD).sum(1).mean()),
        }
        print(f"{level:12s}", {k: round(v, 3) if isinstance(v, float) else v for k, v in figures[level].items()}, flush=True)
    return figures
