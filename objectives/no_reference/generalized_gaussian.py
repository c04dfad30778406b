"""Generalised Gaussian distributions, symmetric and asymmetric, fitted by their moments; many at once.

Sources: Sharifi and Leon-Garcia 1995, Estimation of shape parameter for generalized Gaussian distributions in
subband decompositions of video, doi:10.1109/76.350779; Lasmar, Stitou and Berthoumieu 2009, Multiscale skewed heavy
tailed model for texture analysis.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from scipy.special import gammaln
from torch import Tensor

SHAPES = (0.2, 10.0, 0.001)
"""Shapes that the published fits search: from, to, step. Between the steps we interpolate."""

Sample = Float[Tensor, "rows samples"]
Row = Float64[Tensor, " rows"]

Sums = Float64[Tensor, "rows 5"]
"""Of each sample: sum |x|, sum x |x|, sum x^2, how many are positive, how many negative."""


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


def fit_ggd(samples: Sample) -> GeneralizedGaussian:
    """Fit a generalised Gaussian of mean 0 to every row by its moments E|x| and E x^2.

    Shapes are within 0.2 to 10. A row of zeros has shape 10 and deviation 0.
    """
    return ggd_of_sums(sums_of(samples), samples.shape[1])


def fit_aggd(samples: Sample) -> AsymmetricGaussian:
    """Fit an asymmetric generalised Gaussian to every row by its moments on either side of 0.

    Shapes are within 0.2 to 10. A side without samples has deviation 0; a row of zeros has shape 10.
    """
    return aggd_of_sums(sums_of(samples), samples.shape[1])


def sums_of(samples: Sample) -> Sums:
    """What both fits need of each row."""
    magnitude = samples.abs()
    columns = (
        magnitude.sum(1, dtype=torch.float64),
        _dot(samples, magnitude),
        _dot(samples, samples),
        (samples > 0).sum(1).double(),
        (samples < 0).sum(1).double(),
    )
    return torch.stack(columns, 1)


def _dot(first: Sample, second: Sample) -> Row:
    return torch.bmm(first.unsqueeze(1), second.unsqueeze(2))[:, 0, 0].double()


def ggd_of_sums(sums: Sums, count: int) -> GeneralizedGaussian:
    """`fit_ggd` from the sums of so many samples a row."""
    mean_square = sums[:, 2] / count
    return GeneralizedGaussian(_shape((sums[:, 0] / count).square(), mean_square), mean_square.sqrt())


def aggd_of_sums(sums: Sums, count: int, zeros_are_positive: bool = False) -> AsymmetricGaussian:
    """`fit_aggd` from the sums of so many samples a row.

    Args:
        sums: see `Sums`.
        count: samples a row.
        zeros_are_positive: whether samples of 0 are counted on the right, or on neither side.
    """
    absolute, signed, unsigned, positive, negative = sums.unbind(1)
    if zeros_are_positive:
        positive = count - negative
    # Sums of x |x| and of x^2 give those of either side.
    right = ((unsigned + signed).clamp_min(0) / 2 / positive.clamp_min(1)).sqrt() * (positive > 0)
    left = ((unsigned - signed).clamp_min(0) / 2 / negative.clamp_min(1)).sqrt() * (negative > 0)
    # R-hat of Lasmar et al. 2009, in a form that is symmetric and needs no ratio left / right.
    numerator = (absolute / count).square() * (left**3 + right**3) * (left + right)
    shape = _shape(numerator, unsigned / count * (left**2 + right**2) ** 2)
    return AsymmetricGaussian(shape, left, right, (positive == 0) | (negative == 0))


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
