"""The CPU's way to what `objectives.no_reference.scene_statistics` measures: NumPy and OpenCV, one image a thread.

Several times faster there than tensors of a batch: planes stay in a core's cache, and no operation waits for
another thread. Tests hold both ways equal.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Shaped

from isptune.arrays import Images
from isptune.system.threads import in_threads
from objectives.no_reference.objective import MATLAB_LUMINANCE

Planes = Float32[np.ndarray, "3 height width"]
Plane = Float64[np.ndarray, "height width"]
Half = Float64[np.ndarray, "halfheight halfwidth"]
Map = Float32[np.ndarray, "height width"]
Patches = Float32[np.ndarray, "patches rows columns"]
Border = Literal["replicate", "constant"]

_BORDERS = {"replicate": cv2.BORDER_REPLICATE, "constant": cv2.BORDER_CONSTANT}

_Result = TypeVar("_Result")


def map_images(function: Callable[[Planes], _Result], images: Images) -> Sequence[_Result]:
    """Apply a function to every image of a CPU batch, in as many threads as torch has."""
    batch = images.float().contiguous().numpy()
    return in_threads(function, batch)


def luma_levels(image: Planes) -> Plane:
    """See `objectives.no_reference.objective.luma_levels`."""
    levels = image * np.float32(255)
    np.clip(levels, 0, 255, out=levels)
    red, green, blue = np.rint(levels, out=levels)
    r, g, b = (np.float32(weight) for weight in MATLAB_LUMINANCE)
    red *= r
    red += np.multiply(green, g, out=green)
    red += np.multiply(blue, b, out=blue)
    return np.rint(red, out=red).astype(np.float64)


def normalised(
    x: Plane, window: Float64[np.ndarray, "7"], border: Border, rounding: float
) -> tuple[Map, Map]:
    """See `objectives.no_reference.scene_statistics.mscn`: the coefficients and the local deviation."""
    mean = cv2.sepFilter2D(x, -1, window, window, borderType=_BORDERS[border])
    deviation = cv2.sepFilter2D(x * x, -1, window, window, borderType=_BORDERS[border])
    difference = x - mean
    mean *= mean
    deviation -= mean
    np.abs(deviation, out=deviation)
    np.sqrt(deviation, out=deviation)
    difference *= np.abs(difference) > rounding
    difference /= deviation + 1
    return difference.astype(np.float32), deviation.astype(np.float32)


def halve(x: Plane, taps: Float64[np.ndarray, "8"]) -> Half:
    """See `objectives.no_reference.scene_statistics.halve`; a filter with the border mirrored, at every other pixel."""
    filtered = cv2.sepFilter2D(x, -1, taps, taps, anchor=(3, 3), borderType=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(filtered[::2, ::2])


def halve_as_opencv(x: Plane) -> Half:
    """OpenCV's own cubic."""
    height, width = x.shape
    return np.asarray(cv2.resize(x, (width // 2, height // 2), interpolation=cv2.INTER_CUBIC))


def blocks(plane: Map, side: int) -> Float32[np.ndarray, "patches side side"]:
    """A plane of whole blocks, cut up row by row."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    cut = plane.reshape(rows, side, columns, side).swapaxes(1, 2)
    return np.ascontiguousarray(cut).reshape(rows * columns, side, side)


def measure(
    patches: Patches, shifts: Sequence[tuple[int, int]], wrap: bool
) -> Float64[np.ndarray, "5 patches 5"]:
    """See `objectives.no_reference.scene_statistics.measure`."""
    return np.stack([_sums(patches), *(_sums(_product(patches, *shift, wrap)) for shift in shifts)])


def _product(patches: Patches, down: int, right: int, wrap: bool) -> Patches:
    product = np.roll(patches, (down, right), (1, 2))
    product *= patches
    if not wrap and down:
        product[:, :down] = 0
    if not wrap and right:
        product[:, :, slice(0, right) if right > 0 else slice(right, None)] = 0
    return product


def _sums(patches: Patches) -> Float64[np.ndarray, "patches 5"]:
    """Row by row in float32, then in float64."""
    magnitude = np.abs(patches)
    rows: list[Shaped[np.ndarray, "patches rows"]] = [
        magnitude.sum(2),
        np.einsum("prc,prc->pr", patches, magnitude),
        np.einsum("prc,prc->pr", patches, patches),
        np.sum(patches > 0, 2),
        np.sum(patches < 0, 2),
    ]
    return np.stack([row.sum(1, dtype=np.float64) for row in rows], 1)
