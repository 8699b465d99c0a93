"""One stage in the making: problems, model, optimisers, drafts, and the step."""
import pickle
import random
import time
from pathlib import Path

import torch

from . import batches, data, families
from .model import Config, Model, Probe
from .muon import Muon
from .objective import Objective, captured
from .stages import TRAINED, Stage

PROBE_BLOCK = 5  # the residual after the sixth block; the last two only read it
POOL = 20_000  # distinct problems of a level
LARGER = {"countdown4": 160_000, "countdown5": 60_000}  # with 20,000 the last stages unlearn the early depths (LOG.md)
SHARES = {"train": 1, "calibration": 1 / 4, "validation": 1 / 50}  # of that


def optimisers(model: Model, probe: Probe, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for embeddings, norms and the probe."""
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embedding" not in n]
    rest = [p for n, p in model.named_parameters() if p.dim() != 2 or "embedding" in n] + list(probe.parameters())
    return [Muon(matrices, lr=lr), torch.optim.AdamW(rest, lr=lr, weight_decay=0.01, betas=(0.9, 0.95))]


class Pools:
    """Problems by part and level, made when they are first asked for; with a folder they are kept there from run to run."""

    def __init__(self, size: int | None = None, folder: Path | None = None):
        self.size, self.folder, self.made = size, folder, {}

    def of(self, part: str, level: str) -> list:
        if (part, level) not in self.made:
            size = LARGER.get(level, POOL) if self.size is None and part == "train" else self.size or POOL
            self.made[part, level] = self._kept(part, level, round(size * SHARES[part]))
        return self.made[part, level]

    def _kept(self, part: str, level: str, size: int) -> list:
        path = self.folder and self.folder / f"{part}-{level}-{size}.pickle"
        if path and path.exists():
            return pickle.loads(path.read_bytes())
        made = families.problems(level, part, size)
        if path:
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pickle.dumps(made))
        return made

    def train(self) -> dict:
        return {level: self.of("train", level) for level in TRAINED}


class Run:
    """A stage; `state` is everything that a checkpoint must hold, so that a resumed run is the same run."""

    def __init__(
        self, stage: Stage, pools: Pools, seed: int, compiled: bool = False, config: Config = Config(), judging: bool = True,
        device: str = "cpu", workers: int = 0,
    ):
        self.stage, self.seed, self.pools, self.judging, self.compiled = stage, seed, pools, judging, compiled
        self.device, self.workers = torch.device(device), workers
        torch.manual_seed(seed)
        self.model = Model(config).to(self.device)
        self.probe = Probe(config.width, min(PROBE_BLOCK, config.layers - 1)).to(self.device)
        self.optimisers = optimisers(self.model, self.probe, stage.lr)
        self.objectives: dict[str, Objective] = {}
        self.weights = torch.tensor([1, stage.check_weight, stage.probe_weight, stage.reserved_weight], device=self.device)
        self.step, self.drafts, self.coming = 0, None, None

    def state(self) -> dict:
        return {
            "model": self.model.state_dict(), "probe": self.probe.state_dict(), "step": self.step,
            "optimisers": [o.state_dict() for o in self.optimisers], "drafts": self.drafts,
        }

    def load(self, state: dict, resume: bool) -> None:
        self.model.load_state_dict(state["model"]), self.probe.load_state_dict(state["probe"])
        if not resume:
            return
        self.step, self.drafts = state["step"], state["drafts"]
        for optimiser, saved in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)

    def fresh_drafts(self) -> None:
        """Own drafts of random problems; where the value is a chance against a restart, only problems held out of the policy's
        training are judged: the restarts of trained ones succeed too often."""
        tie, rng = self.stage.labels.tie, random.Random(f"drafts {self.seed} {self.step}")
        problems, judged = [], []
        for group in dict.fromkeys(g for g in self.stage.groups if not g.short):
            for level, weight in group.mix.items():
                count = max(2, round(self.stage.drafts * weight / 2))
                held = rng.sample(pool := self.pools.of("calibration", level), min(count // 2, len(pool))) if tie else []
                own = rng.sample(pool := self.pools.of("train", level), min(count - len(held), len(pool)))
                problems += own + held
                judged += [0.0 if tie else 1.0] * len(own) + [1.0] * len(held)
        start = time.time()
        self.drafts = data.Drafts(self.model, problems, judged, self.stage.each, self.seed * 1000 + self.step)
        right = {level: round(float(self.drafts.right[rows].mean()), 3) for level, rows in self.drafts.rows.items()}
        print(f"drew {len(self.drafts.right)} drafts in {time.time() - start:.0f} s, right: {right}", flush=True)
        self.model.train()

    def _next(self) -> tuple[torch.Tensor, ...]:
        stage = self.stage
        renew = bool(stage.drafts) and self.step % stage.refresh == 0
        if renew or self.coming is None:
            if renew:
                self.coming = None  # its workers end before new ones begin
                self.fresh_drafts()
            steps = batches.Steps(stage.groups, stage.labels, self.pools.train(), self.drafts, self.seed, stage.walk_share, self.judging)
            last = (self.step // stage.refresh + 1) * stage.refresh if stage.drafts else stage.steps
            self.coming = batches.stream(steps, self.step, min(last, stage.steps), self.workers)
        return tuple(t.to(self.device, non_blocking=True) for t in next(self.coming))

    def _objective(self, group: data.Group, sample: tuple[torch.Tensor, ...]):
        if group.name not in self.objectives:
            made = Objective(self.model, self.probe, group, self.judging, self.compiled)
            self.objectives[group.name] = captured(made, sample) if self.device.type == "cuda" else made
        return self.objectives[group.name]

    def advance(self) -> torch.Tensor | None:
        """One step; returns the losses of a full batch, [4]."""
        stage, batch = self.stage, self._next()
        lr = stage.lr + (stage.lr_end - stage.lr) * self.step / stage.steps
        for optimiser in self.optimisers:
            for param_group in optimiser.param_groups:
                param_group["lr"] = lr * min(1, (self.step + 1) / 100)
        group = stage.groups[self.step % len(stage.groups)]
        losses = self._objective(group, batch)(*batch)
        (losses * self.weights).sum().backward()
        torch.nn.utils.clip_grad_norm_([*self.model.parameters(), *self.probe.parameters()], 1.0)
        for optimiser in self.optimisers:
            optimiser.step(), optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return None if group.short else losses.detach().clone()
