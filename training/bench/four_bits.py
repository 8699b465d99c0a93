"""Weights in four bits, the same numbers in both worlds: quantised as llama.cpp's q4_0 does it, 32 weights to one scale, and
written for ONNX Runtime as MatMulNBits with integer activations (accuracy level 4)."""
import numpy as np
import onnx
from gguf import GGMLQuantizationType, quants
from onnx import helper, numpy_helper

from pocket.genai import FUSED

BLOCK, LEVEL = 32, 4
KIND = GGMLQuantizationType.Q4_0


def fits(matrix: np.ndarray) -> bool:
    """Whole blocks along the inputs; what does not fit stays as it is, in both worlds."""
    return matrix.ndim == 2 and matrix.shape[1] % BLOCK == 0


def rounded(matrix: np.ndarray) -> np.ndarray:
    """What the four bits stand for, [outputs, inputs]."""
    return quants.dequantize(quants.quantize(matrix, KIND), KIND).astype(np.float32)


def packed(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[outputs, blocks, 16], an even weight in the lower half of a byte, and the scales [outputs, blocks]."""
    outputs, inputs = matrix.shape
    blocks = quants.quantize(matrix, KIND).reshape(outputs, inputs // BLOCK, 2 + BLOCK // 2)
    scales = np.ascontiguousarray(blocks[..., :2]).view(np.float16)[..., 0].astype(np.float32)
    # q4_0 has a block's first half in the lower and its second in the upper halves of the bytes.
    steps = np.concatenate([blocks[..., 2:] & 15, blocks[..., 2:] >> 4], -1)
    return steps[..., ::2] | (steps[..., 1::2] << 4), scales


def product(node: onnx.NodeProto, matrix: np.ndarray) -> tuple[list, onnx.NodeProto]:
    name = node.name or node.output[0]
    parts = dict(zip((f"{name}.steps", f"{name}.scales"), packed(matrix)))
    stored = [numpy_helper.from_array(np.ascontiguousarray(part), part_name) for part_name, part in parts.items()]
    made = helper.make_node(
        "MatMulNBits", [node.input[0], *parts], list(node.output), name=name, domain=FUSED,
        K=matrix.shape[1], N=matrix.shape[0], bits=4, block_size=BLOCK, accuracy_level=LEVEL,
    )
    return stored, made


def matrices(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Right sides of products, [outputs, inputs]: stored ones, and the embedding that is turned for the head."""
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    out = {name: value.T for name, value in stored.items() if value.ndim == 2}
    turned = [n for n in graph.node if n.op_type == "Transpose" and n.input[0] in stored and stored[n.input[0]].ndim == 2]
    return out | {n.output[0]: stored[n.input[0]] for n in turned}


def reduced(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its products in four bits; embeddings are looked up as the numbers that those stand for."""
    graph, nodes, more, gone = model.graph, [], [], set()
    known = matrices(graph)
    for node in graph.node:
        matrix = known.get(node.input[1]) if node.op_type == "MatMul" else None
        if matrix is None or not fits(matrix):
            nodes.append(node)
            continue
        stored, made = product(node, np.ascontiguousarray(matrix, np.float32))
        more += stored
        nodes.append(made)
        gone.add(node.input[1])
    looked_up = {n.input[0] for n in graph.node if n.op_type == "Gather"} & {i.name for i in graph.initializer}
    nodes = [n for n in nodes if not (n.op_type == "Transpose" and n.output[0] in gone)]
    kept = [embedding(i) if i.name in looked_up else i for i in graph.initializer if i.name not in gone]
    out = helper.make_graph(nodes, graph.name, graph.input, graph.output, [*kept, *more], value_info=[])
    opsets = [*(o for o in model.opset_import if o.domain != FUSED), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(out, ir_version=model.ir_version, opset_imports=opsets)


def embedding(tensor: onnx.TensorProto) -> onnx.TensorProto:
    value = numpy_helper.to_array(tensor)
    is_table = value.dtype == np.float32 and fits(value) and value.shape[0] > value.shape[1]
    return numpy_helper.from_array(rounded(value), tensor.name) if is_table else tensor
