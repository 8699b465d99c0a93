"""The tables of a checkpoint, in PyTorch: thresholds from validation problems, figures from test problems. `npm start` gives
the same figures through the product; this one is quick on many problems.

    python -m pocket.evaluate --checkpoint runs/final.pt
"""
import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from . import countdown as cd
from . import sample
from .model import Model
from .validate import SHARES, auroc_within, calibration_error, win_or_tie

N = 16
QUARTER, HALF = 7, 15
ANNEALED = [1 - 2.0**-k for k in range(N)]


def interval(values: np.ndarray, rng: np.random.Generator) -> str:
    """Mean and 95% bootstrap interval over problems, in percent."""
    means = values[rng.integers(0, len(values), (2000, len(values)))].mean(1)
    return f"{100 * values.mean():.1f} [{100 * np.quantile(means, 0.025):.1f}, {100 * np.quantile(means, 0.975):.1f}]"


def pick(right: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return np.take_along_axis(right, scores.argmax(1)[:, None], 1)[:, 0]


class Draws:
    """Sixteen drafts of each problem with their scores after these shares of the answer, the last being all of it, and after
    these numbers of tokens."""

    def __init__(self, model: Model, problems: list, temperatures, seed: int, shares: list[float], cuts: list[int]):
        repeated = [p for p in problems for _ in range(N)]
        tokens, log_probs = sample.draw(model, repeated, np.tile(temperatures, len(problems)), seed)
        at = np.concatenate([sample.fractions(tokens, shares), np.tile(cuts, (len(repeated), 1)).astype(int)], 1)
        scores, self.mass = sample.judge(model, repeated, tokens, at)
        self.right = np.array([cd.trace(p, list(t))[0] for p, t in zip(repeated, tokens)]).reshape(-1, N)
        self.scores = scores.reshape(len(problems), N, -1)
        self.end = self.scores[:, :, len(shares) - 1]
        length = (tokens != 0).sum(1)
        self.log_prob = (log_probs.sum(1) / length).reshape(-1, N)
        self.texts = [tuple(t) for t in tokens.tolist()]

    def majority(self) -> np.ndarray:
        out = []
        for i in range(len(self.right)):
            texts = self.texts[i * N : (i + 1) * N]
            out.append(self.right[i, texts.index(Counter(texts).most_common(1)[0][0])])
        return np.array(out)

    def stopped(self, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        hit = self.end >= threshold
        used = np.where(hit.any(1), hit.argmax(1) + 1, N)
        seen = np.arange(N)[None] < used[:, None]
        return pick(self.right, np.where(seen, self.end, -1)), used

    def pruned(self, scores: np.ndarray, keep: int) -> np.ndarray:
        rank = (-scores).argsort(1, kind="stable").argsort(1)
        return pick(self.right, np.where(rank < keep, self.end, -1))


def threshold_for(draws: Draws, one: float, best: float, share: float) -> float:
    for t in np.quantile(draws.end, np.linspace(0, 1, 400)):
        if draws.stopped(t)[0].mean() >= one + share * (best - one):
            return float(t)
    return 1.1


def report(validation: tuple[Draws, Draws], test: tuple[Draws, Draws]) -> None:
    rng = np.random.default_rng(0)
    warm, annealed = test
    best = pick(warm.right, warm.end)
    one, gain = warm.right.mean(1), best.mean() - warm.right.mean()
    rows = {
        "one": one, "greedy": annealed.right[:, 0], "majority16": warm.majority(), "logProb16": pick(warm.right, warm.log_prob),
        "self16": best, "oracle16": warm.right.max(1),
        "prune75half": warm.pruned(warm.scores[:, :, -1], 4), "prune50quarter": warm.pruned(warm.scores[:, :, -2], 8),
        "random75half": warm.pruned(rng.random(best.shape + (N,)), 4), "random50quarter": warm.pruned(rng.random(best.shape + (N,)), 8),
    }
    for name, values in rows.items():
        print(f"{name:16s} {interval(values.astype(float), rng)}   minus self16: {interval((values - best).astype(float), rng)}")
    v_one, v_best = validation[0].right.mean(), pick(validation[0].right, validation[0].end).mean()
    for share in (0.85, 0.97):
        t = threshold_for(validation[1], v_one, v_best, share)
        right, used = annealed.stopped(t)
        print(f"adaptive{share}: threshold {t:.4f}, samples {used.mean():.2f}, {interval(right.astype(float), rng)}, gain {(right.mean() - one.mean()) / gain:.3f}")
    truth = win_or_tie(warm.right)
    for i, share in enumerate(SHARES):
        s = warm.scores[:, :, i]
        print(f"after {share:.2f}: AUROC within {auroc_within(s, warm.right):.3f}, ECE {calibration_error(s.ravel(), truth.ravel()):.3f}")
    print(f"mass {warm.mass.mean():.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--problems", type=int, default=600, help="test problems; as many validation problems choose thresholds")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    model = Model()
    model.load_state_dict(torch.load(a.checkpoint, weights_only=False)["model"])
    problems = cd.problems()
    parts = (problems["validation"][400 : 400 + a.problems], problems["test"][: a.problems])
    looks = ([1.0], []), (SHARES, [QUARTER, HALF])  # only test drafts are looked at in the middle
    draws = [
        (Draws(model, p, np.ones(N), 11 + i, *looks[i]), Draws(model, p, ANNEALED, 21 + i, [1.0], []))
        for i, p in enumerate(parts)
    ]
    print(f"{a.problems} test problems x {N} drafts; thresholds from as many validation problems; 95% bootstrap over problems")
    report(*draws)


if __name__ == "__main__":
    main()
