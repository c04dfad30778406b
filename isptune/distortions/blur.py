"""Blurs that draw nothing: Gaussian, lens, defocus and zoom."""

import math
from collections import defaultdict

import cv2
import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.kernels import (
    between,
    convolve,
    convolve_separable,
    disk_by_area,
    disk_of_arniqa,
    gaussian_taps,
    hard_disk,
    scipy_radius,
)
from isptune.distortions.published_steps import parameters_at, table_of
from isptune.distortions.sources import DEPICTQA, IMAGENET_C, KADID
from isptune.distortions.threads import map_images
from isptune.errors import ConfigError

DEFOCUS = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
"""Radius and sigma of the kernel's own blur, px (ImageNet-C)."""

LENS_MASK = ((2.0, 2), (2.4, 4), (3.0, 6), (3.8, 8), (5.0, 10))
"""Exponent of the mask and sigma in px (DepictQA)."""

ZOOMS = {
    "depictqa": tuple(np.arange(1, stop, 0.02) for stop in (1.03, 1.06, 1.10, 1.15, 1.21)),
    "imagenet_c": tuple(
        np.arange(1, stop, step)
        for stop, step in ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))
    ),
}
"""Zoom factors of the five severities. `arange` includes some stops by rounding error; so do the sources."""


def _matlab_radius(sigma: float) -> int:
    # A level of 0.1 comes back from float32 as 0.1000000015: that must not cost another pixel.
    return math.ceil(2 * sigma - 1e-6)


@distortion(group="blur", unit="px (sigma)", low=0, high=10, reach=_matlab_radius, source=KADID)
def gaussian_blur(images: Images, level: Tensor, radius: str = "matlab") -> Images:
    """Gaussian blur.

    Args:
        images: [batch, 3, H, W].
        level: sigma in pixels, [batch].
        radius: where the kernel ends. `matlab`: 2 * ceil(2 sigma) + 1 pixels wide (KADID-10k, ARNIQA), so
            the outermost tap appears with a small step at every half pixel of sigma; `scipy`: to
            int(4 sigma + 0.5) pixels from the centre (scikit-image, DepictQA, ImageNet-C).

    Raises:
        ConfigError: another `radius`.
    """
    if radius not in ("matlab", "scipy"):
        raise ConfigError(f"gaussian_blur: radius = {radius!r}: there are matlab, scipy")
    sigmas = level.tolist()
    if radius == "matlab":
        return convolve_separable(images, [gaussian_taps(s, _matlab_radius(s)) for s in sigmas])
    blurred = convolve_separable(images, [gaussian_taps(s, scipy_radius(s)) for s in sigmas])
    return _nudge(blurred, [_side_of_white(s) for s in sigmas])


@distortion(group="blur", unit="px (radius)", low=0, high=16, reach=math.ceil, source=KADID)
def lens_blur(images: Images, level: Tensor, kernel: str = "matlab") -> Images:
    """Blur by an antialiased disk, as a lens out of focus makes it.

    Args:
        images: [batch, 3, H, W].
        level: radius in pixels, [batch]. Up to half a pixel the disk stays inside one pixel.
        kernel: `matlab`: the covered area of every pixel, for any real radius; `arniqa`: ARNIQA's port of
            it, which differs (negative weights at the rim), mixed between whole radii.

    Raises:
        ConfigError: another `kernel`.
    """
    if kernel not in ("matlab", "arniqa"):
        raise ConfigError(f"lens_blur: kernel = {kernel!r}: there are matlab, arniqa")
    if kernel == "matlab":
        return convolve(images, [disk_by_area(radius) for radius in level.tolist()])
    return convolve(images, [between(disk_of_arniqa, radius) for radius in level.tolist()])


@distortion(group="blur", unit="px (radius)", low=0, high=16, reach=math.ceil, source=DEPICTQA)
def disk_blur(images: Images, level: Tensor) -> Images:
    """Blur by a hard-edged disk, mirrored at the image's border.

    Args:
        images: [batch, 3, H, W].
        level: radius in pixels, [batch]; between whole radii the two disks are mixed.
    """
    radii = level.tolist()
    blurred = convolve(images, [between(hard_disk, radius) for radius in radii], "reflect")
    return _nudge(blurred, [_side_of_whole_means(radius) for radius in radii])


