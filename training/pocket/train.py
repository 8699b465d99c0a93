"""Training, one stage a run, by steps; `--resume` goes on exactly where a run stopped.

  base   walks of the solvers: exact next-token targets, reachability as the value
  round  the model's own drafts and walks: exact targets, the value from outcomes
  again  the same with the weights of the levels that are still hard
  tie    the model's own drafts: the value becomes the chance to win or tie against a restart
  final  the same with fresh drafts and a steadier value (half outcome, half mean success), lr -> 0

    python -m pocket.train --stage base --out runs/base.pt
"""
import argparse
import random
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import data, families, layout
from . import tokenizer as tok
from .model import Config, Model, Probe
from .validate import validate

PROBE_BLOCK = 5  # the residual after the sixth block; the last two only read it

# Levels of like length share a batch; the numbers are weights within it.
SMALL = data.Group("small", {"countdown3": 0.14, "countdown4": 0.4, "maze4": 0.08, "sum2": 0.04, "digit4": 0.06, "wide4": 0.24, "product3": 0.04}, 128)
LARGE = data.Group("large", {"countdown5": 0.36, "countdown6": 0.07, "maze5": 0.05, "maze6": 0.12, "maze8": 0.18, "maze8dense": 0.18, "product8": 0.04}, 96)
FIRST = data.Group("first", {"countdown3": 0.1, "countdown4": 0.55, "countdown5": 0.35}, 256, short=True)
TRAINED = [*SMALL.mix, *LARGE.mix]
POOL = 20_000  # distinct problems of a level


@dataclass(frozen=True)
class Stage:
    steps: int
    lr: float
    lr_end: float
    groups: tuple = (SMALL, LARGE, SMALL, LARGE, FIRST)
    check_weight: float = 0.3
    probe_weight: float = 0.2
    reserved_weight: float = 0.2
    drafts: float = 0  # problems drawn at each refresh
    each: int = 1
    refresh: int = 10**9  # steps between fresh drafts
    walk_share: float = 0.0
    outcome_share: float = 1.0
    tie: bool = False
    tie_ramp: int = 150


STAGES = {
    "base": Stage(5000, 3e-3, 8e-4),
    "round": Stage(2200, 1.2e-3, 3e-4, drafts=13000, each=3, refresh=550, walk_share=0.25, outcome_share=0.7),
    "again": Stage(1300, 1.0e-3, 3e-4, drafts=7000, each=3, refresh=650, walk_share=0.35, outcome_share=0.7),
    "tie": Stage(600, 6e-4, 3.8e-4, check_weight=0.5, drafts=5000, each=4, tie=True, tie_ramp=250),
    "final": Stage(1000, 3.8e-4, 0.0, groups=(SMALL, LARGE), check_weight=0.6, drafts=6500, each=5, refresh=500, outcome_share=0.5, tie=True, tie_ramp=1),
}


