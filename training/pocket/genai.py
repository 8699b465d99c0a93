"""The model as ONNX Runtime GenAI has its models: one graph of the runtime's fused operators, in which attention
(GroupQueryAttention) does the rotation and writes into a cache that is shared between past and present, and
genai_config.json. Needs formats.lock only."""
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FUSED = "com.microsoft"
COPIED = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]


class Graph:
    """Nodes and weights as they are written; every method gives the name of what it computes."""

    def __init__(self, tensors: dict[str, np.ndarray]):
        self.tensors, self.nodes, self.stored = tensors, [], {}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.stored[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def run(self, kind: str, inputs: list[str], name: str, outputs=None, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, outputs or [name], name=f"{name}/{kind}", **attributes))
        return name

    def linear(self, x: str, name: str) -> str:
        weight = self.constant(f"{name}.transposed", self.tensors[f"{name}.weight"].T)
        return self.run("MatMul", [x, weight], f"{name}.out")

    def norm(self, x: str, name: str, epsilon: float) -> str:
        weight = self.constant(f"{name}.weight", self.tensors[f"{name}.weight"])
        options = {"axis": -1, "epsilon": epsilon, "stash_type": 1}
        return self.run("SimplifiedLayerNormalization", [x, weight], f"{name}.out", **options)


def rotation(config: dict) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines [context, half a head]."""
    half = np.arange(0, config["head_dim"], 2, dtype=np.float32) / config["head_dim"]
    positions = np.arange(config["max_position_embeddings"], dtype=np.float32)
    angle = positions[:, None] * config["rope_theta"] ** -half[None]
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def lengths(g: Graph) -> None:
    """From the mask, what the attention wants to know: each row's last position, and how many there are at most."""
    g.constant("one", np.array([1], np.int64))
    g.run("ReduceSum", ["attention_mask", "one"], "tokens", keepdims=0)
    g.run("Cast", [g.run("Sub", ["tokens", "one"], "last")], "seqlens_k", to=TensorProto.INT32)
    g.run("Gather", [g.run("Shape", ["attention_mask"], "shape"), g.constant("axis", np.array(1, np.int64))], "total")
    g.run("Cast", ["total"], "total_sequence_length", to=TensorProto.INT32)


def block(g: Graph, x: str, i: int, config: dict) -> str:
    name = f"model.layers.{i}"
    y = g.norm(x, f"{name}.input_layernorm", config["rms_norm_eps"])
    qkv = [g.linear(y, f"{name}.self_attn.{part}_proj") for part in "qkv"]
    past = [f"past_key_values.{i}.key", f"past_key_values.{i}.value"]
    known = ["seqlens_k", "total_sequence_length", "cos_cache", "sin_cache"]
    mixed = g.run(
        "GroupQueryAttention", [*qkv, *past, *known], f"{name}.mixed", domain=FUSED,
        outputs=[f"{name}.mixed", f"present.{i}.key", f"present.{i}.value"], num_heads=config["num_attention_heads"],
        kv_num_heads=config["num_key_value_heads"], scale=config["head_dim"] ** -0.5, do_rotary=1, rotary_interleaved=0,
    )
    x = g.run("Add", [x, g.linear(mixed, f"{name}.self_attn.o_proj")], f"{name}.attended")
    y = g.norm(x, f"{name}.post_attention_layernorm", config["rms_norm_eps"])
    gate, up = (g.linear(y, f"{name}.mlp.{part}_proj") for part in ("gate", "up"))
    silu = g.run("Mul", [gate, g.run("Sigmoid", [gate], f"{gate}.sigmoid")], f"{gate}.silu")
    down = g.linear(g.run("Mul", [silu, up], f"{name}.mlp.hidden"), f"{name}.mlp.down_proj")
    return g.run("Add", [x, down], f"{name}.out")


def value(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def cache(name: str, length: str, config: dict) -> list[onnx.ValueInfoProto]:
    shape = ("batch", config["num_key_value_heads"], length, config["head_dim"])
    names = [f"{name}.{i}.{part}" for i in range(config["num_hidden_layers"]) for part in ("key", "value")]
    return [value(name, TensorProto.FLOAT, *shape) for name in names]


def build(config: dict, tensors: dict[str, np.ndarray]) -> onnx.ModelProto:
    g = Graph(tensors)
    for name, table in zip(("cos_cache", "sin_cache"), rotation(config)):
        g.constant(name, table)
    embedding = g.constant("model.embed_tokens.weight", tensors["model.embed_tokens.weight"])
    lengths(g)
    x = g.run("Gather", [embedding, "input_ids"], "embedded")
    for i in range(config["num_hidden_layers"]):
        x = block(g, x, i, config)
    x = g.norm(x, "model.norm", config["rms_norm_eps"])
    g.run("MatMul", [x, g.run("Transpose", [embedding], "lm_head", perm=[1, 0])], "logits")
    widths = {"input_ids": "length", "attention_mask": "total"}
    inputs = [value(name, TensorProto.INT64, "batch", width) for name, width in widths.items()]
    inputs += cache("past_key_values", "past", config)
    logits = value("logits", TensorProto.FLOAT, "batch", "length", config["vocab_size"])
    outputs = [logits, *cache("present", "present", config)]
    graph = helper.make_graph(g.nodes, "pocket", inputs, outputs, list(g.stored.values()))
    versions = [helper.make_opsetid("", 18), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(graph, ir_version=9, opset_imports=versions)


def settings(config: dict) -> dict:
    """genai_config.json."""
    decoder = {
        "session_options": {"provider_options": []}, "filename": "model.onnx",
        "head_size": config["head_dim"], "hidden_size": config["hidden_size"],
        "num_attention_heads": config["num_attention_heads"], "num_hidden_layers": config["num_hidden_layers"],
        "num_key_value_heads": config["num_key_value_heads"],
        "inputs": {
            "input_ids": "input_ids", "attention_mask": "attention_mask",
            "past_key_names": "past_key_values.%d.key", "past_value_names": "past_key_values.%d.value",
        },
        "outputs": {
            "logits": "logits", "present_key_names": "present.%d.key", "present_value_names": "present.%d.value",
        },
    }
    model = {
        "type": "llama", "vocab_size": config["vocab_size"], "context_length": config["max_position_embeddings"],
        "eos_token_id": config["eos_token_id"], "pad_token_id": config["pad_token_id"],
        "bos_token_id": config["eos_token_id"],  # one must be named; nothing is begun with it
        "decoder": decoder,
    }
    search = {
        "do_sample": False, "num_beams": 1, "temperature": 1.0, "top_k": 0, "top_p": 1.0,
        "max_length": config["max_position_embeddings"], "past_present_share_buffer": True,
    }
    return {"model": model, "search": search}


def write(model: Path, config: dict, tensors: dict[str, np.ndarray], out: Path) -> None:
    """`model` gives the tokenizer and configurations, which are copied."""
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(build(config, tensors), str(out / "model.onnx"))
    (out / "genai_config.json").write_text(json.dumps(settings(config), indent=2) + "\n")
    for name in COPIED:
        shutil.copyfile(model / name, out / name)
