"""Denoising of the mosaic, where the noise of a sensor is simple, and the estimate of that noise."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.scenes.raw_capture import NoiseModel
from pipelines.raw.stages.planes import Values
from pipelines.raw.stages.sensor import Cells
from pipelines.raw.stages.shrinkage import shrink

SCALES = 3
"""Of the transform; the coarsest holds structures of about 30 pixels of the picture."""

# Sum, left against right, above against below, diagonal: orthonormal, so that white noise stays white.
_HADAMARD = (
    (0.5, 0.5, 0.5, 0.5),
    (0.5, -0.5, 0.5, -0.5),
    (0.5, 0.5, -0.5, -0.5),
    (0.5, -0.5, -0.5, 0.5),
)


def raw_denoise(cells: Cells, noise: NoiseModel, luma: Values, chroma: Values) -> Cells:
    """Take out noise of the sensor's strength at every brightness.

    Samples are transformed so that their noise has the variance 1 everywhere (Anscombe 1948,
    doi:10.1093/biomet/35.3-4.246, generalised by Starck, Murtagh and Bijaoui 1995), and back by its closed-form inverse
    without asymptotic bias (Makitalo and Foi 2013, doi:10.1109/TIP.2012.2202675); in between, the four samples of a
    cell are shrunk as their sum and their differences. With noise of the variance a x + r, in numbers of this page:

        (1)  f(x) = 2 / a sqrt(a x + 3/8 a^2 + r)
        (2)  x = a / 4 f^2 - a / 8 - r / a

    Args:
        cells: [batch, 4, H / 2, W / 2], before white balance.
        noise: of the sensor at this gain.
        luma, chroma: strengths for the sum and the differences, in standard deviations of the noise, [batch].
    """
    shot, read = max(noise.shot, 1e-7), max(noise.read, 0.0)
    floor = 0.375 * shot * shot + read
    stable = (cells * shot + floor).clamp(min=0).sqrt() * (2 / shot)  # (1)
    sigma = torch.stack((luma, chroma, chroma, chroma), 1)
    scales = torch.full_like(luma, SCALES)
    smooth = _mix(shrink(_mix(stable), sigma, scales, torch.zeros_like(luma)))
    brightness = smooth.square() * (shot / 4) - (shot / 8 + read / shot)  # (2)
    # The transform folds what lies below its floor; there the sample itself is the better estimate.
    return torch.where(cells * shot + floor > 0, brightness, cells)


def _mix(cells: Cells) -> Cells:
    """The Hadamard transform over the four planes, its own inverse; by additions, equal in every batch."""
    a, b, c, d = cells.unbind(1)
    upper, lower, left, right = a + b, c + d, a - b, c - d
    return torch.stack((upper + lower, left + right, upper - lower, left - right), 1) * 0.5


def estimate_noise(cells: Float[Tensor, "1 4 height width"], block: int = 8) -> NoiseModel:
    """Shot and read noise of a capture, from its flattest blocks at every brightness.

    A mask that cancels planes and edges along the axes leaves noise of the same variance (Immerkaer 1996, "Fast
    noise variance estimation", doi:10.1006/cviu.1996.0060). Blocks are sorted by brightness into bins; in each the
    lower fifth of the variances stands for flat ground, and a line is fitted through the bins. Texture everywhere makes
    it too large.

    Args:
        cells: [1, 4, H / 2, W / 2], black level subtracted.
        block: side of a block.
    """
    means, variances = [], []
    for plane in cells[0].cpu().double().numpy():
        rows = plane[:-2] - 2 * plane[1:-1] + plane[2:]
        left = (rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]) / 6
        inner = plane[1:-1, 1:-1]
        height, width = (n // block * block for n in inner.shape)
        shape = (height // block, block, width // block, block)
        usable = inner[:height, :width].reshape(shape).max((1, 3)) < 0.95
        means.append(inner[:height, :width].reshape(shape).mean((1, 3))[usable])
        variances.append((left[:height, :width].reshape(shape) ** 2).mean((1, 3))[usable])
    return _line(np.concatenate(means), np.concatenate(variances), block)


def _line(means: np.ndarray, variances: np.ndarray, block: int) -> NoiseModel:
    """variance = shot * mean + read through the lower fifths of up to 24 bins, neither below 0."""
    from scipy.optimize import nnls
    from scipy.stats import chi2

    if len(means) < 8:
        return NoiseModel(1e-7, 1e-9)
    order = np.argsort(means)
    bins = np.array_split(order, max(2, min(24, len(order) // 8)))
    # A fifth of the blocks of pure noise lie below this share of its variance; neighbours in the mask correlate.
    freedom = block * block * 0.5
    share = chi2.ppf(0.2, freedom) / freedom
    x = np.array([means[index].mean() for index in bins])
    y = np.array([np.quantile(variances[index], 0.2) for index in bins]) / share
    weights = 1 / np.maximum(y, 1e-12)
    design = np.stack([np.maximum(x, 0), np.ones_like(x)], 1) * weights[:, None]
    shot, read = nnls(design, y * weights)[0]
    return NoiseModel(float(max(shot, 1e-7)), float(max(read, 1e-10)))
