"""The graph as Optimum exports a Llama: every step in plain operators, the whole cache joined and given back, keys and
values repeated for the heads that share them, logits of every position."""
import numpy as np
import onnx
from onnx import TensorProto, helper

from pocket.genai import Graph, cache, value

MOST = np.iinfo(np.int64).max


def ints(g: Graph, *values: int) -> str:
    return g.constant(f"ints.{'_'.join(map(str, values))}", np.array(values, np.int64))


def number(g: Graph, content: float) -> str:
    return g.constant(f"number.{content}", np.array(content, np.float32))


def norm(g: Graph, x: str, name: str, epsilon: float) -> str:
    squared = g.run("Pow", [x, number(g, 2.0)], f"{name}.squared")
    mean = g.run("ReduceMean", [squared, ints(g, -1)], f"{name}.mean")
    root = g.run("Sqrt", [g.run("Add", [mean, number(g, epsilon)], f"{name}.shifted")], f"{name}.root")
    inverse = g.run("Div", [number(g, 1.0), root], f"{name}.inverse")
    weight = g.constant(f"{name}.weight", g.tensors[f"{name}.weight"])
    return g.run("Mul", [weight, g.run("Mul", [x, inverse], f"{name}.normed")], f"{name}.out")


def frequencies(g: Graph, config: dict) -> None:
    """Cosines and sines of the positions, [batch, 1, length, head]."""
    half = np.arange(0, config["head_dim"], 2, dtype=np.float32) / config["head_dim"]
    g.constant("inverse_frequency", (config["rope_theta"] ** -half).astype(np.float32)[None, None])
    at = g.run("Cast", [g.run("Unsqueeze", ["position_ids", ints(g, 2)], "at.column")], "at", to=TensorProto.FLOAT)
    angle = g.run("Mul", [at, "inverse_frequency"], "angle")
    whole = g.run("Concat", [angle, angle], "angles", axis=-1)
    for kind in ("Cos", "Sin"):
        g.run("Unsqueeze", [g.run(kind, [whole], f"{kind}.of"), ints(g, 1)], kind.lower())


