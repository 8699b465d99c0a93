"""The ONNX graph with its weights in fewer bits, cast up in the graph, and how far that moves probabilities. Needs
formats.lock only."""
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .bpe import encode

MOST = 1e-3
"""How far a probability may move."""
CONTROLS = ("<|end|>", "<|judge|>", "<|no|>", "<|yes|>")
PROMPTS_OF_A_LEVEL = 3


def weight_names(graph: onnx.GraphProto) -> set[str]:
    """Matrices of products, and the embedding; tables of rotations stay as they are."""
    stored = {i.name for i in graph.initializer}
    multiplied = {n.input[1] for n in graph.node if n.op_type == "MatMul"}
    return (multiplied & stored) | {"model.embedding.weight"}


def half(name: str, value: np.ndarray) -> tuple[list, list]:
    stored = numpy_helper.from_array(value.astype(np.float16), f"{name}.half")
    return [stored], [helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT)]


def whole(kind: type[np.signedinteger], block: int) -> Callable[[str, np.ndarray], tuple[list, list]]:
    """Whole numbers, and one scale for each so many weights that lie side by side."""
    top = np.iinfo(kind).max

    def reduce(name: str, value: np.ndarray) -> tuple[list, list]:
        rows = value.reshape(-1, block)
        scale = (np.abs(rows).max(1, keepdims=True) / top).astype(np.float32)
        steps = np.rint(rows / np.where(scale > 0, scale, 1)).astype(kind)
        parts = {"steps": steps, "scale": scale, "shape": np.array(value.shape, np.int64)}
        stored = [numpy_helper.from_array(part, f"{name}.{part_name}") for part_name, part in parts.items()]
        # Not DequantizeLinear: these are computed once, when the graph is loaded.
        return stored, [
            helper.make_node("Cast", [f"{name}.steps"], [f"{name}.cast"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [f"{name}.flat"]),
            helper.make_node("Reshape", [f"{name}.flat", f"{name}.shape"], [name]),
        ]

    return reduce


# The smallest first.
REDUCTIONS = {
    "int8 in blocks of 32": whole(np.int8, 32), "int8 in blocks of 16": whole(np.int8, 16), "fp16": half,
    "int16 in blocks of 32": whole(np.int16, 32),
}


def reduced(model: onnx.ModelProto, reduce: Callable[[str, np.ndarray], tuple[list, list]]) -> onnx.ModelProto:
    out = onnx.ModelProto()
    out.CopyFrom(model)
    names, kept, first = weight_names(model.graph), [], []
    for tensor in model.graph.initializer:
        stored, nodes = reduce(tensor.name, numpy_helper.to_array(tensor)) if tensor.name in names else ([tensor], [])
        kept += stored
        first += nodes
    del out.graph.initializer[:], out.graph.node[:]
    out.graph.initializer.extend(kept)
    out.graph.node.extend([*first, *model.graph.node])
    return out


Read = Callable[[list[int]], np.ndarray]
"""From ids to logits, [length, vocabulary]."""


class Reader:
    """A `Read` by ONNX Runtime, of a whole sequence at once."""

    def __init__(self, model: onnx.ModelProto):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])

    def __call__(self, ids: list[int]) -> np.ndarray:
        feeds = {}
        for given in self.session.get_inputs():
            if given.name.startswith("past"):
                feeds[given.name] = np.zeros((1, given.shape[1], 0, given.shape[3]), np.float32)
        row = np.array([ids], np.int64)
        feeds |= {"input_ids": row, "attention_mask": np.ones_like(row)}
        if any(given.name == "position_ids" for given in self.session.get_inputs()):
            feeds["position_ids"] = np.arange(len(ids))[None]
        return self.session.run(["logits"], feeds)[0][0].astype(np.float64)


def softmax(logits: np.ndarray) -> np.ndarray:
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def greedy(read: Read, prompt: list[int], end: int, never: list[int], most: int) -> list[int]:
    """The answer without its end; tokens of `never` are not drawn."""
    answer: list[int] = []
    while len(answer) < most:
        logits = read([*prompt, *answer])[-1]
        logits[never] = -np.inf
        answer.append(int(logits.argmax()))
        if answer[-1] == end:
            return answer[:-1]
    return answer


def contexts(model: Path, read: Read) -> list[tuple[list[int], int]]:
    """Held-out problems with the model's own answers, and with the question behind the half and the whole of them; with
    each the position from which on probabilities count."""
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    end, *never = (encode(name, tokenizer)[0] for name in CONTROLS)
    question = "".join(t["content"] for t in tokenizer["added_tokens"] if not t["special"])
    asked = encode(f"<|end|><|user|>{question}<|end|><|assistant|>", tokenizer)
    levels = json.loads((model / "problems.json").read_text())["validation"]["levels"]
    found = []
    for text in (text for texts in levels.values() for text in texts[:PROMPTS_OF_A_LEVEL]):
        prompt = encode(f"<|user|>{text}<|end|><|assistant|>", tokenizer)
        answer = greedy(read, prompt, end, never, most=60)
        found.append(([*prompt, *answer], len(prompt) - 1))
        for cut in (len(answer) // 2, len(answer)):
            ids = [*prompt, *answer[:cut], *asked]
            found.append((ids, len(ids) - 1))
    return found


def difference(one: Read, other: Read, at: list[tuple[list[int], int]], pair: tuple[int, int]) -> float:
    """The largest difference of any token's probability, and of the first of `pair`'s share of both (the reserved
    labels: each of them may be rare)."""
    most, pair = 0.0, list(pair)
    for ids, first in at:
        a, b = softmax(one(ids)[first:]), softmax(other(ids)[first:])
        shares = [p[:, pair[0]] / p[:, pair].sum(1) for p in (a, b)]
        most = max(most, float(np.abs(a - b).max()), float(np.abs(shares[0] - shares[1]).max()))
    return most


def smallest(model: Path, graph: onnx.ModelProto) -> tuple[str, onnx.ModelProto]:
    """The first reduction that moves no probability by more than `MOST`; says what it measured."""
    read = Reader(graph)
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    no, yes = (encode(name, tokenizer)[0] for name in CONTROLS[2:])
    at = contexts(model, read)
    for name, reduce in REDUCTIONS.items():
        small = reduced(graph, reduce)
        moved = difference(read, Reader(small), at, (no, yes))
        size = f"{small.ByteSize() / 1e6:.1f} MB"
        print(f"{name}: {size}, probabilities move by {moved:.1e} at most ({MOST:.0e} is allowed)")
        if moved <= MOST:
            return name, small
    raise SystemExit(f"No smaller precision keeps probabilities within {MOST:.0e}.")
