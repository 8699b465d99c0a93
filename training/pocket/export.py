"""Writes a checkpoint as the model folder that ships: ONNX in Optimum's naming, tokenizer, configurations, problems, and
the oracle that the ONNX backend is tested against.

    python -m pocket.export --checkpoint runs/final.pt
"""
import argparse
import json
import random
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

from . import families, sample, traffic
from . import tokenizer as tok
from .model import Config, Model, rotate

ROOT = Path(__file__).resolve().parents[2]
ORACLE_PROBLEMS, ORACLE_CUTS = 4, [0, 7, 15, 50]  # problems of each level


class Decoder(nn.Module):
    """The model with its past as inputs and outputs, as Optimum names them."""

    def __init__(self, model: Model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, past):
        m = self.model
        length, total = input_ids.shape[1], attention_mask.shape[1]
        cos, sin = m.cos[position_ids][:, None], m.sin[position_ids][:, None]
        slot = torch.arange(total)
        causal = slot[None, :] <= (torch.arange(length) + (total - length))[:, None]
        seen = causal[None, None] & (attention_mask[:, None, None, :] > 0)
        mask = torch.where(seen, 0.0, -1e9)
        x, present = m.embedding(input_ids), []
        for block, (key, value) in zip(m.blocks, past):
            y = block.norm1(x)
            q, k, v = (p(y).view(y.shape[0], length, block.heads, -1).transpose(1, 2) for p in (block.q, block.k, block.v))
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
            k, v = torch.cat([key, k], 2), torch.cat([value, v], 2)
            present.append((k, v))
            weights = ((q @ k.transpose(-1, -2)) * (q.shape[-1] ** -0.5) + mask).softmax(-1)
            x = x + block.o((weights @ v).transpose(1, 2).flatten(2))
            y = block.norm2(x)
            x = x + block.down(F.silu(block.gate(y)) * block.up(y))
        return (m.logits(m.norm(x)), *(t for kv in present for t in kv))


