"""Blur kernels, and the convolution that gives every image of a batch its own."""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np
import torch

from isptune.arrays import Images
from isptune.distortions.threads import map_images

Border = Literal["edge", "reflect"]
"""Repeat the last pixel, or mirror about it without repeating it (OpenCV's default, reflect 101)."""

_CV2_BORDER = {"edge": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT_101}


def convolve(images: Images, kernels: Sequence[np.ndarray], border: Border = "edge") -> Images:
    """Correlate image i with kernel i, a float32 array with two odd sides, on the images' device."""
    if images.device.type != "cpu":
        return _convolve_tensor(images, kernels, border)

    def work(planes: np.ndarray, i: int) -> None:
        for plane in planes:
            cv2.filter2D(plane, -1, kernels[i], dst=plane, borderType=_CV2_BORDER[border])

    return map_images(work, images)


def convolve_separable(images: Images, taps: Sequence[np.ndarray], border: Border = "edge") -> Images:
    """Correlate rows and columns of image i with taps i, a float32 array of odd length."""
    if images.device.type != "cpu":
        rows = _convolve_tensor(images, [t[None, :] for t in taps], border)
        return _convolve_tensor(rows, [t[:, None] for t in taps], border)

    def work(planes: np.ndarray, i: int) -> None:
        for plane in planes:
            cv2.sepFilter2D(plane, -1, taps[i], taps[i], dst=plane, borderType=_CV2_BORDER[border])

    return map_images(work, images)


