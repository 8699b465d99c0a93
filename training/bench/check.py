"""Whether the forms of one model say the same: logits of the graphs that were written, in this very precision, and whether
what comes next is neither certain nor anybody's guess."""
from pathlib import Path

import numpy as np
import onnxruntime

IDS = list(range(40, 72))
APART = {"fp32": 1e-4, "int4": 0.1, "fp16": 0.02}
"""The mean difference allowed, in standard deviations of the logits; activations in eight bits, and half precision, round unlike."""


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def logits(path: Path) -> np.ndarray:
    """After the last of `IDS`, [vocabulary]."""
    runner = session(path)
    known = {
        "input_ids": np.array([IDS]), "attention_mask": np.ones((1, len(IDS)), np.int64),
        "position_ids": np.arange(len(IDS))[None], "seqlens_k": np.array([len(IDS) - 1], np.int32),
        "total_sequence_length": np.array(len(IDS), np.int32),
    }
    feeds = {i.name: known[i.name] for i in runner.get_inputs() if i.name in known}
    for given in runner.get_inputs():
        if given.name.startswith("past"):
            # The attention that shares its cache needs room for what is new.
            room = len(IDS) if "seqlens_k" in feeds else 0
            kind = np.float16 if "float16" in given.type else np.float32
            feeds[given.name] = np.zeros((1, given.shape[1], room, given.shape[3]), kind)
    return runner.run(["logits"], feeds)[0][0, -1].astype(np.float64)


def entropy(values: np.ndarray) -> float:
    """Nats."""
    p = np.exp(values - values.max())
    p /= p.sum()
    return float(-(p * np.log(p + 1e-30)).sum())


def agree(folder: Path, precision: str) -> str:
    forms = {name: logits(folder / name) for name in ("optimum/onnx/model.onnx", "genai/model.onnx", "raw/model.onnx")}
    first = forms["optimum/onnx/model.onnx"]
    apart = {name: float(np.abs(values - first).mean() / first.std()) for name, values in forms.items()}
    if max(apart.values()) > APART[precision]:
        raise SystemExit(f"{folder}: logits are apart by {apart}.")
    if not 0.01 < entropy(first) < 0.9 * np.log(len(first)):
        raise SystemExit(f"{folder}: an entropy of {entropy(first):.2f} nats is no distribution of a language model.")
    return f"{folder.parent.name} {precision}: logits apart by {max(apart.values()):.1e}, entropy {entropy(first):.2f} nats"
