"""Local tone mapping and local contrast, by splitting luma into what is large and what is small."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch.nn import functional as F

from isptune.arrays import Images
from pipelines.raw.stages.planes import Planes, Values, blur, gaussian, spread

SHRINK = 4
"""The large part is found at a quarter of the size: it has nothing finer (He and Sun 2015, arXiv:1505.00996)."""

EPSILON = 0.004
"""Variance of luma above which an edge counts as one and belongs to the large part: 6 per cent of white, squared."""


def reach_px(radius: float) -> int:
    """How far around a pixel it looks, pixels: two blurs at the small size, and the cells about their ends."""
    return SHRINK * (2 * (len(_taps(radius)) // 2) + 2)


def mean_luma(images: Images) -> Values:
    """The mean that regions approach."""
    # In float64, so that a batch and an image alone round to the same number.
    return images[:, 0].double().mean((1, 2)).float()


def local_contrast(
    images: Images, compression: Values, detail: Values, radius: Values, mean: Values | None = None
) -> Images:
    """Bring regions nearer to each other, and raise what is finer than regions.

    Luma I is split by a guided filter with itself as the guide (He, Sun and Tang 2013, "Guided image filtering",
    doi:10.1109/TPAMI.2012.213), which follows edges, so that there are no halos along them. In numbers of this page,
    with means over a region:

        (1)  a = var(I) / (var(I) + EPSILON)        how much of an edge stays in the large part
        (2)  b = mean(I) - a mean(I)
        (3)  large = mean(a) I + mean(b)

    Args:
        images: Y, Cb, Cr, encoded, [batch, 3, H, W].
        compression: how much regions approach the picture's mean, 0 to 1, [batch].
        detail: how much finer structures are raised, -1 to 2, [batch].
        radius: of a region, px, [batch].
        mean: of luma, in place of that of the images, [batch].
    """
    luma = images[:, :1]
    base = _base(luma, radius)
    middle = spread(mean_luma(images) if mean is None else mean)
    change = spread(compression) * (middle - base) + spread(detail) * (luma - base)
    lifted = (luma + change).clamp(0, 1)
    # Colour goes with luma, but is not blown up where luma was next to nothing.
    ratio = ((lifted + 0.05) / (luma.clamp(min=0) + 0.05)).clamp(0.25, 4)
    return torch.cat((lifted, images[:, 1:] * ratio), 1)


def _base(luma: Planes, radius: Values) -> Planes:
    height, width = luma.shape[-2:]
    # Whole blocks only; the last rows and columns are repeated to fill them.
    small = F.avg_pool2d(F.pad(luma, (0, -width % SHRINK, 0, -height % SHRINK), mode="replicate"), SHRINK)
    taps = [_taps(one) for one in radius.tolist()]
    mean, power = blur(small, taps), blur(small.square(), taps)
    variance = (power - mean.square()).clamp(min=0)
    slope = variance / (variance + EPSILON)  # (1)
    both = torch.cat((blur(slope, taps), blur(mean - slope * mean, taps)), 1)  # (2)
    large = F.interpolate(both, scale_factor=SHRINK, mode="bilinear", align_corners=False)[
        ..., :height, :width
    ]
    return large[:, :1] * luma + large[:, 1:]  # (3)


def _taps(radius: float) -> Float[np.ndarray, " taps"]:
    return gaussian(radius / SHRINK / math.sqrt(3))
