"""Distortions of contrast: about a mean, about mid-grey, by tone curves."""

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions.catalogue import distortion
from isptune.distortions.eight_bit import from_bytes, grey_bytes, to_bytes
from isptune.distortions.imagewise import imagewise, per_image
from isptune.distortions.sources import ARNIQA, DEPICTQA, IMAGENET_C
from isptune.scenes.color import LUMA_BT601


def channel_means(images: Images) -> Float[Tensor, "batch 3 1 1"]:
    """The mean of each channel."""
    return images.mean((2, 3), keepdim=True)


def mean_luma(images: Images) -> Float[Tensor, " batch"]:
    """The mean BT.601 luma."""
    means = channel_means(images)[:, :, 0, 0]
    return (means * torch.tensor(LUMA_BT601, dtype=means.dtype, device=means.device)).sum(1)


def mean_grey(images: Images) -> Float[Tensor, " batch"]:
    """The mean luma of images of bytes, in whole 255ths, as Pillow has it."""
    return (grey_bytes(to_bytes(images)).double().mean((1, 2)) + 0.5).floor().to(images.dtype)


def exact_means(images: Images) -> Float[Tensor, "batch 3 1 1"]:
    """The mean of each channel, summed up in float64."""
    return images.mean((2, 3), keepdim=True, dtype=torch.float64).to(images.dtype)


@distortion(
    group="contrast", unit="relative change", low=-1.0, high=3.0, signed=True, reach=0, statistic=mean_luma,
    source="linear interpolation from the mean grey (Haeberli and Voorhies 1994, Image Processing by "
    "Interpolation and Extrapolation); grey: ITU-R BT.601 luma",
)  # fmt: skip
def contrast(images: Images, level: Tensor, statistic: Tensor | None = None) -> Images:
    """Every sample moves away from the image's mean BT.601 luma, or towards it.

    Args:
        images: [batch, 3, H, W].
        level: -1 is flat grey, 0 the image, 1 twice the contrast.
        statistic: what stands for the mean, [batch].
    """
    # A single pass over the whole batch, bounded by memory: smaller pieces gain nothing.
    gain = level + 1
    offset = (1 - gain) * (mean_luma(images) if statistic is None else statistic)
    return torch.addcmul(per_image(offset), images, per_image(gain))


@distortion(
    group="contrast", unit="amount", low=-0.9, high=0.9, identity=-0.2, signed=True, reach=0,
    source=f"{ARNIQA} (linear contrast change)",
)  # fmt: skip
def tone_contrast(images: Images, level: Tensor) -> Images:
    """An S-shaped tone curve, or its opposite, clipped to [0, 1].

    The published curve is the not-a-knot cubic spline through (0, 0), (0.3, 0.25 - level/4), (0.5, 0.5),
    (0.7, 0.75 + level/4) and (1, 1). These points are odd about (0.5, 0.5), so the spline is one cubic:
    u + b (u^3 - u/4) for u = x - 0.5, with b = -(level + 0.2) / 0.168. It is the straight line at level
    -0.2: that is the identity, while the published level 0 adds contrast. The level keeps its published
    meaning; its distance from -0.2 counts.
    """

    def bend(image: Images, amount: Tensor) -> Images:
        centred = image - 0.5
        bent = per_image((amount + 0.2) / 0.168) * centred * (0.25 - centred * centred)
        return image + bent

    return imagewise(bend, images, level)


@distortion(
    group="contrast", unit="amount", low=0.0, high=0.5, reach=0,
    source=f"{ARNIQA} (non-linear contrast change)",
)  # fmt: skip
def contrast_compression(images: Images, level: Tensor) -> Images:
    """The range [0, 1] is compressed to [level, 1 - level].

    The published `output_offset_value` is 0.5 - level: half the width of what is left.
    """
    return torch.addcmul(per_image(level), images, per_image(1 - 2 * level))


@distortion(
    group="contrast", unit="factor", low=0.0, high=6.0, identity=1.0, signed=True, reach=0, statistic=mean_grey,
    source=f"{DEPICTQA} (contrast by scaling); Pillow's ImageEnhance.Contrast",
)  # fmt: skip
def contrast_scale(
    images: Images, level: Tensor, eight_bit: bool = False, statistic: Tensor | None = None
) -> Images:
    """Every sample's distance from the mean grey times a factor; the mean is rounded to whole 255ths.

    Args:
        images: [batch, 3, H, W].
        level: the factor, [batch].
        eight_bit: round the image to bytes and truncate the result, as Pillow does.
        statistic: what stands for the mean, in 255ths, [batch].
    """

    def scale(image: Images, factor: Tensor, *given: Tensor) -> Images:
        mean = given[0] if given else mean_grey(image)
        if not eight_bit:
            return torch.lerp(per_image(mean / 255), image, per_image(factor))
        pixels = to_bytes(image)
        scaled = per_image(mean) + per_image(factor) * (pixels - per_image(mean))
        return from_bytes(scaled.clamp_(0, 255).to(torch.int32))

    return imagewise(scale, images, level, *_given(statistic))


@distortion(
    group="contrast", unit="exponent", low=0.0, high=12.0, reach=0, statistic=exact_means,
    source=f"{DEPICTQA} (contrast by stretching)",
)  # fmt: skip
def contrast_stretch(images: Images, level: Tensor, statistic: Tensor | None = None) -> Images:
    """1 / (1 + (m / x)^level) with each channel's mean m: a sigmoid of log x about m.

    No exponent gives the image back: 1 already costs about 17 dB, and towards 0 the image becomes a
    uniform grey of 1/2. The identity is therefore declared, at exactly 0, and there is a jump beside it.
    """

    def stretch(image: Images, exponent: Tensor, *given: Tensor) -> Images:
        mean = given[0] if given else exact_means(image)
        return 1 / (1 + (mean / (image + 1e-12)) ** per_image(exponent))

    return imagewise(stretch, images, level, *_given(statistic))


@distortion(
    group="contrast",
    unit="factor",
    low=0.0,
    high=4.0,
    identity=1.0,
    signed=True,
    reach=0,
    statistic=channel_means,
    source=f"{IMAGENET_C} (contrast)",
)
def contrast_mean(images: Images, level: Tensor, statistic: Tensor | None = None) -> Images:
    """Every sample's distance from its channel's mean times a factor."""

    def scale(image: Images, factor: Tensor, *given: Tensor) -> Images:
        return torch.lerp(given[0] if given else channel_means(image), image, per_image(factor))

    return imagewise(scale, images, level, *_given(statistic))


def _given(statistic: Tensor | None) -> tuple[Tensor, ...]:
    return () if statistic is None else (statistic,)


DISTORTIONS = (
    contrast,
    tone_contrast,
    contrast_compression,
    contrast_scale,
    contrast_stretch,
    contrast_mean,
)