@distortion(group="blur", unit="severity", low=0, high=5, reach=10, source=IMAGENET_C)
def defocus_blur(images: Images, level: Tensor) -> Images:
    """Blur by a disk that is itself slightly blurred.

    Args:
        images: [batch, 3, H, W].
        level: severity, [batch]: radius and the disk's own blur are linear between the published pairs.
    """
    kernels = []
    for severity in level.tolist():
        radius, sigma = parameters_at(DEFOCUS, severity)
        kernels.append(between(lambda r, sigma=sigma: _blurred_disk(r, sigma), radius))
    # The source's kernels are float32 and sum to a little more or less than 1, which decides about whole grey levels.
    return _nudge(
        convolve(images, kernels, "reflect"), [float(k.astype(np.float64).sum() - 1) for k in kernels]
    )


@distortion(group="blur", unit="severity", low=0, high=5, source=IMAGENET_C)
def zoom_blur(images: Images, level: Tensor, steps: str = "imagenet_c") -> Images:
    """Mean of the image and enlargements of its centre, as if the lens zoomed during the exposure.

    Args:
        images: [batch, 3, H, W].
        level: severity, [batch]; between two severities their results are mixed.
        steps: which published lists of zoom factors, `depictqa` or `imagenet_c`.

    Raises:
        ConfigError: other `steps`.
    """
    mixes = [_zoom_weights(table_of(ZOOMS, steps), severity) for severity in level.tolist()]
    zoomed = _zoom_images(images, mixes) if images.device.type == "cpu" else _zoom_tensor(images, mixes)
    return _nudge(zoomed, [1.0] * len(mixes))


@distortion(group="blur", unit="severity", low=0, high=5, source=DEPICTQA)
def masked_gaussian_blur(images: Images, level: Tensor) -> Images:
    """Gaussian blur that grows towards the corners.

    Args:
        images: [batch, 3, H, W].
        level: severity, [batch]: the mask's exponent and sigma are linear between the published pairs.
    """
    pairs = [parameters_at(LENS_MASK, severity) for severity in level.tolist()]
    blurred = convolve_separable(images, [gaussian_taps(s, scipy_radius(s)) for _, s in pairs])
    height, width = images.shape[-2:]
    y = torch.arange(height, device=images.device) - height // 2
    x = torch.arange(width, device=images.device) - width // 2
    distance = (y[:, None] ** 2 + x[None, :] ** 2).sqrt() / (math.hypot(height, width) / 2)
    exponents = torch.tensor([gamma for gamma, _ in pairs], device=images.device)
    sharp = (1 - distance).clamp(min=0) ** exponents.view(-1, 1, 1, 1)
    return torch.lerp(blurred, images, sharp)


def _nudge(images: Images, sides: list[float]) -> Images:
    """Move images by far less than a grey level, up or down.

    DepictQA cuts its float64 results to 8 bits. Where a result is a whole grey level up to rounding errors,
    as in white areas, their sign decides; those of float32 would decide at random. So results are moved to
    the side on which the source's lie.
    """
    return images.add_(torch.tensor(sides, device=images.device).sign_().mul_(2e-7).view(-1, 1, 1, 1))


def _side_of_whole_means(radius: float) -> float:
    """On which side of a whole grey level the mean over a disk lies: its weight 1/n is a float32."""
    covered = int((hard_disk(round(radius)) > 0).sum())
    return float(np.float32(1) / np.float32(covered)) * covered - 1


def _side_of_white(sigma: float) -> float:
    """On which side of white a white area lies after scipy's Gaussian filter, whose float64 sums this repeats."""
    radius = scipy_radius(sigma)
    taps = np.exp(-0.5 / max(sigma, 1e-6) ** 2 * np.arange(-radius, radius + 1) ** 2)
    taps /= taps.sum()
    white = 1.0
    for _ in range(2):
        total = white * taps[radius]
        for tap in taps[:radius]:
            total += 2 * white * tap
        white = total
    return 1.0 if white >= 1 else -1.0


