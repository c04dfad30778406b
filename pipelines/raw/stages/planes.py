"""What the stages share: filters over planes, by OpenCV in a thread pool on a CPU, in tensor arithmetic elsewhere.

The tensor path is also taken where a gradient is asked for. Borders are mirrored about the last sample.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from isptune.system.threads import in_threads

Planes = Float[Tensor, "batch plane height width"]
"""Any number of planes an image, float32."""

Values = Float[Tensor, " batch"]
"""One number an image."""

Plane = Float[np.ndarray, "height width"]

MIRROR = cv2.BORDER_REFLECT_101


def spread(values: Values) -> Float[Tensor, "batch 1 1 1"]:
    """One number an image, ready to broadcast over planes."""
    return values.view(-1, 1, 1, 1)


def wants_tensors(*tensors: Tensor) -> bool:
    """Whether the work goes to tensor arithmetic: on a GPU, or where gradients are asked for."""
    grad = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return grad or any(tensor.device.type != "cpu" for tensor in tensors[:1])


def where_active(function: Callable[..., Planes], planes: Planes, active: Tensor, *values: Tensor) -> Planes:
    """`function(planes, *values)` for the images that are active; the others stay as they are, bit for bit.

    Args:
        function: keeps the shape, and treats images independently.
        planes: [batch, C, H, W].
        active: [batch], true where the function has something to do.
        values: [batch, ...], cut down with the images.
    """
    everywhere = bool(active.all())
    if everywhere or (torch.is_grad_enabled() and any(value.requires_grad for value in values)):
        return function(planes, *values)
    if not bool(active.any()):
        return planes
    result = planes.clone()
    result[active] = function(planes[active], *(value[active] for value in values))
    return result


def map_planes(function: Callable[[Plane, int], Any], planes: Planes) -> Planes:
    """`function(plane, i)` for every plane of image i of a CPU batch, shared out to threads."""
    batch, count = planes.shape[:2]
    source = planes.detach().contiguous()
    result = torch.empty_like(source)

    def work(place: int) -> None:
        i, c = divmod(place, count)
        result[i, c].numpy()[...] = function(source[i, c].numpy(), i)

    in_threads(work, range(batch * count))
    return result


def blur(planes: Planes, taps: Sequence[np.ndarray]) -> Planes:
    """Filter rows and columns of image i with taps i: odd lengths, symmetric, float32."""
    if not wants_tensors(planes):
        return map_planes(
            lambda plane, i: cv2.sepFilter2D(plane, -1, taps[i], taps[i], borderType=MIRROR), planes
        )
    reach = max(len(t) // 2 for t in taps)
    padded = np.stack([np.pad(t, reach - len(t) // 2) for t in taps])
    weights = torch.from_numpy(padded).to(planes.device)
    for axis in (2, 3):
        wide = mirrored(planes, axis, reach)
        parts = (
            spread(weights[:, k]) * wide.narrow(axis, k, planes.shape[axis]) for k in range(2 * reach + 1)
        )
        planes = sum(parts, torch.zeros_like(planes))
    return planes


def mirrored(planes: Tensor, axis: int, reach: int) -> Tensor:
    """The planes with `reach` more samples at both ends of an axis, mirrored as often as it takes."""
    size = planes.shape[axis]
    places = torch.from_numpy(np.pad(np.arange(size), reach, mode="reflect")).to(planes.device)
    return planes.index_select(axis, places)


def gaussian(sigma: float) -> np.ndarray:
    """Taps of a Gaussian up to three sigmas, of sum 1."""
    reach = max(1, int(np.ceil(3 * sigma)))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    return (taps / taps.sum()).astype(np.float32)


def local_range(planes: Planes) -> tuple[Planes, Planes]:
    """The least and the largest of each sample's 3x3 neighbourhood."""
    if not wants_tensors(planes):
        kernel = np.ones((3, 3), np.uint8)
        low = map_planes(lambda plane, _: cv2.erode(plane, kernel, borderType=cv2.BORDER_REPLICATE), planes)
        high = map_planes(lambda plane, _: cv2.dilate(plane, kernel, borderType=cv2.BORDER_REPLICATE), planes)
        return low, high
    padded = F.pad(planes, (1, 1, 1, 1), mode="replicate")
    return -F.max_pool2d(-padded, 3, 1), F.max_pool2d(padded, 3, 1)


def neighbour_range(planes: Planes) -> tuple[Planes, Planes]:
    """The least and the largest of each sample's eight neighbours, itself left out."""
    if not wants_tensors(planes):
        ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)
        low = map_planes(lambda plane, _: _ring(cv2.erode, plane, ring), planes)
        high = map_planes(lambda plane, _: _ring(cv2.dilate, plane, ring), planes)
        return low, high
    wide = mirrored(mirrored(planes, 2, 1), 3, 1)
    height, width = planes.shape[-2:]
    shifts = [
        wide[..., y : y + height, x : x + width] for y in range(3) for x in range(3) if (y, x) != (1, 1)
    ]
    stacked = torch.stack(shifts)
    return stacked.amin(0), stacked.amax(0)


def _ring(operation: Callable[..., Any], plane: Plane, ring: np.ndarray) -> Plane:
    wide = cv2.copyMakeBorder(plane, 1, 1, 1, 1, MIRROR)
    return operation(wide, ring)[1:-1, 1:-1]


def median3(planes: Planes) -> Planes:
    """The median of each sample's 3x3 neighbourhood; at the border, samples are repeated."""
    if not wants_tensors(planes):
        return map_planes(lambda plane, _: cv2.medianBlur(plane, 3), planes)
    padded = F.pad(planes, (1, 1, 1, 1), mode="replicate")
    height, width = planes.shape[-2:]
    shifts = [padded[..., y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return torch.stack(shifts).median(0).values


def mean_of_squares(planes: Planes, side: int = 5) -> Planes:
    """The mean square over side x side samples."""
    if not wants_tensors(planes):
        options = {"normalize": True, "borderType": MIRROR}
        return map_planes(
            lambda plane, _: cv2.sqrBoxFilter(plane, cv2.CV_32F, (side, side), **options), planes
        )
    return blur(planes.square(), [np.full(side, 1 / side, np.float32)] * len(planes))
