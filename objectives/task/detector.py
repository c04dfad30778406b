"""A user's detector from an ONNX file: its outputs are boxes, scores and classes of what it finds, after suppression.

Which output is which: see `objectives.task.outputs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import ConfigError, ScoreError
from objectives.checkpoints.onnx_file import OnnxNetwork
from objectives.task.matching import Found
from objectives.task.outputs import outputs_of
from objectives.zero_shot.residual_network import IMAGENET_DEVIATION, IMAGENET_MEAN

GREY = 114 / 255
"""Around a picture that is fitted into a square, as YOLO has it."""

Layout = Literal["xyxy", "yxyx", "xywh", "cxcywh"]


@dataclass(frozen=True)
class Looking:
    """How a detector looks at pictures, and how it says where things are.

    Attributes:
        fit: `letterbox`: fitted into what the network takes, grey around it; `stretch`: made of that size.
        normalize: by ImageNet's mean and deviation.
        largest: what white is for the network: 1 or 255.
        layout: of boxes.
        share: whether boxes are in shares of what the network takes; else in its pixels.
        names: of the outputs `boxes`, `scores` and `classes`, where they are said.
        least: detections with lower scores are left out.
    """

    fit: Literal["letterbox", "stretch"] = "letterbox"
    normalize: bool = False
    largest: float = 1.0
    layout: Layout = "xyxy"
    share: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    least: float = 0.001


@final
@dataclass(frozen=True, eq=False)
class Detector:
    """A network and how it looks at pictures."""

    network: OnnxNetwork
    path: Path
    looking: Looking

    def detected(self, image: Images) -> Found:
        """What it finds in one image, [1, 3, H, W]; boxes in shares of the image. Raises ScoreError, ConfigError."""
        given, scale, (left, top) = self._given(image)
        found = outputs_of(self.network.all_outputs(given), self.looking.names, self.path.name)
        boxes, scores = _corners(found.boxes, self.looking.layout), found.scores
        kinds = np.rint(np.nan_to_num(found.classes, nan=-1.0)).astype(np.int64)
        kept = np.isfinite(scores) & (scores >= self.looking.least) & np.isfinite(boxes).all(1)
        boxes, scores, kinds = boxes[kept], scores[kept], kinds[kept]
        height, width = given.shape[-2:]
        if self.looking.share:
            boxes = boxes * np.array([width, height] * 2)
        boxes = (boxes - np.array([left, top] * 2)) / np.array([*scale] * 2)
        own = np.array([image.shape[-1], image.shape[-2]] * 2, dtype=np.float64)
        return Found(np.clip(boxes / own, 0, 1), kinds, scores, np.zeros(len(scores)))

    def _given(self, image: Images) -> tuple[Tensor, tuple[float, float], tuple[int, int]]:
        """What the network sees, by what the image was scaled (x, y), and where its top left corner is."""
        height, width = image.shape[-2:]
        taken = self.network.taken
        rows, columns = taken.height or height, taken.width or width
        scale = (columns / width, rows / height)
        if self.looking.fit == "letterbox":
            scale = (min(scale),) * 2
        inner = max(1, round(height * scale[1])), max(1, round(width * scale[0]))
        if inner != (height, width):
            image = F.interpolate(image, inner, mode="bilinear", antialias=True)
        top, left = (rows - inner[0]) // 2, (columns - inner[1]) // 2
        image = F.pad(image, (left, columns - inner[1] - left, top, rows - inner[0] - top), value=GREY)
        if self.looking.normalize:
            mean, deviation = (
                image.new_tensor(own).view(3, 1, 1) for own in (IMAGENET_MEAN, IMAGENET_DEVIATION)
            )
            image = (image - mean) / deviation
        exact = inner[1] / width, inner[0] / height
        return image * self.looking.largest, exact, (left, top)


def _corners(boxes: np.ndarray, layout: Layout) -> np.ndarray:
    """Left, top, right, bottom."""
    if layout == "xyxy":
        return boxes
    if layout == "yxyx":
        return boxes[:, [1, 0, 3, 2]]
    half = boxes[:, 2:] / 2 if layout == "cxcywh" else 0.0
    low = boxes[:, :2] - half
    return np.concatenate([low, low + boxes[:, 2:]], 1)


def opened(path: Path, looking: Looking) -> Detector:
    """A detector, tried on a black picture. Raises ConfigError for a network that is none, MissingExtra."""
    detector = Detector(OnnxNetwork(path), path, looking)
    taken = detector.network.taken
    try:
        detector.detected(torch.zeros(1, 3, taken.height or 256, taken.width or 256))
    except ScoreError as error:
        raise ConfigError(f"task:detection: on a black picture {error}") from error
    return detector
