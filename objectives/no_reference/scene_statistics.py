"""Statistics of natural scenes: normalised luminance, and the features that NIQE and BRISQUE have of it.

Where a photograph is undistorted, its luminance, made locally free of mean and contrast (MSCN), is close to
generalised Gaussian, and so are products of neighbours; distortions change the shapes. BRISQUE describes a
whole image with 36 such numbers, NIQE each of its blocks. This is the way of tensors, for GPUs; that of a CPU
is in `objectives.no_reference.scene_planes`.

Sources: Mittal, Moorthy and Bovik 2012, No-reference image quality assessment in the spatial domain,
doi:10.1109/TIP.2012.2214050; Mittal, Soundararajan and Bovik 2013, Making a "completely blind" image quality analyzer,
doi:10.1109/LSP.2012.2227726. Equations in the lines are those of the first.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from isptune.arrays import Images
from objectives.no_reference import scene_planes
from objectives.no_reference.generalized_gaussian import Row, aggd_of_sums, ggd_of_sums, sums_of
from objectives.no_reference.objective import Gray, luma_levels, portions

SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Rows down and columns right to the neighbours whose products are looked at."""

ROUNDING = 1e-6
"""Levels of 255: what float64 may leave of a difference that is 0."""

CUBIC_TAPS = (-0.01171875, -0.03515625, 0.11328125, 0.43359375)
"""Half the weights of Keys' cubic (a = -1/2) stretched to twice its width, at 1.75, 1.25, 0.75, 0.25."""

Border = Literal["replicate", "constant"]
Patches = Float[Tensor, "patches rows columns"]
Half = Float[Tensor, "batch halfheight halfwidth"]
Measured = Float64[Tensor, "5 patches 5"]
"""Sums (see `objectives.no_reference.generalized_gaussian.Sums`) of the coefficients and of the products with the four
neighbours, for every patch."""


@dataclass(frozen=True)
class Definition:
    """In what the published computations of the same 36 features differ.

    Attributes:
        block: side of the patches at the first scale, pixels; None for the whole image.
        border: what the 7x7 window sees beyond the image: the outer pixels again, or zeros.
        wrap: whether a pixel at the end is multiplied with that at the other end, as circshift does, or with 0.
        matlab_cubic: whether the second scale is that of imresize, or OpenCV's, which is not antialiased.
        symmetric: whether the coefficients are fitted alike on both sides of 0.
        spreads: whether widths are given as spreads b, or as variances.
    """

    block: int | None = None
    border: Border = "replicate"
    wrap: bool = True
    matlab_cubic: bool = True
    symmetric: bool = False
    spreads: bool = False


BRISQUE_2012 = Definition(border="constant", symmetric=True)
"""As the authors' Matlab release of BRISQUE computes the features."""

NIQE_2013 = Definition(block=96, spreads=True)
"""As the authors' Matlab release of NIQE computes them."""

OPENCV = Definition(wrap=False, matlab_cubic=False)
"""As OpenCV's quality module computes those of BRISQUE; for its models."""


def brisque_features(images: Images, definition: Definition = BRISQUE_2012) -> Float[Tensor, "batch 36"]:
    """The 36 features of BRISQUE of each image, in the published order, float32.

    At each of two scales: shape and variance of the MSCN coefficients, then for horizontal, vertical and the
    two diagonal products of neighbours shape, mean, left and right variance.

    Args:
        images: at least 16 pixels a side.
        definition: which computation; that of the authors' release by default.
    """
    return patch_features(images, definition)[0].float()


