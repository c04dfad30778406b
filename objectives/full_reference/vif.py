"""VIF in the pixel domain: how much of the reference's information is left in an image.

Source: Sheikh and Bovik 2006, Image information and visual quality, doi:10.1109/TIP.2005.859378; the pixel domain
version is their code `vifp_mscale`.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from isptune.scenes.color import luma
from objectives.full_reference.objective import (
    FullReference,
    OneImage,
    OtherPlane,
    Plane,
    Planes,
    Scratch,
    filter_valid,
    gaussian_window,
    luma_plane,
    undefined,
)
from objectives.full_reference.view import view_option

NOISE_VARIANCE = 2.0 / 255**2
"""The variance of the noise of the visual system: 2 for luma in [0, 255] in the authors' code."""

TINY = 1e-10 / 255**2
"""Keeps quotients finite: 1e-10 for luma in [0, 255] in the authors' code."""

FLAT = 1e-8
"""Below this a window of the reference counts as flat, a deviation of a fortieth of an 8-bit step.

The authors' code has TINY here, which in float32 would divide rounding errors by next to nothing; what such
windows could add to the information is 3e-4 a pixel at most."""

WINDOWS = tuple(gaussian_window(size, size / 5) for size in (17, 9, 5, 3))
"""One window a scale, 2^(5 - scale) + 1 pixels wide, standard deviation a fifth of that."""


@dataclass(frozen=True)
class Reference:
    """A reference's luma y - 1/2 at one scale, and what its windows hold; all float32."""

    y: Float[Tensor, "1 1 height width"]
    mean: Float[Tensor, "1 1 newheight newwidth"]
    variance: Float[Tensor, "1 1 newheight newwidth"]
    inverse_variance: Float[Tensor, "1 1 newheight newwidth"]  # 0 where the variance counts as none
    information: float  # sum of ln(1 + variance / noise) over all scales


def vif(argument: str | None = None) -> FullReference:
    """Visual information fidelity of luma, pixel domain, four scales; 1 is equal, 0 has nothing left.

    Higher is better, but the reference is not the best there is: an image with more contrast and no noise
    scores above 1, by the metric's design. A reference without any detail is refused: it holds no information that
    could be lost.
    Against piq 0.8 (`vif_p`): within 2e-5 of its float64 result, and 3e-4 of its float32 one. pyiqa's `vif` is
    the wavelet version, another metric.
    """
    view = view_option("vif", argument, channels=False)
    return FullReference(
        name="vif",
        view=view,
        facts=ObjectiveFacts(
            direction="maximize",
            by_regions=view.of_every_place,
            range=(0.0, float("inf")),
            unit="share of information",
            source="Sheikh and Bovik 2006, Image information and visual quality, "
            "doi:10.1109/TIP.2005.859378 (pixel domain)",
            uses_reference=True,
        ),
        prepare=prepare,
        score_planes=_score_planes,
        score_tensor=_score_tensor,
        smallest_side=41,  # the coarsest window of 3 pixels still fits
    )


def prepare(reference: OneImage) -> tuple[Reference, ...]:
    """What VIF needs of a reference [1, 3, H, W], one entry a scale, worked out in float64.

    Raises:
        ScoreError: the reference is flat: VIF is 0 / 0.
    """
    y = luma(reference.double()) - 0.5
    scales, information = [], 0.0
    for index, window in enumerate(WINDOWS):
        if index:
            y = filter_valid(y, window)[..., ::2, ::2]
        mean = filter_valid(y, window)
        variance = (filter_valid(y * y, window) - mean * mean).clamp_min(0)
        present = variance >= FLAT
        variance = variance * present
        inverse = torch.where(present, 1 / (variance + TINY), 0)
        information += float(torch.log1p(variance / NOISE_VARIANCE).sum())
        scales.append((y.float().contiguous(), mean.float(), variance.float(), inverse.float()))
    if information == 0:
        raise undefined("vif", "information that could be lost")
    return tuple(Reference(*scale, information=information) for scale in scales)


def _score_planes(planes: Planes, scales: tuple[Reference, ...], scratch: Scratch) -> float:
    e = luma_plane(planes)
    e -= 0.5
    e -= scales[0].y[0, 0].numpy()
    kept = 0.0
    for index, (window, scale) in enumerate(zip(WINDOWS, scales, strict=True)):
        if index:
            e = np.ascontiguousarray(_filtered(e, window, scratch("vif smooth", *e.shape))[::2, ::2])
        kept += _kept_at_scale(e, window, scale, scratch)
    return _share(kept, scales[0].information)


def _kept_at_scale(e: Plane, window: np.ndarray, scale: Reference, scratch: Scratch) -> float:
    """Sum of ln(1 + g^2 var(y) / (var(v) + noise)): x = g y + v in every window, e = x - y."""
    y, mean, variance, inverse = (
        part[0, 0].numpy() for part in (scale.y, scale.mean, scale.variance, scale.inverse_variance)
    )
    product, *filtered = scratch("vif", 4, *e.shape)
    mean_e = _filtered(e, window, filtered[0])
    covariance = _filtered(np.multiply(e, y, out=product), window, filtered[1])
    unexplained = _filtered(np.square(e, out=product), window, filtered[2])
    explained = scratch("vif explained", *mean_e.shape)
    covariance -= np.multiply(mean_e, mean, out=explained)  # cov(e, y)
    unexplained -= np.square(mean_e, out=mean_e)  # var(e)
    unexplained += covariance
    covariance += variance  # cov(x, y)
    unexplained += covariance  # var(x)
    # A negative gain counts as none.
    np.maximum(covariance, 0, out=covariance)
    np.square(covariance, out=explained)
    explained *= inverse
    unexplained -= explained
    np.maximum(unexplained, TINY, out=unexplained)
    unexplained += NOISE_VARIANCE
    explained /= unexplained
    return float(np.log1p(explained, out=explained).sum(axis=1).sum(dtype=np.float64))


def _filtered(plane: Plane, window: np.ndarray, result: Plane) -> OtherPlane:
    margin = len(window) // 2
    cv2.sepFilter2D(plane, -1, window, window, dst=result)
    return result[margin:-margin, margin:-margin]


def _score_tensor(images: Images, scales: tuple[Reference, ...]) -> Scores:
    e = luma(images) - 0.5 - scales[0].y
    kept = torch.zeros(len(images), dtype=torch.float64, device=images.device)
    for index, (window, scale) in enumerate(zip(WINDOWS, scales, strict=True)):
        if index:
            e = filter_valid(e, window)[..., ::2, ::2]
        mean_e = filter_valid(e, window)
        change = filter_valid(e * scale.y, window) - mean_e * scale.mean
        covariance = (scale.variance + change).clamp_min(0)
        explained = covariance.square() * scale.inverse_variance
        total = scale.variance + 2 * change + filter_valid(e * e, window) - mean_e.square()
        unexplained = (total - explained).clamp_min(TINY)
        kept += torch.log1p(explained / (unexplained + NOISE_VARIANCE)).sum((1, 2, 3), dtype=torch.float64)
    return _share(kept, scales[0].information).float()


def _share(kept: Any, information: float) -> Any:
    return kept / information
