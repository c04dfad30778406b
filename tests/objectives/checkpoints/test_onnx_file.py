"""Networks from ONNX files."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from isptune.errors import ConfigError, ScoreError
from objectives.checkpoints.onnx_file import OnnxNetwork
from tests.objectives.task.networks import colour_classifier, picture_input, saved

OUTSIDE = {"save_as_external_data": True, "size_threshold": 0, "location": "weights.bin"}


def test_a_network_gives_what_its_graph_says_one_by_one(tmp_path):
    network = OnnxNetwork(colour_classifier(tmp_path / "net.onnx", ("batch", 3, "height", "width")))
    images = torch.rand(3, 3, 5, 7)
    torch.testing.assert_close(network(images), 10 * images.mean((2, 3)))
    assert (network.taken.height, network.taken.width, network.outputs) == (None, None, ("logits",))
    assert torch.equal(network(images)[1:2], network(images[1:2]))


def test_pictures_of_whole_numbers_with_colours_last_are_given_so(tmp_path):
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["numbers"], ["largest"], axes=[1, 2], keepdims=0),
    ]
    outputs = [helper.make_tensor_value_info("largest", TensorProto.FLOAT, [1, 3])]
    path = saved(tmp_path / "net.onnx", nodes, [picture_input((1, 4, 6, 3), TensorProto.UINT8)], outputs, {})
    network = OnnxNetwork(path)
    assert (network.taken.height, network.taken.width) == (4, 6)
    image = torch.zeros(1, 3, 4, 6)
    image[0, 1, 2, 3] = 1.0
    assert network(image).tolist() == [[0.0, 255.0, 0.0]]
    with pytest.raises(ScoreError, match=r"net\.onnx: "):
        network(torch.zeros(1, 3, 9, 9))


def test_weights_beside_the_file_are_read_and_those_outside_of_its_folder_are_not(tmp_path):
    (tmp_path / "inside").mkdir()
    path = colour_classifier(tmp_path / "inside" / "net.onnx", **OUTSIDE)
    image = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(OnnxNetwork(path)(image), 10 * image.mean((2, 3)))
    secret = tmp_path / "weights.bin"
    (tmp_path / "inside" / "weights.bin").rename(secret)
    for location in ("../weights.bin", str(secret)):
        model = onnx.load(path, load_external_data=False)
        for entry in model.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location
        path.write_bytes(model.SerializeToString())
        with pytest.raises(ConfigError, match="is no ONNX network that can be run"):
            OnnxNetwork(path)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((2, 3, 8, 8), "not one picture"), ((1, 4, 8, 8), "not one picture"), ((1, 3), "takes image")],
)
def test_a_network_that_takes_no_pictures_is_refused(tmp_path, shape, message):
    nodes = [helper.make_node("Identity", ["image"], ["out"])]
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, list(shape))]
    path = saved(tmp_path / "net.onnx", nodes, [picture_input(shape)], outputs, {})
    with pytest.raises(ConfigError, match=message):
        OnnxNetwork(path)


@pytest.mark.parametrize("data", [b"", b"no network", np.random.default_rng(0).bytes(5000)])
def test_a_file_that_is_none_is_one_line(tmp_path, data):
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(ConfigError, match=r"net\.onnx: is no ONNX network") as caught:
        OnnxNetwork(tmp_path / "net.onnx")
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="no such file"):
        OnnxNetwork(tmp_path / "absent.onnx")
