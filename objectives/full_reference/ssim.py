"""SSIM and MS-SSIM over the three colour channels.

Both are computed from the error e = x - y, not from the distorted image x itself. With E, var and cov taken
over the window,

    contrast and structure = 1 - var(e) / (var(x) + var(y) + C2),  var(x) = var(y) + E[x^2 - y^2] - (E[x]^2 - E[y]^2),
    luminance              = 1 - E[e]^2 / (E[x]^2 + E[y]^2 + C1),  E[x] = E[y] + E[e],

which is the textbook's formula rearranged: equations (6) of Wang et al. 2004, and (9) times (10) with C3 = C2 / 2;
their product is (13). Where x is near y nothing large cancels, so float32 is enough, and
a perfect image scores exactly 1. What depends on y alone is prepared once, in float64; three filters a plane
are left for each image: of e, of e^2 and of e (x + y).

Sources: Wang, Bovik, Sheikh and Simoncelli 2004, Image quality assessment: from error visibility to structural
similarity, doi:10.1109/TIP.2003.819861; Wang, Simoncelli and Bovik 2003, Multiscale structural similarity for image
quality assessment, doi:10.1109/ACSSC.2003.1292216.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.facts import ObjectiveFacts
from objectives.full_reference.objective import (
    FullReference,
    OneImage,
    OtherImages,
    OtherPlane,
    Plane,
    Planes,
    Scratch,
    filter_valid,
    gaussian_window,
)
from objectives.full_reference.view import view_option

WINDOW = gaussian_window(11, 1.5)
"""Of Wang et al. 2004: 11 pixels wide, standard deviation 1.5 pixels."""

C1, C2 = 0.01**2, 0.03**2
"""Stabilisers (K1 L)^2 and (K2 L)^2 of Wang et al. 2004, for a range L of 1."""

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of Wang, Simoncelli and Bovik 2003, from the finest scale to the coarsest."""

_MARGIN = len(WINDOW) // 2


@dataclass(frozen=True)
class Reference:
    """A reference y at one scale, float32; its statistics where the window fits.

    They are padded to the full width, so that the planes that meet are contiguous; what comes of the padding
    is cut off in the end, and the fillings keep it from being divided by zero.
    """

    y: Float[Tensor, "1 3 height width"]
    mean_twice: Float[Tensor, "1 3 newheight width"]  # 2 E[y], filled with 0
    luminance: Float[Tensor, "1 3 newheight width"]  # 2 E[y]^2 + C1, filled with 4
    contrast: Float[Tensor, "1 3 newheight width"]  # 2 var(y) + C2, filled with 4


def ssim(argument: str | None = None) -> FullReference:
    """Structural similarity, the mean over pixels and over red, green and blue, so that saturation counts.

    Gaussian window of 11 pixels and sigma 1.5, only where it fits into the image. Range [-1, 1]; 1 is equal.
    Against scikit-image (float64, per channel, Gaussian weights, population covariance, same region) and piq
    0.8 (`ssim(..., downsample=False)`): within 1e-6.
    """
    view = view_option("ssim", argument)
    return FullReference(
        name="ssim",
        view=view,
        facts=ObjectiveFacts(
            direction="maximize",
            by_regions=view.of_every_place,
            range=(-1.0, 1.0),
            unit="similarity",
            source="Wang, Bovik, Sheikh and Simoncelli 2004, Image quality assessment: from error "
            "visibility to structural similarity, doi:10.1109/TIP.2003.819861",
            uses_reference=True,
        ),
        prepare=prepare,
        score_planes=lambda planes, reference, scratch: float(
            _channel_means(planes, reference, scratch, with_luminance=True).mean()
        ),
        score_tensor=lambda images, reference: _channel_means_tensor(images, reference, True).mean(1),
        smallest_side=len(WINDOW),
    )


def ms_ssim(argument: str | None = None) -> FullReference:
    """Multi-scale structural similarity: five scales, each half as large as the one before.

    A channel's score (equation 7) is the product over the scales of contrast and structure, at the coarsest scale times
    luminance, to the power of the paper's weights; the mean over the channels is returned. A negative mean of
    contrast and structure, for which the power is not defined, counts as 0. Images are halved by means of
    2x2 pixels. Range [0, 1]; 1 is equal. Defined from 176 pixels a side: below, the coarsest scale has no
    room for the window, and leaving scales out would be another metric.

    Against piq 0.8 (`multi_scale_ssim`) in float64: within 1e-6 where every scale has even sides (piq fills odd
    sides with zeros, ours repeats the last pixel as the authors' code does).
    """
    view = view_option("ms_ssim", argument)
    return FullReference(
        name="ms_ssim",
        view=view,
        facts=ObjectiveFacts(
            direction="maximize",
            by_regions=view.of_every_place,
            range=(0.0, 1.0),
            unit="similarity",
            source="Wang, Simoncelli and Bovik 2003, Multiscale structural similarity for image quality "
            "assessment, doi:10.1109/ACSSC.2003.1292216",
            uses_reference=True,
        ),
        prepare=_prepare_scales,
        score_planes=_ms_ssim_planes,
        score_tensor=_ms_ssim_tensor,
        smallest_side=len(WINDOW) * 2 ** (len(SCALE_WEIGHTS) - 1),
    )


