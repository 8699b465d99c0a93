"""Training, one stage a run, by steps; `--resume` goes on exactly where a run stopped.

  base   walks of the solvers: exact next-token targets, reachability as the value
  round  the model's own drafts and walks: exact targets, the value from outcomes
  again  the same with fresh drafts and a lower learning rate
  tie    the model's own drafts: the value becomes the chance to win or tie against a restart
  final  the same with fresh drafts and a steadier value (half outcome, half mean success), lr -> 0

    python -m pocket.train --stage base --out runs/base.pt
"""
import argparse
import signal
import time
from dataclasses import replace
from pathlib import Path

import torch

from .run import Pools, Run
from .stages import STAGES, TRAINED
from .validate import validate


def save(state: dict, path: Path) -> None:
    """By a rename, so that a run killed while writing leaves the last checkpoint whole."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def follow(run: Run, log_every: int = 100, saved=lambda: None, stopped: list = ()) -> None:
    """Takes the steps of a stage that are left, a line for every `log_every`."""
    losses, start = [], time.time()
    while run.step < run.stage.steps and not stopped:
        loss = run.advance()
        losses += [] if loss is None else [loss]
        if run.step % log_every == 0 and losses:
            lm, check, probe, said = torch.stack(losses).mean(0).tolist()
            losses = []
            print(f"{(time.time() - start) / 60:.1f} min step {run.step} lm {lm:.4f} check {check:.4f} probe {probe:.4f} reserved {said:.4f}", flush=True)
            saved()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--init", type=Path, help="checkpoint of the stage before")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true", help="go on from --out")
    parser.add_argument("--steps", type=int, help="fewer steps, for trials")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches; 0: the training process itself")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--no-judging", action="store_true", help="the policy alone, to see what judging costs it")
    parser.add_argument("--validate-on", type=int, default=60, help="problems of each level at the end")
    return parser.parse_args()


def main() -> None:
    a = arguments()
    torch.set_num_threads(a.threads), torch.set_flush_denormal(True)
    stage = STAGES[a.stage] if a.steps is None else replace(STAGES[a.stage], steps=a.steps)
    pools = Pools(folder=a.out.parent / "pools")
    run = Run(stage, pools, a.seed, compiled=not a.eager and a.device == "cpu", judging=not a.no_judging, device=a.device, workers=a.workers)
    if a.resume or a.init:
        run.load(torch.load(a.out if a.resume else a.init, weights_only=False, map_location=a.device), a.resume)
    print(a.stage, "parameters", sum(p.numel() for p in run.model.parameters()), flush=True)
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    follow(run, saved=lambda: save(run.state(), a.out), stopped=stopped)
    save(run.state(), a.out)
    if not stopped and a.validate_on:
        validate(run.model, {level: pools.of("validation", level) for level in TRAINED}, a.validate_on, 8)


if __name__ == "__main__":
    main()
