"""Blurs with chance in them: motion in a drawn direction, and pixels copied from drawn neighbours."""

import math

import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.draws import Draws
from isptune.distortions.kernels import (
    convolve,
    convolve_separable,
    gaussian_taps,
    gaussian_trail,
    motion_line,
    scipy_radius,
)
from isptune.distortions.published_steps import parameters_at, table_of
from isptune.distortions.sources import ANY_SIZE, DEPICTQA, IMAGENET_C, KADID

TRAILS = {
    "depictqa": ((5, 3), (10, 5), (15, 7), (15, 9), (20, 12)),
    "imagenet_c": ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
}
"""Radius and sigma of the motion, px."""

LARGEST_ANGLE = {"depictqa": 90.0, "imagenet_c": 45.0}
"""Directions are uniform within plus and minus this, degrees."""

GLASS = {
    "depictqa": ((0.7, 1, 1), (0.9, 2, 1), (1.2, 2, 2), (1.4, 3, 2), (1.6, 4, 2)),
    "imagenet_c": ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
}
"""Sigma and largest displacement, px, and the number of passes."""


@distortion(
    group="blur",
    unit="px (length)",
    low=0,
    high=30,
    stochastic=True,
    reach=lambda length: math.ceil((max(length, 1) - 1) / 2) + 1,
    source=f"{KADID}; angle as in Agnolucci et al. 2024, ARNIQA, arXiv:2310.14918",
)
def motion_blur(images: Images, level: Tensor, draws: Draws) -> Images:
    """Blur along a straight line in a drawn direction.

    Args:
        images: [batch, 3, H, W].
        level: length in pixels, [batch]; up to 1 nothing moves.
        draws: one angle an image, a whole number of degrees from 0 to 180.
    """
    angles = (draws.uniform(1) * 181).floor().expand(len(images), 1)[:, 0].tolist()
    lines = [motion_line(length, angle) for length, angle in zip(level.tolist(), angles, strict=True)]
    return convolve(images, lines)


@distortion(
    group="blur",
    unit="severity",
    low=0,
    high=5,
    stochastic=True,
    reach=41,
    source=ANY_SIZE,
)
def gaussian_motion_blur(images: Images, level: Tensor, draws: Draws, steps: str = "imagenet_c") -> Images:
    """A trail in a drawn direction that fades as one half of a Gaussian.

    Args:
        images: [batch, 3, H, W].
        level: severity, [batch]: radius and sigma are linear between the published pairs.
        draws: one angle an image.
        steps: which published table and range of angles, `depictqa` or `imagenet_c`.

    Raises:
        ConfigError: other `steps`.
    """
    table, largest = table_of(TRAILS, steps), table_of(LARGEST_ANGLE, steps)
    angles = ((2 * draws.uniform(1) - 1) * largest).expand(len(images), 1)[:, 0].tolist()
    kernels = []
    for severity, angle in zip(level.tolist(), angles, strict=True):
        radius, sigma = parameters_at(table, severity)
        kernels.append(gaussian_trail(radius, sigma, angle))
    return convolve(images, kernels)


@distortion(
    group="blur",
    unit="severity",
    low=0,
    high=5,
    stochastic=True,
    source=IMAGENET_C,
)
def glass_blur(images: Images, level: Tensor, draws: Draws, steps: str = "imagenet_c") -> Images:
    """Gaussian blur, pixels copied from drawn neighbours, Gaussian blur again: frosted glass.

    Args:
        images: [batch, 3, H, W].
        level: severity, [batch]: sigma, displacement and passes are linear between the published rows.
        draws: three numbers a pixel and pass.
        steps: `depictqa` or `imagenet_c`, which cuts to whole 8-bit values after the first blur.

    Raises:
        ConfigError: other `steps`.
    """
    table = table_of(GLASS, steps)
    rows = [parameters_at(table, severity) for severity in level.tolist()]
    taps = [gaussian_taps(sigma, scipy_radius(sigma)) for sigma, _, _ in rows]
    result = convolve_separable(images, taps)
    if steps == "imagenet_c":
        # The sliver keeps flat areas from losing a step to rounding errors of the blur.
        result = (result * 255 + 1e-3).floor() / 255
    for done in range(max(passes for _, _, passes in table)):
        # Part of a pass is a pass of shorter displacements.
        shifts = [shift * min(max(passes - done, 0.0), 1.0) for _, shift, passes in rows]
        result = _copy_neighbours(result, shifts, draws)
    return convolve_separable(result, taps)


