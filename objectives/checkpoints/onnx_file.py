"""Networks from ONNX files, run by onnxruntime on the CPU: an extra, `isptune[onnx]`.

An ONNX file is a graph of known operators with its weights: nothing of it is code that is run. Weights that lie outside
of the file are read where they lie in its folder, and nowhere else.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from isptune.arrays import Images
from isptune.errors import ConfigError, MissingExtra, ScoreError, one_line

_KINDS = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True)
class Taken:
    """What a network takes.

    Attributes:
        name: of its input.
        kind: of its samples.
        last: whether the colours are its last axis, [N, H, W, 3]; else [N, 3, H, W].
        height, width: pixels; None where it takes any.
    """

    name: str
    kind: Any
    last: bool
    height: int | None
    width: int | None


@final
class OnnxNetwork(nn.Module):
    """A network that takes pictures one by one.

    Args:
        path: of the ONNX file.

    Attributes:
        taken: what it takes.
        outputs: names of its outputs, in order.

    Raises:
        ConfigError: no such file, no ONNX file, one that takes no pictures, or weights outside of its folder.
        MissingExtra: onnxruntime is not here.
    """

    def __init__(self, path: Path):
        super().__init__()
        self._path = path
        self._session = _session(path)
        self.taken = _taken(self._session.get_inputs(), path)
        self.outputs = tuple(one.name for one in self._session.get_outputs())

    def forward(self, images: Images) -> Tensor:
        """The first output of each image, [batch, ...]; images [batch, 3, H, W] as the network wants them."""
        return torch.cat([self.all_outputs(one)[self.outputs[0]] for one in images.split(1)]).to(
            images.device
        )

    def all_outputs(self, image: Images) -> dict[str, Tensor]:
        """Each output by its name, of one image, [1, 3, H, W], on the CPU. Raises ScoreError where it takes another."""
        samples = image.detach().cpu()
        samples = samples.permute(0, 2, 3, 1) if self.taken.last else samples
        if self.taken.kind is np.uint8:
            samples = (samples * 255).round().clamp(0, 255)
        given = {self.taken.name: np.ascontiguousarray(samples.numpy().astype(self.taken.kind))}
        try:
            found = self._session.run(None, given)
        except Exception as error:  # onnxruntime has many, and no parent of them
            raise ScoreError(f"{self._path.name}: {one_line(str(error))[:300]}") from error
        return {
            name: torch.from_numpy(np.array(value))
            for name, value in zip(self.outputs, found, strict=True)
            if isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
        }


def _session(path: Path) -> Any:
    try:
        runtime: Any = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtra(
            "networks from ONNX files need the extra onnx: pip install 'isptune[onnx]'"
        ) from error
    if not path.is_file():
        raise ConfigError(f"{one_line(str(path))}: no such file")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # it prints what it also raises
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return runtime.InferenceSession(str(path.resolve()), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise ConfigError(
            f"{one_line(str(path))}: is no ONNX network that can be run: {one_line(str(error))[:300]}"
        ) from error


def _taken(inputs: list[Any], path: Path) -> Taken:
    shown = one_line(str(path))
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _KINDS:
        got = ", ".join(f"{one.name} {one.shape} of {one.type}" for one in inputs)[:200]
        raise ConfigError(
            f"{shown}: takes {one_line(got)}; a network of pictures takes one [N, 3, H, W] or [N, H, W, 3]"
        )
    (batch, *sides), kind = inputs[0].shape, _KINDS[inputs[0].type]
    last = sides[2] == 3 and sides[0] != 3
    channels, *size = (sides[2], *sides[:2]) if last else sides
    if (isinstance(channels, int) and channels != 3) or (isinstance(batch, int) and batch != 1):
        raise ConfigError(f"{shown}: takes {inputs[0].shape}, not one picture of three colours at a time")
    height, width = (side if isinstance(side, int) and side > 0 else None for side in size)
    return Taken(inputs[0].name, kind, last, height, width)