def prepare(reference: OneImage) -> Reference:
    """What SSIM needs of a reference [1, 3, H, W], worked out in float64."""
    y = reference.double()
    mean = filter_valid(y, WINDOW)
    variance = filter_valid(y * y, WINDOW) - mean * mean
    return Reference(
        y=reference.contiguous(),
        mean_twice=_padded(2 * mean, 0),
        luminance=_padded(2 * mean * mean + C1, 4),
        contrast=_padded(2 * variance + C2, 4),
    )


def _padded(statistic: Float[Tensor, "1 3 newheight newwidth"], filling: float) -> Tensor:
    return torch.nn.functional.pad(statistic.float(), (_MARGIN, _MARGIN), value=filling)


def _channel_means(
    planes: Planes, reference: Reference, scratch: Scratch, with_luminance: bool
) -> Float64[np.ndarray, "3"]:
    """Mean SSIM of each channel of one image, or its part of contrast and structure alone."""
    statistics = (reference.mean_twice, reference.luminance, reference.contrast)
    channels = zip(planes, reference.y[0].numpy(), *(part[0].numpy() for part in statistics), strict=True)
    means = []
    for x, y, mean_twice, luminance, contrast in channels:
        error, product, *filtered = scratch("ssim", 5, *x.shape)
        np.subtract(x, y, out=error)
        mean = _filtered(error, filtered[0])
        np.add(x, y, out=product)
        product *= error  # x^2 - y^2
        variance = _filtered(product, filtered[1])
        error *= error
        structural = _filtered(error, filtered[2])
        square = np.square(mean, out=product[: len(mean)])
        structural -= square  # var(e)
        mean *= mean_twice
        mean += square  # E[x]^2 - E[y]^2
        variance -= mean  # var(x) - var(y)
        variance += contrast  # var(x) + var(y) + C2
        structural /= variance
        np.subtract(1, structural, out=structural)  # (9) (10)
        if with_luminance:
            mean += luminance  # E[x]^2 + E[y]^2 + C1
            square /= mean
            structural *= np.subtract(1, square, out=square)  # (13)
        # Row by row: a float32 sum over a whole plane would lose digits.
        rows = structural[:, _MARGIN:-_MARGIN].mean(axis=1)  # (17)
        means.append(rows.mean(dtype=np.float64))
    return np.array(means)


def _filtered(plane: Plane, result: Plane) -> OtherPlane:
    """The window's means, in the rows where it fits; the outer columns see a made-up border."""
    cv2.sepFilter2D(plane, -1, WINDOW, WINDOW, dst=result)
    return result[_MARGIN:-_MARGIN]


def _channel_means_tensor(
    images: Images, reference: Reference, with_luminance: bool
) -> Float[Tensor, "batch 3"]:
    """`_channel_means` for a batch of tensors."""
    mean_twice, luminance, contrast = (
        part[..., _MARGIN:-_MARGIN]
        for part in (reference.mean_twice, reference.luminance, reference.contrast)
    )
    error = images - reference.y
    mean = filter_valid(error, WINDOW)
    square = mean * mean
    difference = square + mean * mean_twice
    variance = filter_valid(error * (images + reference.y), WINDOW) - difference + contrast
    similarity = 1 - (filter_valid(error * error, WINDOW) - square) / variance  # (9) (10)
    if with_luminance:
        similarity = similarity * (1 - square / (difference + luminance))  # (13)
    return similarity.mean((2, 3))  # (17)


def _prepare_scales(reference: OneImage) -> tuple[Reference, ...]:
    scales = [prepare(reference)]
    for _ in SCALE_WEIGHTS[1:]:
        reference = _halve(reference)
        scales.append(prepare(reference))
    return tuple(scales)


def _halve(images: Images) -> OtherImages:
    # ceil_mode averages what there is of a last odd row: the same as to repeat it.
    return torch.nn.functional.avg_pool2d(images, 2, ceil_mode=True)


def _halve_planes(planes: Planes) -> Float32[np.ndarray, "3 newheight newwidth"]:
    height, width = planes.shape[1:]
    halves = np.empty((3, (height + 1) // 2, (width + 1) // 2), np.float32)
    for plane, half in zip(planes, halves, strict=True):
        if height % 2 or width % 2:
            plane = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        cv2.resize(plane, half.shape[::-1], dst=half, interpolation=cv2.INTER_AREA)
    return halves


def _ms_ssim_planes(planes: Planes, scales: tuple[Reference, ...], scratch: Scratch) -> float:
    product = np.ones(3)
    for index, (weight, reference) in enumerate(zip(SCALE_WEIGHTS, scales, strict=True)):
        last = index == len(scales) - 1
        product *= np.maximum(_channel_means(planes, reference, scratch, with_luminance=last), 0) ** weight
        planes = planes if last else _halve_planes(planes)
    return float(product.mean())


def _ms_ssim_tensor(images: Images, scales: tuple[Reference, ...]) -> Scores:
    product = torch.ones(len(images), 3, device=images.device)
    for index, (weight, reference) in enumerate(zip(SCALE_WEIGHTS, scales, strict=True)):
        last = index == len(scales) - 1
        product = product * _channel_means_tensor(images, reference, last).clamp_min(0) ** weight
        images = images if last else _halve(images)
    return product.mean(1)
