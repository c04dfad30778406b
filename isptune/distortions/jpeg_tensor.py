"""JPEG without a codec: the steps of libjpeg in tensor arithmetic, for a whole batch on any device.

Every step is libjpeg's in whole numbers: colour conversion, chroma averaging, the accurate integer cosine
transform and its inverse, quantisation, triangle ("fancy") interpolation of chroma. So the result equals
libjpeg's sample for sample.

Source: ITU-T T.81 (1992), annexes A and K; number formats and rounding biases as in the Independent JPEG
Group's libjpeg 6b.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from isptune.arrays import Images

# fmt: off
LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)
CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
)
# fmt: on
"""Quantisation steps at quality 50, row by row (T.81, tables K.1 and K.2)."""

COSINES = (
    (8192, 8192, 8192, 8192),
    (11363, 9633, 6437, 2260),
    (10703, 4433, -4433, -10703),
    (9633, -2259, -11362, -6436),
    (8192, -8192, -8192, 8192),
    (6437, -11362, 2261, 9633),
    (4433, -10704, 10704, -4433),
    (2260, -6436, 9633, -11363),
)
"""sqrt(2) cos((2n + 1) k pi / 16) in 8192ths, row k, the left four samples; the right four mirror them, with
a changed sign in odd rows. The last digits are not the nearest ones: they are sums of the rounded constants
that libjpeg's fast transform multiplies by (Loeffler, Ligtenberg and Moschytz 1989,
doi:10.1109/ICASSP.1989.266596), which makes one matrix product equal that transform bit for bit."""

_ONE = 1 << 16  # libjpeg's colour conversion counts in 65536ths


def jpeg_tensor(images: Images, qualities: Sequence[int | None], truncate: bool = False) -> Images:
    """Compress and decompress image i at quality i (1 to 100), or leave it where the quality is None.

    Args:
        images: [batch, 3, H, W], in [0, 1].
        qualities: one for every image, on libjpeg's scale.
        truncate: cut to 8 bits instead of rounding.
    """
    height, width = images.shape[-2:]
    scaled = images * 255
    pixels = (scaled.floor() if truncate else scaled.round()).clamp(0, 255).int()
    # Before chroma is averaged, columns are repeated up to whole blocks, rows only up to an even number.
    padding = (0, -width % 16, 0, height % 2)
    ycc = F.pad(_to_ycc(pixels).float(), padding, mode="replicate").int()
    numbers = [50 if quality is None else quality for quality in qualities]
    luma = _through_blocks(ycc[:, :1], _steps(LUMA, numbers, images.device))
    chroma = _through_blocks(_halve(ycc[:, 1:]), _steps(CHROMA, numbers, images.device))
    chroma = chroma[:, :, : (height + 1) // 2, : (width + 1) // 2]
    decoded = _to_rgb(luma[:, :, :height, :width], _double(chroma)[:, :, :height, :width])
    untouched = torch.tensor([quality is None for quality in qualities], device=images.device)
    return torch.where(untouched.view(-1, 1, 1, 1), images, decoded / 255)


def _steps(table: Sequence[int], qualities: Sequence[int], device: torch.device) -> Tensor:
    """Quantisation steps, [batch, 1, 1, 1, 8, 8]: libjpeg's rule from quality to scale."""
    scales = torch.tensor([5000 // q if q < 50 else 200 - 2 * q for q in qualities], device=device)
    steps = (torch.tensor(table, device=device) * scales[:, None] + 50) // 100
    return steps.clamp(1, 255).float().view(-1, 1, 1, 1, 8, 8)


def _fix(value: float) -> int:
    return int(value * _ONE + 0.5)


def _to_ycc(rgb: Tensor) -> Tensor:
    red, green, blue = rgb.unbind(1)
    half = _ONE // 2
    y = _fix(0.299) * red + _fix(0.587) * green + _fix(0.114) * blue + half
    offset = 128 * _ONE + half - 1
    cb = -_fix(0.16874) * red - _fix(0.33126) * green + half * blue + offset
    cr = half * red - _fix(0.41869) * green - _fix(0.08131) * blue + offset
    return torch.stack([y, cb, cr], 1) >> 16


def _to_rgb(y: Tensor, chroma: Tensor) -> Tensor:
    cb, cr = (chroma - 128).split(1, dim=1)
    half = _ONE // 2
    red = y + ((_fix(1.402) * cr + half) >> 16)
    green = y + ((-_fix(0.34414) * cb - _fix(0.71414) * cr + half) >> 16)
    blue = y + ((_fix(1.772) * cb + half) >> 16)
    return torch.cat([red, green, blue], 1).clamp(0, 255)


def _halve(planes: Tensor) -> Tensor:
    """Mean of 2 by 2 samples; the bias alternates between 1 and 2 so that halves do not all round up."""
    sums = planes[..., ::2, ::2] + planes[..., ::2, 1::2] + planes[..., 1::2, ::2] + planes[..., 1::2, 1::2]
    bias = 1 + torch.arange(sums.shape[-1], device=planes.device, dtype=sums.dtype) % 2
    return (sums + bias) >> 2


def _double(planes: Tensor) -> Tensor:
    """Interpolate to twice the size: 3/4 of the nearer sample and 1/4 of the further one, each way."""
    if planes.shape[-1] <= 2:  # libjpeg repeats samples where there is no inner one
        return planes.repeat_interleave(2, -1).repeat_interleave(2, -2)
    above = torch.cat([planes[..., :1, :], planes[..., :-1, :]], -2)
    below = torch.cat([planes[..., 1:, :], planes[..., -1:, :]], -2)
    rows = torch.stack([3 * planes + above, 3 * planes + below], -2).flatten(-3, -2)
    left = torch.cat([rows[..., :1], rows[..., :-1]], -1)
    right = torch.cat([rows[..., 1:], rows[..., -1:]], -1)
    return torch.stack([(3 * rows + left + 8) >> 4, (3 * rows + right + 7) >> 4], -1).flatten(-2)


def _through_blocks(planes: Tensor, steps: Tensor) -> Tensor:
    """Transform 8x8 blocks, quantise, transform back. Sides are made multiples of 8 first."""
    height, width = planes.shape[-2:]
    planes = F.pad(planes.double(), (0, -width % 8, 0, -height % 8), mode="replicate")
    blocks = planes.unflatten(-1, (-1, 8)).unflatten(-3, (-1, 8)).transpose(-2, -3)
    cosines = torch.tensor(COSINES, dtype=torch.float64, device=planes.device)
    cosines = torch.cat(
        [cosines, cosines.flip(1) * torch.tensor([[1.0], [-1.0]] * 4, device=planes.device)], 1
    )
    rows = _descale((blocks - 128) @ cosines.T, 11)
    coefficients = _descale(cosines @ rows, 15)  # 8 times the orthonormal ones
    # To the nearest, half away from zero.
    quantised = coefficients.sign() * ((coefficients.abs() + 4 * steps) / (8 * steps)).floor()
    columns = _descale(cosines.T @ (quantised * steps), 11)
    samples = (_descale(columns @ cosines, 18) + 128).clamp(0, 255).int()
    return samples.transpose(-2, -3).flatten(-4, -3).flatten(-2)


def _descale(whole: Tensor, bits: int) -> Tensor:
    """Divide whole numbers by a power of two, rounded; float64 holds all that occur exactly."""
    return ((whole + (1 << (bits - 1))) / (1 << bits)).floor()
