"""Every stage for a few steps on a tiny model, then the export, in about a minute: does the training code still run?

    python -m pocket.smoke
"""
import importlib.metadata
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from . import export, families
from . import tokenizer as tok
from .model import Config
from .run import Pools, Run
from .stages import STAGES
from .train import save

TINY = Config(width=32, layers=2, heads=2, hidden=48)
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(name: str, outcome: bool | None, detail: str = "") -> None:
    word = {True: "passed", False: "failed", None: "skipped"}[outcome]
    counts[word] += 1
    print(f"{word:8s}{name}{': ' if detail else ''}{detail}", flush=True)


def cuda_packages() -> None:
    """A CPU build must not bring gigabytes of CUDA along."""
    found = sorted({d.name for d in importlib.metadata.distributions() if d.name.lower().startswith(("nvidia", "cuda", "triton"))})
    if torch.version.cuda is None:
        check("no CUDA package came along", not found, ", ".join(found))
    else:
        check("no CUDA package came along", None, f"pip offers no CPU build of torch here, so torch {torch.__version__} brought {len(found)}")


def stages(folder: Path) -> Run:
    run, pools = None, Pools(40)
    for name, stage in STAGES.items():
        groups = tuple(replace(g, size=8) for g in stage.groups)
        small = replace(stage, steps=4, groups=groups, drafts=30 if stage.drafts else 0, refresh=2)
        next_run = Run(small, pools, seed=1, config=TINY)
        if run is not None:
            next_run.load(torch.load(folder / "last.pt", weights_only=False), resume=False)
        run = next_run
        losses = [loss.tolist() for loss in (run.advance() for _ in range(small.steps)) if loss is not None]
        save(run.state(), folder / "last.pt")
        check(f"stage {name}", bool(np.isfinite(losses).all()), f"{small.steps} steps, language loss {losses[-1][0]:.2f}")
    return run


def exported(folder: Path, run: Run) -> None:
    model = run.model.eval()
    export.write_graph(model, folder / "model.onnx")
    export.write_configs(model.c, folder)
    tok.save(folder)
    known = export.oracle(model, [families.problems(level, "test", 1)[0] for level in ("countdown4", "fork6")])
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    head = model.c.width // model.c.heads
    worst = 0.0
    for case in known:
        for label in case["labels"]:
            ids = np.array([case["promptIds"] + case["answerIds"][: label["after"]] + case["checkIds"]])
            feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "position_ids": np.arange(ids.shape[1])[None]}
            for i in range(model.c.layers):
                for kind in ("key", "value"):
                    feeds[f"past_key_values.{i}.{kind}"] = np.zeros((1, model.c.heads, 0, head), np.float32)
            z = session.run(["logits"], feeds)[0][0, -1].astype(float)
            p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
            worst = max(worst, abs(p[tok.NO] - label["asked"]["No"]), abs(p[tok.YES] - label["asked"]["Yes"]))
    check("the exported graph says what the training code says", worst < 1e-4, f"largest difference {worst:.1e}")
    config = json.loads((folder / "config.json").read_text())
    check("the configuration is the model's", config["vocab_size"] == tok.VOCABULARY and config["eos_token_id"] == tok.END)


def main() -> int:
    start = time.time()
    torch.set_num_threads(2)
    cuda_packages()
    with tempfile.TemporaryDirectory() as name:
        run = stages(Path(name))
        exported(Path(name), run)
    print(f"training smoke: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped ({time.time() - start:.0f} s)")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