def optimisers(model: Model, probe: Probe, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for embeddings, norms and the probe."""
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embedding" not in n]
    rest = [p for n, p in model.named_parameters() if p.dim() != 2 or "embedding" in n] + list(probe.parameters())
    return [
        torch.optim.Muon(matrices, lr=lr, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=lr, weight_decay=0.01, betas=(0.9, 0.95)),
    ]


class Pools:
    """Problems by part and level, made when they are first asked for."""

    def __init__(self, size: int = POOL):
        self.size, self.made = size, {}

    def of(self, part: str, level: str) -> list:
        key = (part, level)
        if key not in self.made:
            self.made[key] = families.problems(level, part, self.size if part == "train" else self.size // 4)
        return self.made[key]

    def train(self) -> dict:
        return {level: self.of("train", level) for level in TRAINED}


class Run:
    """Everything that a checkpoint must hold, so that a resumed run is the same run."""

    def __init__(self, stage: Stage, pools: Pools, seed: int, compiled: bool, config: Config = Config(), judging: bool = True):
        self.stage, self.seed, self.pools, self.judging = stage, seed, pools, judging
        torch.manual_seed(seed)
        self.rng, self.numpy = random.Random(seed + 7), np.random.default_rng(seed)
        self.model = Model(config)
        self.probe = Probe(config.width, min(PROBE_BLOCK, config.layers - 1))
        self.optimisers = optimisers(self.model, self.probe, stage.lr)
        self.forward = torch.compile(self.model, dynamic=False) if compiled else self.model
        self.step, self.drafts = 0, None

    def state(self) -> dict:
        return {
            "model": self.model.state_dict(), "probe": self.probe.state_dict(), "step": self.step,
            "optimisers": [o.state_dict() for o in self.optimisers], "drafts": self.drafts,
            "rng": self.rng.getstate(), "numpy": self.numpy.bit_generator.state, "torch": torch.get_rng_state(),
        }

    def load(self, state: dict, resume: bool) -> None:
        self.model.load_state_dict(state["model"]), self.probe.load_state_dict(state["probe"])
        if not resume:
            return
        self.step, self.drafts = state["step"], state["drafts"]
        for optimiser, saved in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)
        self.rng.setstate(state["rng"])
        self.numpy.bit_generator.state = state["numpy"]
        torch.set_rng_state(state["torch"])

    def fresh_drafts(self) -> None:
        """Own drafts of random problems; where the value is a chance against a restart, only problems held out of the policy's
        training are judged: the restarts of trained ones succeed too often."""
        problems, judged = [], []
        for group in dict.fromkeys(g for g in self.stage.groups if not g.short):
            for level, weight in group.mix.items():
                count = max(2, round(self.stage.drafts * weight / 2))
                held = self.rng.sample(pool := self.pools.of("calibration", level), min(count // 2, len(pool))) if self.stage.tie else []
                own = self.rng.sample(pool := self.pools.of("train", level), min(count - len(held), len(pool)))
                problems += own + held
                judged += [0.0 if self.stage.tie else 1.0] * len(own) + [1.0] * len(held)
        start = time.time()
        self.drafts = data.Drafts(self.model, problems, judged, self.stage.each, self.seed * 1000 + self.step)
        right = {level: round(float(self.drafts.right[rows].mean()), 3) for level, rows in self.drafts.rows.items()}
        print(f"drew {len(self.drafts.right)} drafts in {time.time() - start:.0f} s, right: {right}", flush=True)
        self.model.train()

    def batch(self, group: data.Group) -> data.Batch:
        if self.drafts is None or group.short:
            return self._walked(group, group.size)
        walked = round(group.size * self.stage.walk_share)
        tie = min(1.0, self.step / self.stage.tie_ramp) if self.stage.tie else 0.0
        own = self.drafts.batch(group, group.size - walked, self.rng, self.stage.outcome_share, tie)
        if walked == 0:
            return own
        other = self._walked(group, walked)
        joined = (np.concatenate([getattr(own, f), getattr(other, f)]) for f in ("tokens", "targets", "values", "judged"))
        return data.Batch(own.problems + other.problems, *joined)

    def _walked(self, group: data.Group, size: int) -> data.Batch:
        batch = data.walks(self.pools.train(), group, size, self.rng)
        if self.drafts is not None:
            batch.values *= self.drafts.expected(batch)
            if self.stage.tie:  # a walk has no siblings to tie with
                batch.judged[:] = 0
        return batch

    def losses(self, batch: data.Batch, group: data.Group):
        branches = [] if group.short or not self.judging else tok.CHECKS
        cut = data.cuts(batch, max(1, len(branches)), self.numpy)[:, : len(branches)]
        prompts = [families.prompt(p, self.rng) for p in batch.problems]
        placed = layout.arrange(prompts, batch.tokens, branches, cut, group.main)
        answer = batch.tokens.shape[1]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden, middle = self.forward(placed.ids, placed.positions, placed.mask.bfloat16(), tap=self.probe.block)
            every = layout.gather(hidden, placed.begins, answer + 1)
            logits = self.model.logits(every).float()
            asked = self.model.logits(hidden[:, placed.ends]).float()
        targets = torch.from_numpy(batch.targets)
        # The reserved labels are in the sum: their ratio is the value, and nobody should ever draw them.
        lm = -(targets * F.log_softmax(logits[:, :answer], -1)).sum() / targets.sum()
        if not self.judging:
            return lm, lm * 0, lm * 0, lm * 0
        check = self._asked(batch, asked, cut) if branches else lm * 0
        guess = layout.gather(self.probe(middle.float())[..., None], placed.begins, answer + 1)[..., 0]
        said = logits[..., tok.RESERVED_NO] - logits[..., tok.RESERVED_YES]
        return lm, check, self._dense(batch, guess), self._dense(batch, said)

    def _asked(self, batch: data.Batch, logits: torch.Tensor, cut: np.ndarray) -> torch.Tensor:
        """Loss of the answers to the questions, each at its cut."""
        value = torch.from_numpy(np.take_along_axis(batch.values, cut, 1))
        weight = torch.from_numpy(batch.judged)[:, None]
        labels = F.log_softmax(logits, -1)
        each = value * labels[..., tok.NO] + (1 - value) * labels[..., tok.YES]
        return -(each * weight).sum() / (weight.sum() * cut.shape[1]).clamp(min=1)

    def _dense(self, batch: data.Batch, guess: torch.Tensor) -> torch.Tensor:
        """Loss of a guess of the value, in log-odds, after every token of the answer."""
        inside = np.arange(guess.shape[1])[None] <= layout.lengths(batch.tokens)[:, None]
        live = torch.from_numpy(inside) * torch.from_numpy(batch.judged)[:, None]
        each = F.binary_cross_entropy_with_logits(guess, torch.from_numpy(batch.values), reduction="none")
        return (each * live).sum() / live.sum().clamp(min=1)

    def advance(self) -> tuple | None:
        """One step; returns the losses of a full batch."""
        stage = self.stage
        if stage.drafts and self.step % stage.refresh == 0:
            self.fresh_drafts()
        lr = stage.lr + (stage.lr_end - stage.lr) * self.step / stage.steps
        for optimiser in self.optimisers:
            for param_group in optimiser.param_groups:
                param_group["lr"] = lr * min(1, (self.step + 1) / 100)
        group = stage.groups[self.step % len(stage.groups)]
        lm, check, probe, said = self.losses(self.batch(group), group)
        (lm + stage.check_weight * check + stage.probe_weight * probe + stage.reserved_weight * said).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step(), optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return None if group.short else (lm.item(), check.item(), probe.item(), said.item())


def save(run: Run, path: Path) -> None:
    """By a rename, so that a run killed while writing leaves the last checkpoint whole."""
    partial = path.with_suffix(".partial")
    torch.save(run.state(), partial)
    partial.replace(path)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--init", type=Path, help="checkpoint of the stage before")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true", help="go on from --out")
    parser.add_argument("--steps", type=int, help="fewer steps, for trials")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--no-judging", action="store_true", help="the policy alone, to see what judging costs it")
    parser.add_argument("--validate-every", type=int, default=2500)
    parser.add_argument("--validate-on", type=int, default=60, help="problems of each level at the end")
    return parser.parse_args()


def main() -> None:
    a = arguments()
    torch.set_num_threads(a.threads), torch.set_flush_denormal(True)
    stage = STAGES[a.stage] if a.steps is None else replace(STAGES[a.stage], steps=a.steps)
    pools = Pools()
    run = Run(stage, pools, a.seed, compiled=not a.eager, judging=not a.no_judging)
    if a.resume or a.init:
        run.load(torch.load(a.out if a.resume else a.init, weights_only=False), a.resume)
    print(stage, "parameters", sum(p.numel() for p in run.model.parameters()), flush=True)
    validation = {level: pools.of("validation", level) for level in TRAINED}
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    losses, start = [], time.time()
    while run.step < stage.steps and not stopped:
        loss = run.advance()
        losses += [loss] if loss else []
        if run.step % 100 == 0:
            lm, check, probe, said = np.mean(losses, 0)
            losses = []
            print(f"{(time.time() - start) / 60:.1f} min step {run.step} lm {lm:.4f} check {check:.4f} probe {probe:.4f} reserved {said:.4f}", flush=True)
            save(run, a.out)
        if run.step % a.validate_every == 0 and run.step < stage.steps:
            validate(run.model, validation, 40, 8), run.model.train()
    save(run, a.out)
    if not stopped:
        validate(run.model, validation, a.validate_on, 8)


if __name__ == "__main__":
    main()
