"""Images sampled elsewhere than at their own pixels: displaced, picked, averaged over boxes."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.threads import map_images

Fields = Float[Tensor, "_fields _planes _height _width"]
"""Random fields: one an image, or a single one for all."""

_WEIGHT_BITS = 22  # of Pillow's fixed-point weights for 8-bit images


def image_by_image(function: Callable[..., Images], images: Images, *values: Tensor) -> Images:
    """`function(images, *values)`: at once on a GPU; on the CPU one image a thread, as caches like it.

    `values` have a first dimension of 1 or of the batch.
    """
    if images.device.type != "cpu":
        return function(images, *values)

    def one(planes: np.ndarray, i: int) -> np.ndarray:
        own = (value if len(value) == 1 else value[i : i + 1] for value in values)
        return function(torch.from_numpy(planes).unsqueeze(0), *own)[0].numpy()

    return map_images(one, images)


def displaced(images: Images, shift: Fields, border: str) -> Images:
    """Every pixel taken, bilinearly, from its place plus a shift.

    Args:
        images: [batch, 3, H, W].
        shift: [batch or 1, 2, H, W]: down and right, pixels.
        border: `border` repeats the last pixel, `reflection` mirrors at the picture's edge.
    """
    height, width = images.shape[-2:]
    rows = (2 * torch.arange(height, device=images.device, dtype=images.dtype) + 1) / height - 1
    columns = (2 * torch.arange(width, device=images.device, dtype=images.dtype) + 1) / width - 1
    right = columns + shift[:, 1] * (2 / width)
    down = rows.unsqueeze(1) + shift[:, 0] * (2 / height)
    grid = torch.stack((right, down), -1).expand(len(images), -1, -1, -1)
    return torch.nn.functional.grid_sample(
        images, grid, mode="bilinear", padding_mode=border, align_corners=False
    )


def smoothed(fields: Fields, sigmas_px: tuple[float, float], truncate: float) -> Fields:
    """Fields under a Gaussian of a sigma for rows and one for columns, mirrored at the edges (c b a | a b c).

    Args:
        fields: [n, planes, H, W].
        sigmas_px: down and right.
        truncate: where the Gaussian ends, in sigmas.
    """
    if fields.device.type != "cpu":
        return _smoothed_tensor(fields, sigmas_px, truncate)
    size_y, size_x = (2 * int(truncate * sigma + 0.5) + 1 for sigma in sigmas_px)
    sigma_y, sigma_x = sigmas_px
    result = torch.empty_like(fields)
    for plane, target in zip(fields.flatten(0, 1).numpy(), result.flatten(0, 1).numpy(), strict=True):
        cv2.GaussianBlur(plane, (size_x, size_y), sigma_x, target, sigma_y, cv2.BORDER_REFLECT)
    return result


def _smoothed_tensor(fields: Fields, sigmas_px: tuple[float, float], truncate: float) -> Fields:
    # Shift and add: full float32 on every device, which convolutions of a GPU library are not by default.
    for dimension, sigma in zip((-2, -1), sigmas_px, strict=True):
        radius = int(truncate * sigma + 0.5)
        reach = torch.arange(-radius, radius + 1, dtype=fields.dtype)
        weights = torch.softmax(-(reach**2) / (2 * sigma**2), 0).tolist()
        size = fields.shape[dimension]
        index = torch.arange(-radius, size + radius, device=fields.device) % (2 * size)
        padded = fields.index_select(dimension, torch.minimum(index, 2 * size - 1 - index))
        fields = torch.zeros_like(fields)
        for start, weight in enumerate(weights):
            fields.add_(padded.narrow(dimension, start, size), alpha=weight)
    return fields


def picked(images: Images, rows: Int64[Tensor, "batch rows"], columns: Int64[Tensor, "batch cols"]) -> Images:
    """The pixels of the given rows and columns of each image, [batch, 3, rows, cols]."""
    at_rows = rows[:, None, :, None].expand(-1, 3, -1, images.shape[-1])
    at_columns = columns[:, None, None, :].expand(-1, 3, rows.shape[1], -1)
    return images.gather(2, at_rows).gather(3, at_columns)


def nearest_there_and_back(full: int, small: int) -> np.ndarray:
    """Where each of `full` pixels comes from, after nearest resizing to `small` pixels and back.

    Index floor(i * in / out) in single precision, as torch's `nearest` mode has it.
    """
    return _nearest(full, small)[_nearest(small, full)]


def _nearest(available: int, wanted: int) -> np.ndarray:
    step = np.float32(available) / np.float32(wanted)
    index = np.floor(np.arange(wanted, dtype=np.float32) * step).astype(np.int64)
    return np.minimum(index, available - 1)


def box_runs(full: int, small: int, up: str) -> tuple[np.ndarray, np.ndarray]:
    """For each of `full` pixels, the run [start, end) whose mean it shows after a box resize to `small`.

    Pillow's box takes whole pixels: those whose centre lies less than half a step before the centre of the
    small pixel, or at most half a step after. Back at full size the nearest small pixel shows; Pillow's
    `nearest` adds up steps to find it, its `box` multiplies: with ties these differ.
    """
    step = full / small
    centres = (np.arange(small) + 0.5) * step
    start = np.maximum(np.trunc(centres - step / 2 + 0.5), 0).astype(np.int64)
    end = np.minimum(np.trunc(centres + step / 2 + 0.5), full).astype(np.int64)
    start += (start - centres + 0.5) * (1 / step) <= -0.5
    end -= (end - 1 - centres + 0.5) * (1 / step) > 0.5
    places = np.arange(full) + 0.5
    if up == "nearest":
        places = np.cumsum(np.r_[0.5 * (small / full), np.full(full - 1, small / full)])
    else:
        places *= small / full
    shown = np.minimum(places.astype(np.int64), small - 1)
    return start[shown], end[shown]


def box_mean(pixels: Tensor, start: Tensor, end: Tensor, dimension: int) -> Tensor:
    """Means of runs of 8-bit values along rows (2) or columns (3), rounded as Pillow's fixed point does.

    Args:
        pixels: int32, [batch, 3, H, W].
        start, end: [batch, H or W]: of the run for each result.
    """
    total = pixels.cumsum(dimension, dtype=torch.int32)
    total = torch.nn.functional.pad(total, (1, 0, 0, 0) if dimension == 3 else (0, 0, 1, 0))
    across = (slice(None), None, slice(None), None) if dimension == 2 else (slice(None), None, None)
    shape = list(pixels.shape)
    low, high = (total.gather(dimension, edge[across].expand(shape)) for edge in (start, end))
    weight = (0.5 + 2**_WEIGHT_BITS / (end - start).double()).to(torch.int32)[across]
    return (((high - low) * weight + 2 ** (_WEIGHT_BITS - 1)) >> _WEIGHT_BITS).clamp(0, 255)
