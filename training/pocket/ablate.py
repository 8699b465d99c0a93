"""Every stage in one process, at a share of the steps, with one thing changed: what makes the recipe work?

    python -m pocket.ablate --arm full --share 0.333
"""
import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from .model import Config
from .run import Pools, Run
from .stages import STAGES, Stage
from .train import follow, save
from .validate import validate

LEVELS = ["countdown3", "countdown4", "countdown5", "fork8", "fork9"]


@dataclass(frozen=True)
class Arm:
    """What an arm changes."""

    judged: tuple = tuple(STAGES)  # stages that are trained to judge
    pool: int | None = None
    reachability: bool = True
    tie: bool = True
    config: Config = Config()


ARMS = {
    "full": Arm(),
    "alone": Arm(judged=()),  # the policy alone
    "later": Arm(judged=("tie", "final")),
    "few-prompts": Arm(pool=1000),
    "outcomes": Arm(reachability=False),
    "correctness": Arm(tie=False),
    "shallow": Arm(config=Config(layers=4)),
}


def changed(stage: Stage, arm: Arm, share: float) -> Stage:
    """Fewer drafts by the root of the share: a third of them would be seen as often as before, but be too few to be varied."""
    labels = replace(stage.labels, reachability=arm.reachability, tie=stage.labels.tie and arm.tie, tie_ramp=max(1, round(stage.labels.tie_ramp * share)))
    scaled = {"steps": round(stage.steps * share), "refresh": max(1, round(stage.refresh * share)), "drafts": stage.drafts * share ** 0.5}
    return replace(stage, **scaled, labels=labels)


def chain(arm: Arm, share: float, pools: Pools, keep, **options) -> Run:
    run = None
    for seed, (name, stage) in enumerate(STAGES.items()):
        following = Run(changed(stage, arm, share), pools, seed, config=arm.config, judging=name in arm.judged, **options)
        if run is not None:
            following.load(run.state(), resume=False)
        run = following
        follow(run, log_every=500)
        keep(name, run)
    return run


def summary(figures: dict) -> dict:
    """Means over the levels in between."""
    mean = lambda read: round(float(np.mean([read(figures[level]) for level in LEVELS])), 3)
    return {
        "one": mean(lambda f: f["one"]), "best": mean(lambda f: f["best"]), "oracle": mean(lambda f: f["oracle"]),
        "auroc": [mean(lambda f, i=i: f["auroc"][i]) for i in range(3)], "ece": [mean(lambda f, i=i: f["ece"][i]) for i in range(2)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arm", choices=ARMS, default="full")
    parser.add_argument("--share", type=float, default=1 / 3, help="of the steps of every stage")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs"), help="where problems are kept from run to run")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="where weights go")
    parser.add_argument("--keep", nargs="*", default=[], help="stages whose weights are kept, as ARM-STAGE.pt")
    parser.add_argument("--validate-on", type=int, default=100)
    a = parser.parse_args()
    torch.set_num_threads(2), torch.set_flush_denormal(True)
    start, pools = time.time(), Pools(ARMS[a.arm].pool, a.folder / "pools")

    def keep(name: str, run: Run) -> None:
        if name in a.keep:
            save({k: v for k, v in run.state().items() if k in ("model", "probe", "step")}, a.out / f"{a.arm}-{name}.pt")

    run = chain(ARMS[a.arm], a.share, pools, keep, device=a.device, workers=a.workers)
    minutes = (time.time() - start) / 60
    validation = Pools(folder=a.folder / "pools")
    found = summary(validate(run.model, {level: validation.of("validation", level) for level in LEVELS}, a.validate_on, 8))
    print(json.dumps({"arm": a.arm, "share": round(a.share, 3), "minutes": round(minutes, 1), **found}), flush=True)


if __name__ == "__main__":
    main()
