"""What all full-reference objectives share: the checks, the cache of the reference's side, the two paths.

An objective is one `FullReference` made of three pure functions. `prepare` works out once what depends on
the reference alone; `score_planes` scores one image in NumPy and OpenCV, the fastest way on a CPU, and is
run in a thread pool; `score_tensor` scores a batch in torch, for GPUs. Tests hold the two paths equal.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ScoreError
from isptune.facts import ObjectiveFacts
from isptune.scenes.color import LUMA_BT601, luma
from isptune.scenes.scene import Scene
from isptune.system.threads import in_threads
from objectives.full_reference.view import View

Planes = Float32[np.ndarray, "3 height width"]
"""One image in memory on the CPU, red first, in [0, 1]."""

Plane = Float32[np.ndarray, "height width"]

OtherPlane = Float32[np.ndarray, "newheight newwidth"]
"""A plane of another size than the one it was made of."""

OtherImages = Float[Tensor, "batch channels newheight newwidth"]
"""Planes of another size than those that they were made of."""

OneImage = Float[Tensor, "1 3 height width"]
"""A reference; red first, in [0, 1]."""

_CACHED_REFERENCES = 4  # the bundled scenes; another one costs a preparation, about that of one image


@final
@dataclass(frozen=True, eq=False)
class FullReference:
    """A full-reference objective: compares each image of a batch with the scene's reference.

    Attributes:
        name: as registered, for messages.
        facts: see `isptune.facts`.
        prepare: reference [1, 3, H, W] to whatever both paths need of it.
        score_planes: one image [3, H, W], the prepared reference and memory to work in, to its score.
        score_tensor: images [batch, 3, H, W] and the prepared reference to scores [batch].
        view: what of the pictures is compared, see `objectives.full_reference.view`.
        smallest_side: of the images that it is defined for, pixels.
    """

    name: str
    facts: ObjectiveFacts
    prepare: Callable[[OneImage], Any]
    score_planes: Callable[[Planes, Any, "Scratch"], float]
    score_tensor: Callable[[Images, Any], Scores]
    view: View
    smallest_side: int = 1
    _prepared: dict[tuple[int, int], tuple[Tensor, Any]] = field(default_factory=dict, repr=False)

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image; the same whatever else is in the batch. A NaN in an image gives NaN.

        Raises:
            ScoreError: the scene has no reference, or its size or device is not that of the images, or the
                images are smaller than `smallest_side`.
        """
        reference = matching_reference(self.name, images, scene)
        height, width = images.shape[-2:]
        if min(height, width) - 2 * self.view.border < self.smallest_side:
            cut = f", without a border of {self.view.border}" if self.view.border else ""
            raise ScoreError(
                f"{self.name} is defined from {self.smallest_side} pixels a side; images are {width}x{height}{cut}"
            )
        prepared = self._prepare_once(reference)
        images = self.view.of_images(images.float(), reference.float(), scene.masked)
        if images.device.type != "cpu":
            return self.score_tensor(images, prepared)
        batch = images.contiguous().numpy()
        scores = map_in_threads(lambda planes, scratch: self.score_planes(planes, prepared, scratch), batch)
        return torch.tensor(scores, dtype=torch.float32)

    def _prepare(self, reference: OneImage) -> Any:
        return self.prepare(self.view.of_reference(reference))

    def _prepare_once(self, reference: OneImage) -> Any:
        # The tensor is kept beside its result, so that its identity is not given to another one; the
        # version counts writes into it.
        key = (id(reference), 0 if reference.is_inference() else reference._version)
        found = self._prepared.pop(key, None) or (reference, self._prepare(reference.detach().float()))
        self._prepared[key] = found  # at the end: the first is the one unused for longest
        while len(self._prepared) > _CACHED_REFERENCES:
            self._prepared.pop(next(iter(self._prepared)), None)
        return found[1]


def matching_reference(name: str, images: Images, scene: Scene) -> OneImage:
    """The scene's reference for the objective of this name. Raises ScoreError if it does not fit the images."""
    reference = scene.reference
    if reference is None:
        raise ScoreError(
            f"{name} compares with a reference and the scene {scene.name!r} has none; objectives that need "
            "none: niqe, brisque-refit, tv, sharpness, colourfulness, noise, blockiness, entropy"
        )
    (height, width), (reference_height, reference_width) = images.shape[-2:], reference.shape[-2:]
    if (height, width) != (reference_height, reference_width):
        raise ScoreError(
            f"{name}: images are {width}x{height} and the reference of {scene.name!r} is "
            f"{reference_width}x{reference_height}; they must be of one size"
        )
    if images.device != reference.device:
        raise ScoreError(f"{name}: images are on {images.device}, the reference on {reference.device}")
    return reference


