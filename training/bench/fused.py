"""The graph as ONNX Runtime GenAI's builder writes it: queries, keys and values in one product, GroupQueryAttention with the
rotation inside, a normalisation that adds the residual, logits of the last position only."""
import numpy as np
import onnx
from onnx import TensorProto, helper

from pocket.genai import FUSED, Graph, cache, lengths, rotation, value

NORM = {"axis": -1, "stash_type": 1}


def added(g: Graph, x: str, more: str, name: str, epsilon: float) -> tuple[str, str]:
    """The normalised sum and the sum."""
    weight = g.constant(f"{name}.weight", g.tensors[f"{name}.weight"])
    outputs = [f"{name}.out", "", "", f"{name}.sum"]
    g.run("SkipSimplifiedLayerNormalization", [x, more, weight], name, outputs, domain=FUSED, epsilon=epsilon)
    return outputs[0], outputs[3]


def attention(g: Graph, y: str, i: int, config: dict) -> str:
    name = f"model.layers.{i}.self_attn"
    parts = [g.tensors[f"{name}.{part}_proj.weight"] for part in "qkv"]
    packed = g.run("MatMul", [y, g.constant(f"{name}.qkv", np.concatenate(parts).T)], f"{name}.qkv.out")
    past = [f"past_key_values.{i}.{part}" for part in ("key", "value")]
    known = ["seqlens_k", "total_sequence_length", "cos_cache", "sin_cache"]
    outputs = [f"{name}.mixed", f"present.{i}.key", f"present.{i}.value"]
    g.run(
        "GroupQueryAttention", [packed, "", "", *past, *known], name, outputs, domain=FUSED,
        num_heads=config["num_attention_heads"], kv_num_heads=config["num_key_value_heads"],
        scale=config["head_dim"] ** -0.5, do_rotary=1, rotary_interleaved=0,
    )
    return g.linear(outputs[0], f"{name}.o_proj")


def body(g: Graph, config: dict) -> str:
    """The normalised hidden states."""
    epsilon = config["rms_norm_eps"]
    x = g.run("Gather", ["model.embed_tokens.weight", "input_ids"], "embedded")
    y = g.norm(x, "model.layers.0.input_layernorm", epsilon)
    for i in range(config["num_hidden_layers"]):
        name = f"model.layers.{i}"
        y, x = added(g, x, attention(g, y, i, config), f"{name}.post_attention_layernorm", epsilon)
        gate, up = (g.linear(y, f"{name}.mlp.{part}_proj") for part in ("gate", "up"))
        silu = g.run("Mul", [gate, g.run("Sigmoid", [gate], f"{gate}.sigmoid")], f"{gate}.silu")
        down = g.linear(g.run("Mul", [silu, up], f"{name}.mlp.hidden"), f"{name}.mlp.down_proj")
        is_last = i + 1 == config["num_hidden_layers"]
        y, x = added(g, x, down, "model.norm" if is_last else f"model.layers.{i + 1}.input_layernorm", epsilon)
    return y


def last(g: Graph, y: str) -> str:
    ends = {"last.start": [-1], "last.end": [np.iinfo(np.int64).max], "last.axis": [1]}
    return g.run("Slice", [y, *(g.constant(name, np.array(at, np.int64)) for name, at in ends.items())], "last.out")


def build(config: dict, tensors: dict[str, np.ndarray], is_raw: bool) -> onnx.ModelProto:
    """`is_raw`: the lengths are given as the attention wants them, not as a mask that they are read from."""
    g = Graph(tensors)
    for name, table in zip(("cos_cache", "sin_cache"), rotation(config)):
        g.constant(name, table)
    embedding = g.constant("model.embed_tokens.weight", tensors["model.embed_tokens.weight"])
    if is_raw:
        told = [value("seqlens_k", TensorProto.INT32, "batch"), value("total_sequence_length", TensorProto.INT32)]
    else:
        lengths(g)
        told = [value("attention_mask", TensorProto.INT64, "batch", "total")]
    hidden = last(g, body(g, config))
    g.run("MatMul", [hidden, g.run("Transpose", [embedding], "lm_head", perm=[1, 0])], "logits")
    inputs = [value("input_ids", TensorProto.INT64, "batch", "length"), *told, *cache("past_key_values", "past", config)]
    logits = value("logits", TensorProto.FLOAT, "batch", 1, config["vocab_size"])
    graph = helper.make_graph(g.nodes, "fused", inputs, [logits, *cache("present", "present", config)], list(g.stored.values()))
    versions = [helper.make_opsetid("", 18), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(graph, ir_version=9, opset_imports=versions)
