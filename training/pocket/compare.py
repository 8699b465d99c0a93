"""What judging costs the policy: accuracy of one draft of a model trained without judging, by the same steps, less that of the
model that judges, on validation problems of the levels in between. Writes models/pocket/training.json for the report.

    python -m pocket.compare --judging runs/final.pt --alone runs/alone-final.pt
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch

from . import families, sample, traffic
from .export import ROOT
from .model import Model
from .validate import followed

EACH = 8


def accuracies(checkpoint: Path, problems: list) -> np.ndarray:
    """Mean over drafts at temperature 1, by problem."""
    model = Model()
    model.load_state_dict(torch.load(checkpoint, weights_only=False, map_location="cpu")["model"])
    repeated = [p for p in problems for _ in range(EACH)]
    tokens, _ = sample.draw(model, repeated, seed=9)
    return followed(repeated, tokens).reshape(-1, EACH).mean(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judging", type=Path, required=True)
    parser.add_argument("--alone", type=Path, required=True)
    parser.add_argument("--problems", type=int, default=150, help="of each level in between")
    a = parser.parse_args()
    problems = [p for level in traffic.BANDS["between"] for p in families.problems(level, "validation", a.problems, 3)]
    alone, judging = accuracies(a.alone, problems), accuracies(a.judging, problems)
    for level in traffic.BANDS["between"]:
        rows = [i for i, p in enumerate(problems) if p.level == level]
        print(f"{level:12s} alone {alone[rows].mean():.3f} judging {judging[rows].mean():.3f}", flush=True)
    lost = alone - judging
    rng = np.random.default_rng(0)
    means = lost[rng.integers(0, len(lost), (2000, len(lost)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    found = {"value": round(float(lost.mean()), 5), "low": round(float(low), 5), "high": round(float(high), 5)}
    (ROOT / "models/pocket/training.json").write_text(json.dumps({"policyLoss": found}, indent=2) + "\n")
    print(f"policy loss {found} on {len(problems)} problems x {EACH}")


if __name__ == "__main__":
    main()
