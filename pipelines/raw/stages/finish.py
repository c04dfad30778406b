"""The last stages: denoising, sharpening and colour of luma and chroma, and the compressed file."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from isptune.distortions import get
from pipelines.raw.stages.planes import Values, blur, gaussian, local_range, spread
from pipelines.raw.stages.shrinkage import shrink

# Full range, centred on 0, with the weights of ITU-R BT.709, whose primaries sRGB has.
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722


def to_luma_chroma(images: Images) -> Images:
    """Encoded RGB to Y, Cb, Cr: Y in [0, 1], the others in [-0.5, 0.5]."""
    red, green, blue = images.split(1, 1)
    luma = _RED * red + _GREEN * green + _BLUE * blue
    return torch.cat((luma, (blue - luma) / (2 - 2 * _BLUE), (red - luma) / (2 - 2 * _RED)), 1)


def to_rgb(images: Images) -> Images:
    """The inverse of `to_luma_chroma`, cut to [0, 1]."""
    luma, cb, cr = images.split(1, 1)
    red, blue = luma + (2 - 2 * _RED) * cr, luma + (2 - 2 * _BLUE) * cb
    green = (luma - _RED * red - _BLUE * blue) / _GREEN
    return torch.cat((red, green, blue), 1).clamp(0, 1)


def denoise_luma(images: Images, strength: Values, scales: Values, detail: Values) -> Images:
    """Take noise out of luma.

    Args:
        images: Y, Cb, Cr, [batch, 3, H, W].
        strength: standard deviation of the noise, in shares of white, [batch].
        scales: how coarse it is at most: 1 for single pixels, twice as much with each, [batch].
        detail: the share of fine structure that stays at least, [batch].
    """
    luma = shrink(images[:, :1], strength[:, None], scales, detail)
    return torch.cat((luma, images[:, 1:]), 1)


def denoise_chroma(images: Images, strength: Values, scales: Values) -> Images:
    """Take blotches of colour out; as `denoise_luma`, for Cb and Cr alike."""
    chroma = shrink(images[:, 1:], strength[:, None].expand(-1, 2), scales, torch.zeros_like(strength))
    return torch.cat((images[:, :1], chroma), 1)


def sharpen(images: Images, amount: Values, radius: Values, threshold: Values, halo: Values) -> Images:
    """Unsharp masking of luma that leaves noise alone and keeps edges from ringing.

    Args:
        images: Y, Cb, Cr, [batch, 3, H, W].
        amount: how many times the difference from a blurred copy is added, [batch].
        radius: sigma of the blur, px, [batch].
        threshold: differences up to this, in shares of white, count as noise, [batch].
        halo: the share of what leaves the range of the 3x3 neighbours that stays, 0 to 1, [batch].
    """
    luma = images[:, :1]
    fine = luma - blur(luma, [gaussian(sigma) for sigma in radius.tolist()])
    reach = spread(threshold)
    sharp = luma + spread(amount) * (fine - torch.minimum(torch.maximum(fine, -reach), reach))
    low, high = local_range(luma)
    inside = torch.minimum(torch.maximum(sharp, low), high)
    return torch.cat((inside + spread(halo) * (sharp - inside), images[:, 1:]), 1)


def colour(images: Images, saturation: Values, vibrance: Values, hue: Values) -> Images:
    """Strength and hue of colours.

    Args:
        images: Y, Cb, Cr, [batch, 3, H, W].
        saturation: what all colours are multiplied by, [batch].
        vibrance: the same less 1, for pale colours only: it falls to 0 at strong ones, [batch].
        hue: a turn of all hues, degrees, [batch].
    """
    angle = spread(hue) * (math.pi / 180)
    cb, cr = images[:, 1:2], images[:, 2:]
    strength = ((cb.square() + cr.square()) * 8).clamp(
        max=1
    )  # 1 for colours at two thirds of the way to the rim
    gain = spread(saturation) * (1 + spread(vibrance) * (1 - strength))
    cosine, sine = torch.cos(angle) * gain, torch.sin(angle) * gain
    return torch.cat((images[:, :1], cosine * cb - sine * cr, sine * cb + cosine * cr), 1)


def compress(images: Images, quality: Float[Tensor, " batch"]) -> Images:
    """JPEG at qualities 1 to 99 on libjpeg's scale; 100 leaves images as they are, [batch]."""
    return get("jpeg")(images, (100 - quality).float())