def patch_features(
    images: Images, definition: Definition
) -> tuple[Float64[Tensor, "patches 36"], Bool[Tensor, " patches"], Float[Tensor, " patches"]]:
    """The features of the patches of all images, one image after another, row by row.

    Returns:
        the features; whether the published ones are defined: they are not where a distribution has one side
        only, as in flat regions; the mean local deviation at the first scale, levels of 255.
    """
    first, second, sharpness = _measure(images, definition)
    height, width = images.shape[-2:]
    if definition.block is not None:
        height = width = definition.block
    halves = ((height + 1) // 2, (width + 1) // 2) if definition.matlab_cubic else (height // 2, width // 2)
    features_1, defined_1 = _describe(first, height * width, definition)
    features_2, defined_2 = _describe(second, halves[0] * halves[1], definition)
    return torch.cat([features_1, features_2], 1), defined_1 & defined_2, sharpness


def _describe(
    measured: Measured, count: int, definition: Definition
) -> tuple[Float64[Tensor, "patches 18"], Bool[Tensor, " patches"]]:
    whole = aggd_of_sums(measured[0], count)
    defined = ~whole.one_sided
    if definition.symmetric:
        fit = ggd_of_sums(measured[0], count)
        features = [fit.shape, fit.deviation**2]
    elif definition.spreads:
        features = [whole.shape, (whole.left + whole.right) / 2 * whole.spread_per_deviation]
    else:
        features = [whole.shape, (whole.left**2 + whole.right**2) / 2]
    for sums in measured[1:]:
        # In the authors' programs neighbours in a flat region are not 0 but rounding errors of one sign, so that
        # their products count as positive. So they do here, but for OpenCV, whose border is 0.
        pairs = aggd_of_sums(sums, count, zeros_are_positive=definition.wrap)
        defined = defined & ~pairs.one_sided
        features += [pairs.shape, pairs.mean]
        if definition.spreads:
            features += [side * pairs.spread_per_deviation for side in (pairs.left, pairs.right)]
        else:
            features += [pairs.left**2, pairs.right**2]
    return torch.stack(features, 1), defined


def _measure(images: Images, definition: Definition) -> tuple[Measured, Measured, Row]:
    """Sums at both scales, and sharpness, of the patches of all images; on a CPU by NumPy and OpenCV."""
    if len(images) == 0:
        nothing = torch.zeros(5, 0, 5, dtype=torch.float64, device=images.device)
        return nothing, nothing, nothing[0, :, 0]
    if images.device.type == "cpu":
        found = scene_planes.map_images(lambda image: _measure_planes(image, definition), images)
    else:
        found = [measure_portion(portion.float(), definition) for portion in portions(images)]
    first, second, sharpness = zip(*found, strict=True)
    return torch.cat(first, 1), torch.cat(second, 1), torch.cat(sharpness)


def _measure_planes(image: scene_planes.Planes, definition: Definition) -> tuple[Measured, Measured, Row]:
    side, window = definition.block, np.array(_window())
    gray = scene_planes.luma_levels(image)
    if side:
        height, width = (length // side * side for length in gray.shape)
        gray = np.ascontiguousarray(gray[:height, :width])
    if definition.matlab_cubic:
        half = scene_planes.halve(gray, np.array(CUBIC_TAPS + CUBIC_TAPS[::-1]))
    else:
        half = scene_planes.halve_as_opencv(gray)
    measured = []
    for plane, length in ((gray, side), (half, side and side // 2)):
        maps = scene_planes.normalised(plane, window, definition.border, ROUNDING)
        patches, deviation = (scene_planes.blocks(m, length) if length else m[None] for m in maps)
        sums = scene_planes.measure(patches, SHIFTS, definition.wrap)
        measured.append((torch.from_numpy(sums), torch.from_numpy(deviation.mean((1, 2), dtype=np.float64))))
    return measured[0][0], measured[1][0], measured[0][1]


def measure_portion(images: Images, definition: Definition) -> tuple[Measured, Measured, Row]:
    """What is measured of a batch, with tensors of all its images at once."""
    side = definition.block
    if side:
        height, width = (length // side * side for length in images.shape[-2:])
        images = images[..., :height, :width]
    gray = luma_levels(images).double()
    half = halve(gray) if definition.matlab_cubic else halve_as_opencv(gray)
    measured = []
    for plane, length in ((gray, side), (half, side and side // 2)):
        maps = _normalised(plane, definition.border)
        patches, deviation = (_blocks(m, length) if length else m for m in maps)
        measured.append((measure(patches, definition.wrap), deviation.mean((1, 2), dtype=torch.float64)))
    return measured[0][0], measured[1][0], measured[0][1]


def measure(patches: Patches, wrap: bool) -> Measured:
    """Sums of the coefficients, then of their products with each neighbour; see `Definition.wrap`."""
    found = [sums_of(patches.flatten(1))]
    for down, right in SHIFTS:
        product = torch.roll(patches, (down, right), (1, 2)).mul_(patches)
        if not wrap and down:
            product[:, :down] = 0
        if not wrap and right:
            product[:, :, slice(0, right) if right > 0 else slice(right, None)] = 0
        found.append(sums_of(product.flatten(1)))
    return torch.stack(found)


def mscn(gray: Gray, border: Border = "replicate") -> Gray:
    """Mean-subtracted contrast-normalised luminance: (x - mean) / (deviation + 1), in a 7x7 Gaussian window.

    Worked out in float64, as deviations of flat regions are differences of large squares; returned as float32.

    Args:
        gray: on the scale 0 to 255; any size.
        border: what lies beyond the image: the outer pixels again, or zeros.
    """
    return _normalised(gray.double(), border)[0]


def _normalised(x: Gray, border: Border) -> tuple[Gray, Gray]:
    """`mscn`, and the local deviation."""
    mean = _window_mean(x, border)  # (2)
    deviation = _window_mean(x * x, border).addcmul_(mean, mean, value=-1).abs_().sqrt_()  # (3)
    # What is equal to its mean but for rounding has no sign, on any machine.
    difference = torch.nn.functional.hardshrink(x - mean, ROUNDING)
    return difference.div_(deviation + 1).float(), deviation.float()  # (1)


@lru_cache(maxsize=1)
def _window() -> tuple[float, ...]:
    """The Gaussian of deviation 7/6 pixels at seven pixels, sum 1."""
    weights = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
    return tuple(float(weight) for weight in weights / weights.sum())


def _window_mean(x: Gray, border: Border) -> Gray:
    # Sums of shifted views: several times faster than a convolution of one channel.
    height, width = x.shape[-2:]
    padded = torch.nn.functional.pad(x.unsqueeze(1), (3, 3, 3, 3), mode=border)[:, 0]
    rows = padded[:, :, 3 : 3 + width] * _window()[3]
    for k, weight in enumerate(_window()[4:], 1):
        rows.add_(padded[:, :, 3 - k : 3 - k + width] + padded[:, :, 3 + k : 3 + k + width], alpha=weight)
    mean = rows[:, 3 : 3 + height] * _window()[3]
    for k, weight in enumerate(_window()[4:], 1):
        mean.add_(rows[:, 3 - k : 3 - k + height] + rows[:, 3 + k : 3 + k + height], alpha=weight)
    return mean


def _blocks(plane: Gray, side: int) -> Float[Tensor, "patches side side"]:
    rows = plane.unflatten(2, (-1, side)).unflatten(1, (-1, side))
    return rows.transpose(2, 3).flatten(0, 2).contiguous()


def halve(gray: Gray) -> Half:
    """Half the size by the antialiased cubic of Matlab's imresize(x, 0.5); odd sides are rounded up."""
    return _halve_last(_halve_last(gray).transpose(1, 2)).transpose(1, 2).contiguous()


def _halve_last(x: Gray) -> Float[Tensor, "batch height halfwidth"]:
    count = (x.shape[-1] + 1) // 2
    # Mirrored with the outer pixel repeated; the second flip is long enough for odd sides.
    padded = torch.cat([x[..., :3].flip(-1), x, x[..., -4:].flip(-1)], -1)
    taps = [padded[..., k : k + 2 * count : 2] for k in range(8)]
    halved = (taps[3] + taps[4]) * CUBIC_TAPS[3]
    for k in range(3):
        halved.add_(taps[k] + taps[7 - k], alpha=CUBIC_TAPS[k])
    return halved


def halve_as_opencv(gray: Gray) -> Half:
    """Half the size, rounded down, as OpenCV's INTER_CUBIC: four pixels (a = -3/4), not antialiased."""
    size = (gray.shape[-2] // 2, gray.shape[-1] // 2)
    halved = torch.nn.functional.interpolate(gray.unsqueeze(1), size, mode="bicubic", align_corners=False)
    return halved[:, 0]