@distortion(
    group="blur",
    unit="px",
    low=0,
    high=10,
    stochastic=True,
    source=f"{DEPICTQA} (jitter)",
)
def pixel_swap(images: Images, level: Tensor, draws: Draws) -> Images:
    """Every pixel copied from a drawn neighbour.

    The sources mean to swap the two pixels, but exchange views of one array, so that the second keeps its
    value (the same holds for ImageNet-C's glass blur). The published images were made so, and so are ours.

    Args:
        images: [batch, 3, H, W].
        level: the largest displacement p in pixels, [batch]; a whole p draws from -p to p - 1.
        draws: three numbers a pixel.
    """
    return _copy_neighbours(images, level.tolist(), draws)


def _copy_neighbours(images: Images, shifts: list[float], draws: Draws) -> Images:
    """Copy to each pixel, from the last to the first, what a drawn neighbour then holds.

    Args:
        images: [batch, 3, H, W].
        shifts: the largest displacement of each image, pixels.
        draws: three numbers a pixel.
    """
    batch, _, height, width = images.shape
    uniform = draws.uniform(3, height, width).expand(batch, -1, -1, -1).to(images.device)
    largest = torch.tensor(shifts, device=images.device)
    if images.device.type != "cpu":
        return _gather_origins(images, largest, uniform)
    result = torch.empty_like(images)
    for i in range(batch):  # what belongs to one image stays in the processor's cache
        one = slice(i, i + 1)
        result[one] = _gather_origins(images[one], largest[one], uniform[one])
    return result


def _gather_origins(images: Images, shifts: Tensor, uniform: Tensor) -> Images:
    """Find the pixel that each value comes from, then fetch all values at once.

    A neighbour that was visited before holds a copy itself. So the origin is found by following neighbours
    for as long as they lie further on; all pixels follow at once, which gives exactly what the loop over
    pixels gives.
    """
    batch, _, height, width = images.shape
    first = torch.arange(batch, device=images.device)[:, None] * (height * width)
    own = torch.arange(batch * height * width, device=images.device)
    neighbour = own + _offsets(shifts, uniform).flatten()
    origin = neighbour.clone()
    following = (neighbour > own).nonzero()[:, 0]
    while len(following):
        held = origin[following]
        onward = neighbour[held]
        origin[following] = onward
        following = following[onward > held]
    index = (origin.view(batch, -1) - first)[:, None].expand(-1, 3, -1)
    return images.flatten(2).gather(2, index).view(images.shape)


def _offsets(shifts: Tensor, uniform: Tensor) -> Tensor:
    """The flat distance to each pixel's neighbour, [batch, H, W], from uniform numbers [batch, 3, H, W].

    Between whole shifts p and p + 1 a share of the pixels uses the larger one. Only pixels from which
    every displacement stays inside move: rows and columns p + 1 to size - p, as in the sources.
    """
    height, width = uniform.shape[-2:]
    chance, down, right = uniform.unbind(1)
    shifts = shifts.view(-1, 1, 1)
    low = (shifts + 1e-6).floor()
    p = low + (chance < shifts - low - 1e-6)
    rows = torch.arange(height, device=uniform.device)[:, None]
    columns = torch.arange(width, device=uniform.device)[None, :]
    inside = (rows > p) & (rows <= height - p) & (columns > p) & (columns <= width - p)
    down, right = (torch.floor(drawn * (2 * p)) - p for drawn in (down, right))
    return (down * width + right).long() * inside


DISTORTIONS = (motion_blur, gaussian_motion_blur, glass_blur, pixel_swap)
