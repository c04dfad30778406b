"""Small networks in ONNX files, whose outputs are known."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def saved(path: Path, nodes, inputs, outputs, constants, **options):
    """A model of nodes, written."""
    graph = helper.make_graph(
        nodes,
        "small",
        inputs,
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path, **options)
    return path


def picture_input(shape=(1, 3, 8, 8), kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info("image", kind, list(shape))


def colour_classifier(path: Path, shape=(1, 3, 8, 8), probabilities=False, **options):
    """Logits are ten times the means of red, green and blue."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["means", "ten"], ["logits"]),
    ]
    if probabilities:
        nodes.append(helper.make_node("Softmax", ["logits"], ["chances"]))
    out = "chances" if probabilities else "logits"
    outputs = [helper.make_tensor_value_info(out, TensorProto.FLOAT, [1, 3])]
    return saved(path, nodes, [picture_input(shape)], outputs, {"ten": np.float32([10, 10, 10])}, **options)


def constant_detector(path: Path, boxes, scores, classes, side=64, names=("boxes", "scores", "labels")):
    """The same boxes for every picture; scores are multiplied by the picture's mean."""
    kinds = np.asarray(classes, dtype=np.int64)
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "s"], [names[1]]),
        helper.make_node("Identity", ["b"], [names[0]]),
        helper.make_node("Identity", ["c"], [names[2]]),
    ]
    count = len(kinds)
    outputs = [
        helper.make_tensor_value_info(names[0], TensorProto.FLOAT, [1, count, 4]),
        helper.make_tensor_value_info(names[1], TensorProto.FLOAT, [1, count]),
        helper.make_tensor_value_info(names[2], TensorProto.INT64, [1, count]),
    ]
    constants = {"b": np.float32(boxes)[None], "s": np.float32(scores)[None], "c": kinds[None]}
    return saved(path, nodes, [picture_input((1, 3, side, side))], outputs, constants)
