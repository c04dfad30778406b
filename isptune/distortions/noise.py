"""Noise: added, multiplied, correlated, signal-dependent, or in place of pixels.

Every function draws one random field of the images' size, before it looks at the level: images that
share the field differ by their levels only.
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.companions import companions
from isptune.distortions.draws import Draws
from isptune.distortions.sources import ARNIQA, DEPICTQA, IMAGENET_C
from isptune.distortions.threads import map_images

# RGB from YCbCr: the inverse of Y = 0.299 R + 0.587 G + 0.114 B, Cb = 0.564 (B - Y), Cr = 0.713 (R - Y)
# (ITU-R BT.601, full range, in kornia's and OpenCV's rounding). Columns: Y, Cb, Cr.
_RGB_FROM_YCBCR = (
    (1.0, 0.0, 1 / 0.713),
    (1.0, -0.114 / 0.587 / 0.564, -0.299 / 0.587 / 0.713),
    (1.0, 1 / 0.564, 0.0),
)

_YCRCB_LEVELS = ((0.0, 0.0), *((s, s * m) for s, m in zip(
    (0.05, 0.06, 0.07, 0.08, 0.09), (1, 1.45, 1.9, 2.35, 2.8), strict=True)))  # fmt: skip

# Elements of a chunk: small enough for the cache, and for torch to stay in the calling thread.
_CHUNK = 32768


@distortion(
    group="noise", unit="variance", low=0.0, high=0.2, stochastic=True, reach=0,
    source=f"{ARNIQA}; {DEPICTQA}; {IMAGENET_C} (gaussian noise, variance = sigma^2)",
)  # fmt: skip
def white_noise(images: Images, level: Tensor, draws: Draws) -> Images:
    """Independent Gaussian noise of the given variance, added to every channel."""
    field = draws.normal(*images.shape[1:], device=images.device)
    return torch.addcmul(images, level.sqrt().view(-1, 1, 1, 1), field)


@distortion(
    group="noise", unit="variance", low=0.0, high=0.05, stochastic=True, reach=0, source=ARNIQA
)  # fmt: skip
def white_noise_ycbcr(images: Images, level: Tensor, draws: Draws) -> Images:
    """Gaussian noise of the given variance, added to Y, Cb and Cr.

    The way to YCbCr and back is linear, so the noise alone is taken through it.
    """
    field = draws.normal(*images.shape[1:], device=images.device)
    return torch.addcmul(images, level.sqrt().view(-1, 1, 1, 1), _to_rgb(field))


@distortion(
    group="noise", unit="severity", low=0.0, high=5.0, stochastic=True, reach=0, source=DEPICTQA
)  # fmt: skip
def gaussian_noise_ycrcb(images: Images, level: Tensor, draws: Draws) -> Images:
    """Gaussian noise in YCrCb, stronger in the colour channels.

    The published sigma of Y (0.05 to 0.09) and the colour channels' multiple of it (1 to 2.8) give two
    sigmas for each severity, which are interpolated linearly, from 0 at severity 0.
    """
    field = draws.normal(*images.shape[1:], device=images.device)
    sigma_luma, sigma_chroma = companions(level, _YCRCB_LEVELS)
    luma = field[:, :1]
    chroma = _to_rgb(torch.cat((torch.zeros_like(luma), field[:, 1:]), 1))
    return torch.addcmul(images, sigma_luma, luma).addcmul_(sigma_chroma, chroma)


@distortion(
    group="noise", unit="density", low=0.0, high=0.5, stochastic=True, reach=0, source=ARNIQA
)  # fmt: skip
def impulse_noise(images: Images, level: Tensor, draws: Draws) -> Images:
    """Samples set to 1 or 0 at random places, drawn with replacement.

    The definition draws density * 3 * H * W places, first those of the ones, then those of the zeros, which
    overwrite. A sample is thus 0 with probability 1 - exp(-density/2), and 1 with that times
    exp(-density/2): these probabilities are thresholds on a uniform field here, so that the samples hit at a
    low level are among those hit at a higher one.
    """
    missed = torch.exp(-level / 2)
    return _replace(images, draws, zero=1 - missed, one=missed * (1 - missed))


@distortion(
    group="noise", unit="fraction of samples", low=0.0, high=1.0, stochastic=True, reach=0,
    source=f"{DEPICTQA}; {IMAGENET_C} (impulse noise); scikit-image, random_noise",
)  # fmt: skip
def salt_and_pepper(images: Images, level: Tensor, draws: Draws) -> Images:
    """Each sample set to 1 or to 0, with half the given probability each."""
    return _replace(images, draws, zero=level / 2, one=level / 2)


@distortion(
    group="noise", unit="variance", low=0.0, high=1.0, stochastic=True, reach=0,
    source=f"{ARNIQA} (multiplicative noise); {DEPICTQA}; {IMAGENET_C} (speckle, variance = sigma^2)",
)  # fmt: skip
def speckle_noise(images: Images, level: Tensor, draws: Draws) -> Images:
    """Gaussian noise of the given variance, multiplied by the image and added to it."""
    field = draws.normal(*images.shape[1:], device=images.device)
    return (field * level.sqrt().view(-1, 1, 1, 1)).add_(1).mul(images)


@distortion(
    group="noise", unit="sigma", low=0.0, high=0.5, stochastic=True, reach=1, source=DEPICTQA
)  # fmt: skip
def correlated_noise(images: Images, level: Tensor, draws: Draws) -> Images:
    """Gaussian noise, then a 3x3 box over image and noise, so that neighbours share it.

    The published definition blurs the image too. Level 0 is the identity by declaration: the smallest
    level above it already shows the box-blurred image, a jump.
    """
    field = draws.normal(*images.shape[1:], device=images.device)
    sigma = level.view(-1, 1, 1, 1)
    return torch.addcmul(_box(images), sigma, _box(field))


@distortion(
    group="noise", unit="1 / photons at white", low=0.0, high=1.0, stochastic=True, reach=0,
    source=f"{DEPICTQA}; {IMAGENET_C} (shot noise); quantiles: Giles 2016, Algorithm 955: Approximation of "
    "the Inverse Poisson Cumulative Distribution Function, doi:10.1145/2699466",
)  # fmt: skip
def poisson_noise(images: Images, level: Tensor, draws: Draws) -> Images:
    """Shot noise: photon counts with mean image / level, times level.

    Counts are quantiles of the Poisson distribution at a normal field's probabilities. So the field does not
    depend on the level, a brighter or better lit pixel never counts fewer photons, and the counts have the
    exact distribution where fewer than 4 photons are expected; above, Giles's expansion is at most one
    photon off, for 0.2 % of samples at 4 photons and ever fewer beyond.
    """
    field = draws.normal(*images.shape[1:], device=images.device)
    # A level that is denormal would make infinite rates; below this no float32 pixel changes.
    photon = level.clamp(min=1e-12).view(-1, 1, 1, 1)
    if images.device.type != "cpu":
        return _shot(images, photon, field.expand_as(images))
    shared = field.shape[0] == 1

    def count(planes: np.ndarray, i: int) -> None:
        pixels, drawn = torch.from_numpy(planes).view(-1), field[0 if shared else i].view(-1)
        for start in range(0, pixels.numel(), _CHUNK):
            part = slice(start, start + _CHUNK)
            pixels[part] = _shot(pixels[part], photon[i].view(1), drawn[part])

    return map_images(count, images)


def _to_rgb(field: Tensor) -> Tensor:
    """Differences in YCbCr [n, 3, H, W] as differences in RGB."""
    matrix = torch.tensor(_RGB_FROM_YCBCR, dtype=field.dtype, device=field.device)
    return (matrix @ field.flatten(2)).view_as(field)


def _replace(images: Images, draws: Draws, zero: Tensor, one: Tensor) -> Images:
    """Set samples to 0 and to 1 with the given probabilities [batch]."""
    field = draws.uniform(*images.shape[1:], device=images.device)
    black = field < zero.view(-1, 1, 1, 1)
    white = field >= 1 - one.view(-1, 1, 1, 1)
    return images.masked_fill(black, 0).masked_fill_(white, 1)


def _box(images: Images) -> Images:
    """The mean of 3x3 samples, mirrored at the edge without repeating it (OpenCV's default border)."""
    if images.device.type == "cpu":
        return map_images(lambda planes, i: np.stack([cv2.blur(plane, (3, 3)) for plane in planes]), images)
    return _box_tensor(images)


def _box_tensor(images: Images) -> Images:
    rows, columns = (_mirrored(size, images.device) for size in images.shape[-2:])
    return torch.nn.functional.avg_pool2d(images[:, :, rows][..., columns], 3, stride=1)


def _mirrored(size: int, device: torch.device) -> Tensor:
    """Indices 1, 0, 1, ..., size - 1, size - 2; 0 throughout for a side of one pixel."""
    index = torch.arange(-1, size + 1, device=device).abs()
    return torch.minimum(index, 2 * (size - 1) - index).clamp(min=0)


def _shot(pixels: Tensor, photon: Tensor, field: Tensor) -> Tensor:
    """Photon counts as brightness; `field` is normal, of the shape of `pixels`."""
    rate = (pixels / photon).flatten()
    return _poisson_quantile(rate, field.flatten()).view_as(pixels).mul_(photon)


def _poisson_quantile(rate: Tensor, normal: Tensor) -> Tensor:
    """The count whose probability the normal number has; both of shape [n]."""
    counts = _expanded_quantile(rate, normal)
    few = (rate < 4).nonzero()[:, 0]
    return counts.index_copy_(0, few, _summed_quantile(rate[few], normal[few]))


def _expanded_quantile(rate: Tensor, z: Tensor) -> Tensor:
    """Giles 2016, doi:10.1145/2699466, equation for Q_N3: the normal expansion to order 1 / rate."""
    inverse_root, z2 = rate.rsqrt(), z * z
    real = rate + rate * inverse_root * z + (z2 + 2) / 6 - z * (z2 + 2) * inverse_root / 72
    real += (z2 * z2 / 270 + 7 * z2 / 810 - 8 / 405) * inverse_root * inverse_root
    return real.floor_().clamp_(min=0)


def _summed_quantile(rate: Tensor, z: Tensor) -> Tensor:
    """Bottom-up summation of the distribution, for rates below 4, where 28 terms reach 1 in float32."""
    term = torch.exp(-rate)
    state = [torch.special.ndtr(z), rate, torch.zeros_like(rate), term, term.clone()]
    _sum_terms(state, 1, 5)
    probability, _, counts, _, total = state
    # Few samples reach five photons: only those go on.
    unfinished = (probability > total).nonzero()[:, 0]
    rest = [part[unfinished] for part in state]
    _sum_terms(rest, 5, 29)
    return counts.index_copy_(0, unfinished, rest[2])


def _sum_terms(state: list[Tensor], first: int, end: int) -> None:
    probability, rate, counts, term, total = state
    for k in range(first, end):
        counts += probability > total
        term.mul_(rate).div_(k)
        total += term


DISTORTIONS = (
    white_noise,
    white_noise_ycbcr,
    gaussian_noise_ycrcb,
    impulse_noise,
    salt_and_pepper,
    speckle_noise,
    correlated_noise,
    poisson_noise,
)