def _blurred_disk(radius: int, sigma: float) -> np.ndarray:
    side = 3 if radius <= 8 else 5
    return cv2.GaussianBlur(hard_disk(radius), (side, side), max(sigma, 1e-3))


def _zoom_weights(zooms: tuple[np.ndarray, ...], severity: float) -> dict[float, float]:
    """How much each zoom factor counts; the image itself is factor 1."""
    weights: dict[float, float] = defaultdict(float)
    below = math.floor(severity)
    for index, share in ((below, 1 - (severity - below)), (below + 1, severity - below)):
        factors = [1.0] if index == 0 else [1.0, *zooms[min(index, 5) - 1].tolist()]
        for factor in factors:
            weights[factor] += share / len(factors)
    return {factor: weight for factor, weight in weights.items() if weight > 0}


def _crop_of(size: int, factor: float) -> tuple[int, int, int]:
    """Start and length of the centre that is enlarged, and the length that it gets, never below `size`."""
    length = math.ceil(size / factor)
    return (size - length) // 2, length, max(round(length * factor), size)


def _zoom_images(images: Images, mixes: list[dict[float, float]]) -> Images:
    # scipy.ndimage.zoom of order 1 maps first pixel to first and last to last. OpenCV takes the three channels
    # at once, several times faster than torch's `interpolate` (from 4.11 on without rounding of coordinates).
    height, width = images.shape[-2:]
    back, repeat = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE

    def mean_of_zooms(planes: np.ndarray, i: int) -> np.ndarray:
        pixels = np.ascontiguousarray(planes.transpose(1, 2, 0))
        total = np.zeros_like(pixels)
        for factor, weight in mixes[i].items():
            (top, down), (left, right) = _zoom_steps(height, factor), _zoom_steps(width, factor)
            places = np.array([[right, 0, left], [0, down, top]])
            layer = pixels
            if factor > 1:
                layer = cv2.warpAffine(pixels, places, (width, height), flags=back, borderMode=repeat)
            total = cv2.scaleAdd(layer, weight, total)
        return total.transpose(2, 0, 1)

    return map_images(mean_of_zooms, images)


def _zoom_tensor(images: Images, mixes: list[dict[float, float]]) -> Images:
    """The same with the batch at once: one bilinear sampling for each place in the lists of factors."""
    height, width = images.shape[-2:]
    result = torch.zeros_like(images)
    longest = max(len(mix) for mix in mixes)
    padded = [[*mix.items(), *[(1.0, 0.0)] * (longest - len(mix))] for mix in mixes]
    for place in range(longest):
        factors = [row[place][0] for row in padded]
        y = torch.stack([_zoom_positions(height, factor) for factor in factors])[:, :, None]
        x = torch.stack([_zoom_positions(width, factor) for factor in factors])[:, None, :]
        grid = torch.stack(torch.broadcast_tensors(x, y), -1).to(images.device)
        layer = torch.nn.functional.grid_sample(
            images, grid, mode="bilinear", padding_mode="border", align_corners=True
        )
        weights = torch.tensor([row[place][1] for row in padded], device=images.device)
        result.addcmul_(layer, weights.view(-1, 1, 1, 1))
    return result


def _zoom_steps(size: int, factor: float) -> tuple[int, float]:
    """Where the first row (or column) of an enlargement comes from, and how far the next ones are apart."""
    start, length, enlarged = _crop_of(size, factor)
    return start, (length - 1) / max(enlarged - 1, 1)


def _zoom_positions(size: int, factor: float) -> Tensor:
    """Where the rows (or columns) of an enlargement come from, on grid_sample's scale of -1 to 1."""
    start, step = _zoom_steps(size, factor)
    places = start + torch.arange(size, dtype=torch.float64) * step
    return (places * (2 / max(size - 1, 1)) - 1).float()


DISTORTIONS = (
    gaussian_blur,
    lens_blur,
    disk_blur,
    defocus_blur,
    zoom_blur,
    masked_gaussian_blur,
)
