"""Statistics of natural scenes: normalised luminance, the distributions fitted to it, and their features.

Where a photograph is undistorted, its luminance, made locally free of mean and contrast (MSCN), is close to
generalised Gaussian, and so are products of neighbours; distortions change the shapes. BRISQUE describes a
whole image with 36 such numbers, NIQE each of its blocks.

Sources: Mittal, Moorthy and Bovik 2012, No-reference image quality assessment in the spatial domain; Mittal,
Soundararajan and Bovik 2013, Making a completely blind image quality analyzer; Sharifi and Leon-Garcia 1995
and Lasmar, Stitou and Berthoumieu 2009 for the fits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from scipy.special import gammaln
from torch import Tensor

from isptune.arrays import Images
from objectives.no_reference import Gray, luma_levels, portions

FEATURES = 36
"""18 at each of two scales."""

SHAPES = (0.2, 10.0, 0.001)
"""Shapes that the published fits search: from, to, step. Between the steps we interpolate."""

_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows down, columns right: the neighbours that are multiplied
_ROUNDING = 1e-6  # levels: what float64 leaves of a difference that is 0

Patches = Float[Tensor, "patches height width"]
Half = Float[Tensor, "batch halfheight halfwidth"]
Sample = Float[Tensor, "rows samples"]
Row = Float[Tensor, " rows"]


@dataclass(frozen=True)
class GeneralizedGaussian:
    """Density proportional to exp(-(|x| / b)^shape): shape 2 is Gaussian, 1 Laplacian."""

    shape: Row
    deviation: Row


@dataclass(frozen=True)
class AsymmetricGaussian:
    """A generalised Gaussian with another deviation on either side of 0.

    Attributes:
        shape: of both sides.
        left, right: root mean squares of the negative and of the positive samples.
        one_sided: whether a side had no sample, so that the published fit would be undefined.
    """

    shape: Row
    left: Row
    right: Row
    one_sided: Bool[Tensor, " rows"]

    @property
    def spread_per_deviation(self) -> Row:
        """b / deviation = sqrt(Gamma(1/a) / Gamma(3/a))."""
        return ((torch.lgamma(1 / self.shape) - torch.lgamma(3 / self.shape)) / 2).exp()

    @property
    def mean(self) -> Row:
        """(b_right - b_left) Gamma(2/a) / Gamma(1/a): equation 8 of BRISQUE."""
        ratio = (torch.lgamma(2 / self.shape) - torch.lgamma(1 / self.shape)).exp()
        return (self.right - self.left) * self.spread_per_deviation * ratio


@dataclass(frozen=True)
class Definition:
    """In what the published computations of the same 36 features differ.

    Attributes:
        border: what the 7x7 window sees beyond the image: `replicate` or `constant` (zeros).
        wrap: whether a pixel at the end is multiplied with that at the other end, as circshift does, or with 0.
        halve: gives the second scale.
        describe: patches of normalised luminance to their 18 features.
    """

    border: Literal["replicate", "constant"]
    wrap: bool
    halve: Callable[[Gray], Half]
    describe: Callable[[Patches, "Definition"], Float[Tensor, "patches 18"]]


def brisque_features(images: Images, definition: Definition | None = None) -> Float[Tensor, "batch 36"]:
    """The 36 features of BRISQUE of each image, in the published order, float32.

    At each of two scales: shape and variance of the MSCN coefficients, then for horizontal, vertical and the
    two diagonal products of neighbours shape, mean, left and right variance.

    Args:
        images: at least 16 pixels a side.
        definition: which computation; that of the authors' release (`BRISQUE_2012`) if None.
    """
    definition = definition or BRISQUE_2012
    found = [_image_features(luma_levels(portion.float()), definition) for portion in portions(images)]
    return torch.cat(found) if found else images.new_zeros(0, FEATURES, dtype=torch.float32)


def mscn(gray: Gray, border: Literal["replicate", "constant"] = "replicate") -> Gray:
    """Mean-subtracted contrast-normalised luminance: (x - mean) / (deviation + 1), in a 7x7 Gaussian window.

    Worked out in float64, as deviations of flat regions are differences of large squares; returned as float32.

    Args:
        gray: on the scale 0 to 255; any size.
        border: what lies beyond the image: the outer pixels, or zeros.
    """
    return _normalised(gray.double(), border)[0]


def mscn_and_deviation(gray: Gray, border: Literal["replicate", "constant"]) -> tuple[Gray, Gray]:
    """`mscn`, and the local standard deviation that it was divided by, both float32."""
    return _normalised(gray.double(), border)


def _normalised(x: Gray, border: Literal["replicate", "constant"]) -> tuple[Gray, Gray]:
    mean = _window_mean(x, border)
    deviation = _window_mean(x * x, border).addcmul_(mean, mean, value=-1).abs_().sqrt_()
    # What is equal to its mean but for rounding has no sign, on any machine.
    difference = torch.nn.functional.hardshrink(x - mean, _ROUNDING)
    return difference.div_(deviation + 1).float(), deviation.float()


@lru_cache(maxsize=1)
def _window() -> tuple[float, ...]:
    """The Gaussian with deviation 7/6 at 0, 1, 2, 3 pixels from its middle; sum 1 over all seven."""
    weights = np.exp(-(np.arange(4) ** 2) / (2 * (7 / 6) ** 2))
    return tuple(float(w) for w in weights / (weights[0] + 2 * weights[1:].sum()))


def _window_mean(x: Gray, border: Literal["replicate", "constant"]) -> Gray:
    # Sums of shifted views: several times faster than a convolution of one channel.
    height, width = x.shape[-2:]
    padded = torch.nn.functional.pad(x.unsqueeze(1), (3, 3, 3, 3), mode=border)[:, 0]
    middle, *weights = _window()
    rows = padded[:, :, 3 : 3 + width] * middle
    for k, weight in enumerate(weights, 1):
        rows.add_(padded[:, :, 3 - k : 3 - k + width] + padded[:, :, 3 + k : 3 + k + width], alpha=weight)
    mean = rows[:, 3 : 3 + height] * middle
    for k, weight in enumerate(weights, 1):
        mean.add_(rows[:, 3 - k : 3 - k + height] + rows[:, 3 + k : 3 + k + height], alpha=weight)
    return mean


def fit_ggd(samples: Sample) -> GeneralizedGaussian:
    """Fit a generalised Gaussian of mean 0 to every row by its moments E|x| and E x^2.

    Shapes are within 0.2 to 10. A row of zeros has shape 10 and deviation 0.
    """
    square = samples.square().mean(1, dtype=torch.float64)
    absolute = samples.abs().mean(1, dtype=torch.float64)
    return GeneralizedGaussian(_shape(absolute.square(), square), square.sqrt())


def fit_aggd(samples: Sample, zeros_are_positive: bool = False) -> AsymmetricGaussian:
    """Fit an asymmetric generalised Gaussian to every row by its moments on either side of 0.

    Shapes are within 0.2 to 10. A side without samples has deviation 0; a row of zeros has shape 10.

    Args:
        samples: one distribution a row.
        zeros_are_positive: whether samples of 0 are counted on the right, or on neither side.
    """
    magnitude = samples.abs()
    absolute = magnitude.mean(1, dtype=torch.float64)
    # Sums of x |x| and of x x give those of either side, without planes of one side's squares in memory.
    signed, unsigned = _dot(samples, magnitude), _dot(samples, samples)
    negative = (samples < 0).sum(1)
    positive = samples.shape[1] - negative if zeros_are_positive else (samples > 0).sum(1)
    right = ((unsigned + signed).clamp_min(0) / 2 / positive.clamp_min(1)).sqrt() * (positive > 0)
    left = ((unsigned - signed).clamp_min(0) / 2 / negative.clamp_min(1)).sqrt() * (negative > 0)
    # Lasmar et al. 2009, equation for R-hat, in a form that is symmetric and needs no ratio left / right.
    numerator = absolute.square() * (left**3 + right**3) * (left + right)
    shape = _shape(numerator, unsigned / samples.shape[1] * (left**2 + right**2) ** 2)
    return AsymmetricGaussian(shape, left, right, (positive == 0) | (negative == 0))


def _dot(first: Sample, second: Sample) -> Row:
    return torch.bmm(first.unsqueeze(1), second.unsqueeze(2))[:, 0, 0].double()


@lru_cache(maxsize=1)
def _ratio_table() -> Float64[np.ndarray, " shapes"]:
    """Gamma(2/a)^2 / (Gamma(1/a) Gamma(3/a)) = (E|x|)^2 / E x^2 for every shape a; it rises with a."""
    first, last, step = SHAPES
    a = np.linspace(first, last, round((last - first) / step) + 1)
    return np.exp(2 * gammaln(2 / a) - gammaln(1 / a) - gammaln(3 / a))


def _shape(numerator: Row, denominator: Row) -> Row:
    """The shape whose ratio this is; the largest where the denominator is 0."""
    first, last, step = SHAPES
    table = torch.as_tensor(_ratio_table(), device=numerator.device)
    ratio = torch.where(denominator > 0, numerator / denominator, torch.inf)
    above = torch.searchsorted(table, ratio).clamp(1, len(table) - 1)
    low, high = table[above - 1], table[above]
    place = above - 1 + (ratio.clamp(float(table[0]), float(table[-1])) - low) / (high - low)
    return (first + place * step).clamp(first, last)


def neighbour_product(patches: Patches, down: int, right: int, wrap: bool = True) -> Patches:
    """Every coefficient times its neighbour so many rows up and columns left; see `Definition.wrap`."""
    product = torch.roll(patches, (down, right), (1, 2)).mul_(patches)
    if not wrap and down:
        product[:, :down] = 0
    if not wrap and right:
        product[:, :, slice(0, right) if right > 0 else slice(right, None)] = 0
    return product


def _fit_products(patches: Patches, wrap: bool) -> list[AsymmetricGaussian]:
    """Fit the products in the four directions, one after another: less memory at once, and so faster.

    In the authors' programs neighbours in a flat region are not 0 but rounding errors of one sign, so that
    their products are counted as positive. So they are here, but for OpenCV, whose border is 0.
    """
    products = (neighbour_product(patches, *shift, wrap).flatten(1) for shift in _SHIFTS)
    return [fit_aggd(product, zeros_are_positive=wrap) for product in products]


def _describe_brisque(patches: Patches, definition: Definition) -> Float[Tensor, "patches 18"]:
    whole = fit_ggd(patches.flatten(1))
    return _with_products(whole.shape, whole.deviation**2, patches, definition)


def _describe_opencv(patches: Patches, definition: Definition) -> Float[Tensor, "patches 18"]:
    whole = fit_aggd(patches.flatten(1))
    return _with_products(whole.shape, (whole.left**2 + whole.right**2) / 2, patches, definition)


def _with_products(
    shape: Row, variance: Row, patches: Patches, definition: Definition
) -> Float[Tensor, "patches 18"]:
    features = [shape, variance]
    for fit in _fit_products(patches, definition.wrap):
        features += [fit.shape, fit.mean, fit.left**2, fit.right**2]
    return torch.stack(features, 1)


def describe_niqe(patches: Patches) -> tuple[Float[Tensor, "patches 18"], Bool[Tensor, " patches"]]:
    """The 18 features that NIQE has of a block at one scale, and whether the published ones are defined.

    Shape and mean spread of the coefficients, then of the four products shape, mean, left and right spread.
    They are not defined where a distribution has one side only, as in flat blocks.
    """
    whole = fit_aggd(patches.flatten(1))
    features = [whole.shape, (whole.left + whole.right) / 2 * whole.spread_per_deviation]
    undefined = whole.one_sided
    for fit in _fit_products(patches, wrap=True):
        spread = fit.spread_per_deviation
        features += [fit.shape, fit.mean, fit.left * spread, fit.right * spread]
        undefined = undefined | fit.one_sided
    return torch.stack(features, 1), ~undefined


def _image_features(gray: Gray, definition: Definition) -> Float[Tensor, "batch 36"]:
    x = gray.double()
    scales = [_normalised(x, definition.border)[0], _normalised(definition.halve(x), definition.border)[0]]
    return torch.cat([definition.describe(scale, definition) for scale in scales], 1).float()


def halve(gray: Gray) -> Half:
    """Half the size by the antialiased cubic of Matlab's imresize(x, 0.5); odd sides are rounded up."""
    return _halve_last(_halve_last(gray).transpose(1, 2)).transpose(1, 2).contiguous()


