"""Colour spaces for batches of images [batch, 3, height, width], in torch, on any device.

All are differentiable where their formulas are. Hue is in turns, [0, 1): 1/3 is green. L is in [0, 100].
"""

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images

Luma = Float[Tensor, "batch 1 height width"]

LUMA_BT601 = (0.299, 0.587, 0.114)
"""Weights of encoded R, G and B in luma (ITU-R BT.601): what `luma` uses, and OpenCV, Pillow and JPEG."""

# Linear RGB to XYZ for the primaries of BT.709 and white D65, and back, to the digits that OpenCV and kornia
# use; the inverse is that of the rounded matrix.
_XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
_RGB_FROM_XYZ = (
    (3.2404813432005266, -1.5371515162713185, -0.4985363261688878),
    (-0.9692549499965682, 1.8759900014898907, 0.0415559265582928),
    (0.0556466391351772, -0.2040413383665112, 1.0573110696453443),
)
_D65 = (0.95047, 1.0, 1.08883)

# CIE 1976 L*a*b*: a cube root, continued by a line below (6/29)^3.
_LAB_KNEE, _LAB_SLOPE, _LAB_OFFSET, _LAB_KNEE_ROOT = 0.008856, 7.787, 4 / 29, 0.2068966


def luma(images: Images) -> Luma:
    """The BT.601 luma of encoded RGB, [batch, 1, height, width]."""
    red, green, blue = LUMA_BT601
    mixed = images[:, :1] * red
    return mixed.add_(images[:, 1:2], alpha=green).add_(images[:, 2:], alpha=blue)


def srgb_to_linear(images: Images) -> Images:
    """Encoded sRGB to light, [0, 1] both (IEC 61966-2-1:1999)."""
    curve = ((images.clamp(min=0.04045) + 0.055) / 1.055).pow(2.4)
    return torch.where(images > 0.04045, curve, images / 12.92)


def linear_to_srgb(light: Images) -> Images:
    """Light to encoded sRGB; values outside [0, 1] are continued, not clipped (IEC 61966-2-1:1999)."""
    curve = 1.055 * light.clamp(min=0.0031308).pow(1 / 2.4) - 0.055
    return torch.where(light > 0.0031308, curve, light * 12.92)


def rgb_to_hsv(images: Images) -> Images:
    """Hue in turns [0, 1), saturation and value in [0, 1]. Greys have hue 0; black saturation 0.

    Source: Smith 1978, Color Gamut Transform Pairs, doi:10.1145/800248.807361.
    """
    red, green, blue = images.unbind(1)
    value, spread = images.amax(1), images.amax(1) - images.amin(1)
    safe = torch.where(spread > 0, spread, 1.0)
    sixths = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    saturation = spread / torch.where(value > 0, value, 1.0)
    return torch.stack((sixths / 6 % 1, saturation, value), 1)


def hsv_to_rgb(hsv: Images) -> Images:
    """Inverse of `rgb_to_hsv`; hue may leave [0, 1), saturation and value are not clipped."""
    hue, saturation, value = hsv.unbind(1)
    channels = []
    for sixth in (5, 3, 1):
        place = (sixth + 6 * hue) % 6
        channels.append(value - value * saturation * torch.minimum(place, 4 - place).clamp(0, 1))
    return torch.stack(channels, 1)


def rgb_to_lab(images: Images) -> Images:
    """CIE L*a*b* of encoded sRGB under D65: L in [0, 100], a and b about [-108, 99] (CIE 15:2004)."""
    light = srgb_to_linear(images)
    roots = []
    for weights, white in zip(_XYZ_FROM_RGB, _D65, strict=True):
        part = _mix(light, weights) / white
        root = part.clamp(min=_LAB_KNEE).pow(1 / 3)
        roots.append(torch.where(part > _LAB_KNEE, root, _LAB_SLOPE * part + _LAB_OFFSET))
    x, y, z = roots
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), 1)


def lab_to_rgb(lab: Images) -> Images:
    """Inverse of `rgb_to_lab`. Colours outside sRGB come out outside [0, 1], except that Z is at least 0."""
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    roots = (a / 500 + y, y, (y - b / 200).clamp(min=0))
    parts = []
    for root, white in zip(roots, _D65, strict=True):
        part = torch.where(root > _LAB_KNEE_ROOT, root * root * root, (root - _LAB_OFFSET) / _LAB_SLOPE)
        parts.append(part * white)
    xyz = torch.stack(parts, 1)
    return linear_to_srgb(torch.stack([_mix(xyz, weights) for weights in _RGB_FROM_XYZ], 1))


def rgb_to_ycbcr(images: Images) -> Images:
    """Y, Cb, Cr of encoded RGB, full range, Cb and Cr about 0.5 (ITU-T T.871, JFIF)."""
    y = luma(images)
    blue, red = (images[:, 2:] - y) / 1.772, (images[:, :1] - y) / 1.402
    return torch.cat((y, blue + 0.5, red + 0.5), 1)


def ycbcr_to_rgb(ycbcr: Images) -> Images:
    """Inverse of `rgb_to_ycbcr`; not clipped."""
    y, cb, cr = ycbcr[:, 0], ycbcr[:, 1] - 0.5, ycbcr[:, 2] - 0.5
    red, blue = y + 1.402 * cr, y + 1.772 * cb
    green = y - (0.299 * 1.402 / 0.587) * cr - (0.114 * 1.772 / 0.587) * cb
    return torch.stack((red, green, blue), 1)


def rgb_to_ycrcb(images: Images) -> Images:
    """Y, Cr, Cb, in this order, with OpenCV's rounded factors; Cr and Cb about 0.5."""
    y = luma(images)
    return torch.cat((y, (images[:, :1] - y) * 0.713 + 0.5, (images[:, 2:] - y) * 0.564 + 0.5), 1)


def ycrcb_to_rgb(ycrcb: Images) -> Images:
    """RGB of Y, Cr, Cb with OpenCV's rounded factors: inverse of `rgb_to_ycrcb` to 1e-3; not clipped."""
    y, cr, cb = ycrcb[:, 0], ycrcb[:, 1] - 0.5, ycrcb[:, 2] - 0.5
    return torch.stack((y + 1.403 * cr, y - 0.714 * cr - 0.344 * cb, y + 1.773 * cb), 1)


def _mix(images: Images, weights: tuple[float, float, float]) -> Float[Tensor, "batch height width"]:
    first, second, third = weights
    return first * images[:, 0] + second * images[:, 1] + third * images[:, 2]
