"""Sizes in the metadata of our own files of weights: refused in one line before memory is taken for them."""

import json
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from isptune.errors import ConfigError
from objectives.checkpoints import own_files
from objectives.checkpoints.own_files import BUNDLED
from objectives.depictqa.network import read_network
from objectives.encoders.bundled_encoder import BundledEncoder
from objectives.encoders.bundled_encoder import build as build_encoder
from objectives.promptiqa.compact import read_layers
from objectives.scorenet.files import read_learned_for, read_learner


def read_prompts(path):
    return read_learner(path, read_learned_for(path), build_encoder())


SIZES = [
    ("bundled_encoder.safetensors", ("widths", "fused"), BundledEncoder),
    ("bundled_encoder.safetensors", ("widths", "view", 4), BundledEncoder),
    ("bundled_encoder.safetensors", ("widths", "layers"), BundledEncoder),
    ("promptiqa.safetensors", ("size", "token"), read_layers),
    ("promptiqa.safetensors", ("size", "scoring_depth"), read_layers),
    ("depictqa.safetensors", ("sizes", "naming"), read_network),
    ("depictqa.safetensors", ("sizes", "members"), read_network),
    ("depictqa.safetensors", ("sizes", "seen"), read_network),
    ("scorenet_align.safetensors", ("scorenet", "design", "image_widths", 0), read_prompts),
]


def changed(file: Path, way, change, target: Path) -> Path:
    """A copy of a file with one number of its metadata changed."""
    with safe_open(file, framework="pt") as held:
        metadata = held.metadata()
    entry, *steps, last = way
    told = json.loads(metadata[entry])
    inner = told
    for step in steps:
        inner = inner[step]
    inner[last] = change(inner[last])
    save_file(load_file(file), target, {**metadata, entry: json.dumps(told)})
    return target


@pytest.mark.slow
@pytest.mark.parametrize(("file", "way", "read"), SIZES)
@pytest.mark.parametrize(
    "change",
    [
        lambda size: -size,
        lambda size: 0,
        lambda size: size + 0.5,
        lambda size: str(size),
        lambda size: float("nan"),
        lambda size: True,
        lambda size: [size],
        lambda size: 10**30,
        lambda size: 100 * size,
    ],
    ids=["negative", "zero", "fractional", "textual", "nan", "true", "a list", "of 30 digits", "a hundred times"],
)  # fmt: skip
def test_a_size_that_is_none_is_refused_before_a_network_is_built(
    tmp_path, monkeypatch, file, way, read, change
):
    path = changed(BUNDLED / file, way, change, tmp_path / "file.safetensors")
    encoder = build_encoder()
    monkeypatch.setattr("objectives.encoders.bundled_encoder.build", lambda: encoder)
    monkeypatch.setitem(globals(), "build_encoder", lambda: encoder)

    def load(*_):
        raise AssertionError("a network was built")

    monkeypatch.setattr(own_files, "load_strictly", load)
    with pytest.raises(ConfigError, match=r"file\.safetensors: ") as refused:
        read(path)
    assert "\n" not in str(refused.value)


def test_what_is_no_multiple_of_the_heads_and_what_is_too_deep_is_refused(tmp_path):
    file = BUNDLED / "promptiqa.safetensors"
    with pytest.raises(ConfigError, match="token = 129 is no multiple of heads = 4"):
        read_layers(changed(file, ("size", "token"), lambda size: 129, tmp_path / "a.safetensors"))
    with safe_open(file, framework="pt") as held:
        metadata = held.metadata()
    save_file(load_file(file), tmp_path / "b.safetensors", {**metadata, "size": '{"token":' * 5000})
    with pytest.raises(ConfigError, match=r"b\.safetensors: is no compact PromptIQA: size: is not JSON"):
        read_layers(tmp_path / "b.safetensors")