def rotated(g: Graph, x: str, head: int) -> str:
    first = g.run("Slice", [x, ints(g, 0), ints(g, head // 2), ints(g, 3)], f"{x}.first")
    second = g.run("Slice", [x, ints(g, head // 2), ints(g, MOST), ints(g, 3)], f"{x}.second")
    turned = g.run("Concat", [g.run("Neg", [second], f"{x}.negative"), first], f"{x}.turned", axis=-1)
    parts = [g.run("Mul", [x, "cos"], f"{x}.cos"), g.run("Mul", [turned, "sin"], f"{x}.sin")]
    return g.run("Add", parts, f"{x}.rotated")


def mask(g: Graph) -> None:
    """[batch, 1, length, total]: 0 where a token sees, the least number where it does not."""
    length = g.run("Shape", ["input_ids"], "length", start=1, end=2)
    total = g.run("Shape", ["attention_mask"], "total", start=1, end=2)
    scalars = [g.run("Squeeze", [name], f"{name}.scalar") for name in (length, total)]
    zero, one = (g.constant(f"scalar.{i}", np.array(i, np.int64)) for i in (0, 1))
    slots = g.run("Range", [zero, scalars[1], one], "slots")
    before = g.run("Sub", scalars[::-1], "before")
    row = g.run("Add", [g.run("Range", [zero, scalars[0], one], "new"), before], "row")
    causal = g.run("LessOrEqual", [slots, g.run("Unsqueeze", [row, ints(g, 1)], "row.column")], "causal")
    given = g.run("Cast", ["attention_mask"], "given", to=TensorProto.BOOL)
    seen = g.run("And", [g.run("Unsqueeze", [given, ints(g, 1, 2)], "given.wide"), causal], "seen")
    g.run("Where", [seen, number(g, 0.0), number(g, float(np.finfo(np.float32).min))], "mask")


def heads(g: Graph, x: str, count: int, head: int) -> str:
    apart = g.run("Reshape", [x, ints(g, 0, 0, count, head)], f"{x}.apart")
    return g.run("Transpose", [apart], f"{x}.heads", perm=[0, 2, 1, 3])


def repeated(g: Graph, x: str, config: dict) -> str:
    many, few, head = (config[name] for name in ("num_attention_heads", "num_key_value_heads", "head_dim"))
    if many == few:
        return x
    shape = [g.run("Shape", [x], f"{x}.batch", start=0, end=1), g.run("Shape", [x], f"{x}.length", start=2, end=3)]
    wide = g.run("Concat", [shape[0], ints(g, few, many // few), shape[1], ints(g, head)], f"{x}.wide_shape", axis=0)
    flat = g.run("Concat", [shape[0], ints(g, many), shape[1], ints(g, head)], f"{x}.flat_shape", axis=0)
    wider = g.run("Expand", [g.run("Unsqueeze", [x, ints(g, 2)], f"{x}.unsqueezed"), wide], f"{x}.expanded")
    return g.run("Reshape", [wider, flat], f"{x}.repeated")


def attention(g: Graph, y: str, i: int, config: dict) -> str:
    name, head = f"model.layers.{i}.self_attn", config["head_dim"]
    few = config["num_key_value_heads"]
    counts = {"q": config["num_attention_heads"], "k": few, "v": few}
    q, k, v = (heads(g, g.linear(y, f"{name}.{part}_proj"), count, head) for part, count in counts.items())
    new = {"key": rotated(g, k, head), "value": v}
    keys, values = (g.run("Concat", [f"past_key_values.{i}.{kind}", x], f"present.{i}.{kind}", axis=2) for kind, x in new.items())
    turned = g.run("Transpose", [repeated(g, keys, config)], f"{name}.columns", perm=[0, 1, 3, 2])
    scores = g.run("MatMul", [rotated(g, q, head), turned], f"{name}.scores")
    scaled = g.run("Mul", [scores, number(g, head**-0.5)], f"{name}.scaled")
    weighed = g.run("Softmax", [g.run("Add", [scaled, "mask"], f"{name}.masked")], f"{name}.weights", axis=-1)
    mixed = g.run("MatMul", [weighed, repeated(g, values, config)], f"{name}.mixed")
    joined = g.run("Transpose", [mixed], f"{name}.rows", perm=[0, 2, 1, 3])
    flat = g.run("Reshape", [joined, ints(g, 0, 0, counts["q"] * head)], f"{name}.flat")
    return g.linear(flat, f"{name}.o_proj")


def block(g: Graph, x: str, i: int, config: dict) -> str:
    name, epsilon = f"model.layers.{i}", config["rms_norm_eps"]
    mixed = attention(g, norm(g, x, f"{name}.input_layernorm", epsilon), i, config)
    x = g.run("Add", [x, mixed], f"{name}.attended")
    y = norm(g, x, f"{name}.post_attention_layernorm", epsilon)
    gate, up = (g.linear(y, f"{name}.mlp.{part}_proj") for part in ("gate", "up"))
    silu = g.run("Mul", [gate, g.run("Sigmoid", [gate], f"{gate}.sigmoid")], f"{gate}.silu")
    down = g.linear(g.run("Mul", [silu, up], f"{name}.mlp.hidden"), f"{name}.mlp.down_proj")
    return g.run("Add", [x, down], f"{name}.out")


def build(config: dict, tensors: dict[str, np.ndarray]) -> onnx.ModelProto:
    g = Graph(tensors)
    embedding = g.constant("model.embed_tokens.weight", tensors["model.embed_tokens.weight"])
    frequencies(g, config)
    mask(g)
    x = g.run("Gather", [embedding, "input_ids"], "embedded")
    for i in range(config["num_hidden_layers"]):
        x = block(g, x, i, config)
    hidden = norm(g, x, "model.norm", config["rms_norm_eps"])
    g.run("MatMul", [hidden, g.run("Transpose", [embedding], "lm_head", perm=[1, 0])], "logits")
    widths = {"input_ids": "length", "attention_mask": "total", "position_ids": "length"}
    inputs = [value(name, TensorProto.INT64, "batch", width) for name, width in widths.items()]
    inputs += cache("past_key_values", "past", config)
    logits = value("logits", TensorProto.FLOAT, "batch", "length", config["vocab_size"])
    outputs = [logits, *cache("present", "present", config)]
    graph = helper.make_graph(g.nodes, "written_out", inputs, outputs, list(g.stored.values()))
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 18)])