def _convolve_tensor(images: Images, kernels: Sequence[np.ndarray], border: Border) -> Images:
    # Shift, scale and add: full float32 on every device (cuDNN would use TF32), and no tap that is 0
    # for the whole batch costs anything. The loop is over taps, not over images.
    height, width = images.shape[-2:]
    up, left = (max(k.shape[axis] // 2 for k in kernels) for axis in (0, 1))
    common = np.stack([_pad_to(k, up, left) for k in kernels])
    weights = torch.from_numpy(common).to(images.device)
    rows = torch.from_numpy(np.pad(np.arange(height), up, mode=border)).to(images.device)
    columns = torch.from_numpy(np.pad(np.arange(width), left, mode=border)).to(images.device)
    padded = images[:, :, rows[:, None], columns]
    result = torch.zeros_like(images)
    for y, x in np.argwhere(common.any(axis=0)):
        shifted = padded[:, :, y : y + height, x : x + width]
        result.addcmul_(shifted, weights[:, y, x].view(-1, 1, 1, 1))
    return result


def _pad_to(kernel: np.ndarray, up: int, left: int) -> np.ndarray:
    extra_up, extra_left = up - kernel.shape[0] // 2, left - kernel.shape[1] // 2
    return np.pad(kernel, ((extra_up, extra_up), (extra_left, extra_left)))


def gaussian_taps(sigma: float, radius: int) -> np.ndarray:
    """A sampled Gaussian of sum 1, float32 [2 radius + 1]; its outer product is fspecial's kernel."""
    offsets = np.arange(-radius, radius + 1, dtype=np.float64)
    taps = np.exp(-(offsets**2) / (2 * max(sigma, 1e-6) ** 2))
    return (taps / taps.sum()).astype(np.float32)


def scipy_radius(sigma: float) -> int:
    """Where scipy's Gaussian filter ends: four sigmas from the centre, rounded."""
    return int(4 * sigma + 0.5 + 1e-6)


def disk_by_area(radius: float) -> np.ndarray:
    """Weights of sum 1 by how much of each pixel a disk covers: MATLAB's `fspecial('disk', radius)`."""
    half = max(math.ceil(radius - 0.5), 0)
    # The first quadrant; the pixels that an axis cuts are there with one half.
    edges = np.concatenate([[0.0], np.arange(half + 1) + 0.5])
    left, right = edges[None, :-1], edges[None, 1:]
    low, high = edges[:-1, None], edges[1:, None]

    def x_at(y: np.ndarray) -> np.ndarray:
        return np.clip(np.sqrt(np.maximum(radius**2 - y**2, 0)), left, right)

    def under_arc(x: np.ndarray) -> np.ndarray:
        x = np.minimum(x, radius)
        return (x * np.sqrt(radius**2 - x**2) + radius**2 * np.arcsin(x / radius)) / 2

    full, none = x_at(high), x_at(low)  # covered to the top up to here; not at all from there
    area = (high - low) * (full - left) + under_arc(none) - under_arc(full) - low * (none - full)
    return _normalised(_mirror(area))


def _mirror(quadrant: np.ndarray) -> np.ndarray:
    # Row and column 0 are halves: twice each is the whole pixel on the axis.
    whole = quadrant.copy()
    whole[0] *= 2
    whole[:, 0] *= 2
    half = np.concatenate([whole[:0:-1], whole])
    return np.concatenate([half[:, :0:-1], half], axis=1)


def disk_of_arniqa(radius: int) -> np.ndarray:
    """ARNIQA's port of `fspecial('disk')`, which is not a disk by area: it has negative rim weights.

    MATLAB takes the real part of roots that are imaginary off the rim; the port sets both limits of the
    integral to 0 wherever the rim cuts a pixel's top or bottom side instead. Published results were
    made with it (Agnolucci et al. 2024, arXiv:2310.14918, utils/utils_distortions.py), so it is here as it is.
    """
    offsets = np.abs(np.arange(-radius, radius + 1))
    far = np.maximum(offsets[:, None], offsets[None, :]).astype(np.float64)
    near = np.minimum(offsets[:, None], offsets[None, :]).astype(np.float64)
    r2 = float(radius) ** 2
    start = np.where((far + 0.5) ** 2 + (near - 0.5) ** 2 > r2, near - 0.5, 0.0)
    # The roots are real over the whole grid only at radius 1, where only the second is.
    all_real = bool((r2 > (near - 0.5) ** 2).all())
    root = np.sqrt(np.maximum(r2 - (near - 0.5) ** 2, 0)) if all_real else 0.0
    stop = np.where((far - 0.5) ** 2 + (near + 0.5) ** 2 < r2, near + 0.5, root)

    def antiderivative(y: np.ndarray) -> np.ndarray:
        angle = np.arcsin(y / radius)
        return r2 * (angle / 2 + np.sin(2 * angle) / 4)

    rim = (far + 0.5) ** 2 + (near + 0.5) ** 2
    cut = (r2 < rim) & (r2 > (far - 0.5) ** 2 + (near - 0.5) ** 2)
    cut |= (near == 0) & (far - 0.5 < radius) & (far + 0.5 >= radius)
    partial = antiderivative(stop) - antiderivative(start) - (far - 0.5) * (stop - start) + start - near + 0.5
    grid = partial * cut + (rim < r2)
    grid[radius, radius] = 1.0
    return _normalised(grid)


def hard_disk(radius: int) -> np.ndarray:
    """Equal weights at the pixels whose centres lie in a disk, float32, on a grid of at least 17x17."""
    offsets = np.arange(-max(radius, 8), max(radius, 8) + 1)
    return _normalised(offsets[:, None] ** 2 + offsets[None, :] ** 2 <= radius**2)


def between(kernel_of: Callable[[int], np.ndarray], radius: float) -> np.ndarray:
    """The mix of the kernels of the two whole radii around `radius`: continuous, exact at whole ones.

    `kernel_of` is only asked for radii of 1 or more; radius 0 is the identity.
    """
    low = math.floor(radius)
    parts = [(r, w) for r, w in ((low, 1 - (radius - low)), (low + 1, radius - low)) if w > 0]
    kernels = [kernel_of(r) if r > 0 else np.ones((1, 1), np.float32) for r, _ in parts]
    side = max(k.shape[0] for k in kernels) // 2
    mixed = sum(w * _pad_to(k, side, side) for k, (_, w) in zip(kernels, parts, strict=True))
    return np.asarray(mixed, np.float32)


def motion_line(length: float, degrees: float) -> np.ndarray:
    """A line of real `length` pixels through the centre, antialiased: MATLAB's `fspecial('motion')`.

    The weight of a pixel falls linearly from 1 on the segment to 0 at a distance of one pixel; the angle
    is counted against the clock, as seen with rows going down.
    """
    reach = (max(length, 1.0) - 1) / 2
    angle = math.radians(degrees % 180)
    cosine, sine = math.cos(angle), math.sin(angle)
    columns, rows = (math.floor(reach * abs(c) + 1 - 1e-12) for c in (cosine, sine))
    x = np.arange(-columns, columns + 1, dtype=np.float64)[None, :]
    y = -np.arange(-rows, rows + 1, dtype=np.float64)[:, None]
    across, along = np.abs(y * cosine - x * sine), np.abs(x * cosine + y * sine)
    beyond = (np.hypot(x, y) >= reach) & (across <= 1)
    distance = np.where(beyond, np.hypot(across, reach - along), across)
    return _normalised(np.maximum(1 - distance, 0))


def gaussian_trail(radius: float, sigma: float, degrees: float) -> np.ndarray:
    """A one-sided Gaussian of 2 radius + 1 taps along a direction, each on the nearest pixel.

    Tap i shows what lies i pixels away along the angle. With a fractional width the last tap counts in part.
    (The sources drop taps that reach beyond the image, which darkens images smaller than the trail; here
    edges go on.)
    """
    steps = np.arange(math.ceil(2 * radius) + 1)
    share = np.clip(2 * radius + 1 - steps, 0, 1)
    weights = share * np.exp(-(steps**2) / (2 * max(sigma, 1e-6) ** 2))
    angle = math.radians(degrees)
    rows, columns = (np.ceil(steps * f - 0.5).astype(int) for f in (math.sin(angle), math.cos(angle)))
    up, left = int(np.abs(rows).max()), int(np.abs(columns).max())
    kernel = np.zeros((2 * up + 1, 2 * left + 1))
    np.add.at(kernel, (up + rows, left + columns), weights)
    return _normalised(kernel)


def _normalised(kernel: np.ndarray) -> np.ndarray:
    return (kernel / kernel.sum()).astype(np.float32)