def is_flat(reference: OneImage) -> bool:
    """Whether a reference's luma is the same all over, to a tenth of an 8-bit step."""
    low, high = luma(reference).aminmax()
    return float(high - low) < 0.1 / 255


def undefined(name: str, lacks: str) -> ScoreError:
    """The refusal of a metric that its paper leaves 0 / 0 against a flat reference, and what such a one lacks."""
    return ScoreError(
        f"{name} is not defined against this reference: it is flat, and so has no {lacks}; psnr, ssim and gmsd compare "
        "with flat ones, too"
    )


@final
class Scratch:
    """Memory that one thread works in, kept from image to image.

    Fresh memory for every plane costs more than the arithmetic: the system hands out each page anew.
    """

    def __init__(self):
        self._held: dict[tuple[str, tuple[int, ...]], np.ndarray] = {}

    def __call__(self, purpose: str, *shape: int) -> Float32[np.ndarray, "..."]:
        """An array of this shape with anything in it, the same one for the same purpose and shape."""
        key = (purpose, shape)
        if key not in self._held:
            self._held[key] = np.empty(shape, np.float32)
        return self._held[key]


def map_in_threads(
    function: Callable[[Planes, Scratch], float], batch: Float32[np.ndarray, "batch 3 height width"]
) -> list[float]:
    """Score every image of a CPU batch, in as many threads as torch has."""
    scores = [0.0] * len(batch)
    waiting = iter(range(len(batch)))  # shared: each thread takes the next one

    def work(_: int) -> None:
        scratch = Scratch()
        for index in waiting:
            scores[index] = function(batch[index], scratch)

    in_threads(work, range(min(max(1, torch.get_num_threads()), len(batch))))
    return scores


def gaussian_window(size: int, sigma_px: float) -> Float[np.ndarray, " size"]:
    """A Gaussian sampled at whole pixels about its middle, sum 1, float64; twice applied it is the 2-D one."""
    offsets = np.arange(size) - (size - 1) / 2
    window = np.exp(-(offsets**2) / (2 * sigma_px**2))
    return window / window.sum()


def filter_valid(
    images: Float[Tensor, "batch channels height width"], rows: np.ndarray, columns: np.ndarray | None = None
) -> OtherImages:
    """Correlate every plane with a separable kernel, only where it fits; in the images' own precision.

    Args:
        images: any number of planes.
        rows: the kernel across, a vector.
        columns: the kernel down; the same one if None.
    """
    return _filter_along(_filter_along(images, rows, 3), rows if columns is None else columns, 2)


def _filter_along(
    images: Float[Tensor, "batch channels height width"], taps: np.ndarray, axis: int
) -> OtherImages:
    # Shift and add: full float32 on every device, which convolutions of a GPU library are not by default.
    size = images.shape[axis] - len(taps) + 1
    first, *rest = taps.tolist()
    result = images.narrow(axis, 0, size) * first
    for start, tap in enumerate(rest, 1):
        result.add_(images.narrow(axis, start, size), alpha=tap)
    return result


def luma_plane(planes: Planes) -> Plane:
    """`isptune.scenes.color.luma` for one image: BT.601, as every one of the papers used here has it."""
    red, green, blue = LUMA_BT601
    red_green = cv2.addWeighted(planes[0], red, planes[1], green, 0)
    return np.asarray(cv2.scaleAdd(planes[2], blue, red_green))


def length(first: Float32[np.ndarray, "*shape"], second: Float32[np.ndarray, "*shape"]) -> np.ndarray:
    """The length of a vector at every pixel. Writes into neither.

    cv2.magnitude is faster, but its last bit depends on where in memory the planes lie.
    """
    squares = np.square(first)
    squares += np.square(second)
    return np.sqrt(squares, out=squares)


def shrink(images: Float[Tensor, "batch channels height width"], factor: int) -> OtherImages:
    """Box means at every factor-th pixel, zeros beyond the border: conv2 'same' and 1:factor:end of Matlab."""
    before = (factor - 1) // 2
    padded = torch.nn.functional.pad(images, (before, factor - 1 - before, before, factor - 1 - before))
    return torch.nn.functional.avg_pool2d(padded, factor)


def shrink_plane(plane: Plane, factor: int) -> OtherPlane:
    """`shrink` for one plane."""
    if factor == 1:
        return plane
    if (
        factor == 2 and plane.shape[0] % 2 == 0 and plane.shape[1] % 2 == 0
    ):  # no border, and four times faster
        return np.asarray(cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    anchor = (factor - 1) // 2
    means = cv2.boxFilter(
        plane, -1, (factor, factor), anchor=(anchor, anchor), borderType=cv2.BORDER_CONSTANT
    )
    return np.ascontiguousarray(means[::factor, ::factor])