def _halve_last(x: Gray) -> Float[Tensor, "batch height halfwidth"]:
    # Keys' cubic (a = -1/2) stretched to twice its width, at the distances 0.25, 0.75, 1.25, 1.75.
    weights = (0.43359375, 0.11328125, -0.03515625, -0.01171875)
    count = (x.shape[-1] + 1) // 2
    # Mirrored with the outer pixel repeated; the second flip is long enough for odd sides.
    padded = torch.cat([x[..., :3].flip(-1), x, x[..., -4:].flip(-1)], -1)
    taps = [padded[..., k : k + 2 * count : 2] for k in range(8)]
    halved = (taps[3] + taps[4]) * weights[0]
    for distance, weight in enumerate(weights[1:], 1):
        halved.add_(taps[3 - distance] + taps[4 + distance], alpha=weight)
    return halved


def halve_as_opencv(gray: Gray) -> Half:
    """Half the size, rounded down, as OpenCV's INTER_CUBIC: four pixels (a = -3/4), not antialiased."""
    size = (gray.shape[-2] // 2, gray.shape[-1] // 2)
    halved = torch.nn.functional.interpolate(gray.unsqueeze(1), size, mode="bicubic", align_corners=False)
    return halved[:, 0]


BRISQUE_2012 = Definition("constant", True, halve, _describe_brisque)
"""As the authors' Matlab release computes the features."""

OPENCV = Definition("replicate", False, halve_as_opencv, _describe_opencv)
"""As OpenCV's quality module computes them; for its models."""
