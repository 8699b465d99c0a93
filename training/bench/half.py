"""Weights and activations in half precision, as the `_fp16` exports on the Hub have them: every float of the graph, its cache
and its logits too."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FULL, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def tensor(stored: onnx.TensorProto) -> onnx.TensorProto:
    if stored.data_type != FULL:
        return stored
    largest = np.finfo(np.float16).max  # a mask's least number stays a number
    value = np.clip(numpy_helper.to_array(stored), -largest, largest)
    return numpy_helper.from_array(value.astype(np.float16), stored.name)


def node(one: onnx.NodeProto) -> onnx.NodeProto:
    made = onnx.NodeProto()
    made.CopyFrom(one)
    for attribute in made.attribute:
        if attribute.HasField("t"):
            attribute.t.CopyFrom(tensor(attribute.t))
        if made.op_type == "Cast" and attribute.name == "to" and attribute.i == FULL:
            attribute.i = HALF
    return made


def reduced(model: onnx.ModelProto) -> onnx.ModelProto:
    graph = model.graph
    made = helper.make_graph(
        [node(one) for one in graph.node], graph.name, graph.input, graph.output,
        [tensor(stored) for stored in graph.initializer], value_info=[],
    )
    for value in [*made.input, *made.output]:
        if value.type.tensor_type.elem_type == FULL:
            value.type.tensor_type.elem_type = HALF
    return helper.make_model(made, ir_version=model.ir_version, opset_imports=list(model.opset_import))
