"""Denoising of the mosaic, where the noise of a sensor is simple."""

import torch

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