def write_graph(model: Model, path: Path) -> None:
    c = model.c
    past_shape = (2, c.heads, 3, c.width // c.heads)
    past = [(torch.randn(past_shape), torch.randn(past_shape)) for _ in range(c.layers)]
    ids = torch.randint(0, c.vocabulary, (2, 4))
    inputs = (ids, torch.ones(2, 7, dtype=torch.long), torch.arange(3, 7).expand(2, 4).contiguous(), past)
    dynamic, auto = torch.export.Dim.DYNAMIC, {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    cache = {0: dynamic, 2: dynamic}
    names = [f"{i}.{kind}" for i in range(c.layers) for kind in ("key", "value")]
    torch.onnx.export(
        Decoder(model).eval(), inputs, str(path), opset_version=18, dynamo=True, external_data=False, verbose=False,
        input_names=["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{n}" for n in names)],
        output_names=["logits", *(f"present.{n}" for n in names)],
        dynamic_shapes=(auto, auto, auto, [(cache, cache) for _ in range(c.layers)]),
    )
    without_traces(path)


def without_traces(path: Path) -> None:
    """Each node says where in the Python code it comes from, by the paths of the machine that exported it."""
    model = onnx.load(str(path))
    for part in [model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]
    onnx.save(model, str(path))


def write_configs(c: Config, folder: Path) -> None:
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": c.vocabulary, "hidden_size": c.width,
        "intermediate_size": c.hidden, "num_hidden_layers": c.layers, "num_attention_heads": c.heads,
        "num_key_value_heads": c.heads, "head_dim": c.width // c.heads, "hidden_act": "silu", "rms_norm_eps": 1e-5,
        "rope_theta": c.rope_theta, "max_position_embeddings": c.context, "tie_word_embeddings": True,
        "attention_bias": False, "mlp_bias": False, "bos_token_id": None, "eos_token_id": tok.END, "pad_token_id": tok.PAD,
        "torch_dtype": "float32",
    }
    generation = {
        "eos_token_id": tok.END, "pad_token_id": tok.PAD,
        "suppress_tokens": sample.RESERVED, "do_sample": True,
        "temperature": 1.0,
    }
    for name, content in (("config.json", config), ("generation_config.json", generation)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")


def write_problems(folder: Path) -> None:
    """Held-out problems as the model is asked them, numbers in random order."""
    rng = random.Random(0)
    content: dict = {
        "about": "Held-out problems: no set of numbers, no walls here were trained. Made by training/pocket/traffic.py.",
        "seed": traffic.SEED,
        "bands": traffic.BANDS,
        "shares": traffic.SHARES,
        "tokens": {level: families.typical_tokens(level) for band in traffic.BANDS.values() for level in band},
    }
    for part in ("validation", "test"):
        by_level = traffic.lists(part)
        texts = {p: tok.decode(families.prompt(p, rng)) for problems in by_level.values() for p in problems}
        content[part] = {
            "levels": {level: [texts[p] for p in problems] for level, problems in by_level.items()},
            "mix": [{"level": p.level, "prompt": texts[p]} for p in traffic.mix(part, by_level)],
        }
    (folder / "problems.json").write_text(json.dumps(content, indent=1) + "\n")


@torch.no_grad()
def oracle(model: Model, problems: list) -> list[dict]:
    """What the training code says in single precision: greedy answers and the labels' probabilities on the way."""
    tokens, log_probs = sample.draw(model, problems, 0.0)
    out = []
    for problem, row, own in zip(problems, tokens, log_probs):
        answer = [int(t) for t in row if t != tok.PAD]
        labels = []
        for cut in ORACLE_CUTS:
            kept = answer[: min(cut, len(answer) - 1)]
            asked = label_probabilities(model, [*families.prompt(problem), *kept, *tok.FULL], tok.NO, tok.YES)
            own_position = label_probabilities(model, [*families.prompt(problem), *kept], tok.RESERVED_NO, tok.RESERVED_YES)
            labels.append({"after": len(kept), "asked": asked, "reserved": own_position})
        prompt = families.prompt(problem)
        out.append({
            "level": problem.level, "prompt": tok.decode(prompt), "promptIds": prompt, "checkIds": tok.FULL,
            "answerIds": answer, "answer": tok.decode(answer), "logProbs": own[: len(answer)].astype(float).tolist(),
            "right": bool(families.trace(problem, answer)[0]), "labels": labels,
        })
    return out


def label_probabilities(model: Model, ids: list[int], no: int, yes: int) -> dict:
    p = F.softmax(model.logits(model(torch.tensor([ids]))[:, -1]).double(), -1)[0]
    return {"No": p[no].item(), "Yes": p[yes].item()}


def oracle_problems() -> list:
    return [p for level in families.LEVELS for p in families.problems(level, "test", ORACLE_PROBLEMS, seed=1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=ROOT / "models/pocket")
    parser.add_argument("--oracle", type=Path, default=ROOT / "packages/onnx/test/fixtures/pocket.json")
    parser.add_argument("--model-only", action="store_true", help="without problems and oracle")
    a = parser.parse_args()
    torch.set_num_threads(1)
    model = Model().eval()
    model.load_state_dict(torch.load(a.checkpoint, weights_only=False, map_location="cpu")["model"])
    a.folder.mkdir(parents=True, exist_ok=True), a.oracle.parent.mkdir(parents=True, exist_ok=True)
    write_graph(model, a.folder / "model.onnx")
    write_configs(model.c, a.folder)
    tok.save(a.folder)
    if not a.model_only:
        write_problems(a.folder)
        a.oracle.write_text(json.dumps(oracle(model, oracle_problems())) + "\n")
    print({f.name: f.stat().st_size for f in sorted(a.folder.iterdir())})


if __name__ == "__main__":
    main()
