"""Pictures as a CLIP of fixed size takes them: padded to a square, resized with Pillow's bicubic filter, normalised.

Pillow resizes pictures of 8 bits in whole numbers: the filter's weights are rounded to 2^-22, and the picture is
rounded to 8 bits after each of the two passes, first along rows. All that is done here with matrices in float64, which
hold these whole numbers exactly: the result is Pillow's, bit by bit, on any device and for a whole batch.
"""

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of red, green and blue in [0, 1]. Source: Radford et al. 2021, Learning transferable visual models from natural
language supervision."""

BACKGROUND = tuple(int(255 * mean) for mean in CLIP_MEAN)
"""What pictures are padded with, 8 bits: (122, 116, 104)."""

_WEIGHT_BITS = 22  # Pillow, Resample.c: PRECISION_BITS
_PIXELS_A_PORTION = 16_000_000  # 0.4 GB in float64

Pixels = Float[Tensor, "batch 3 side side"]
"""Normalised pixels, float32."""


def padded_square(images: Images, side: int) -> Pixels:
    """Pad to a square with CLIP's mean colour, resize to `side` pixels, normalise; pictures are rounded to 8 bits.

    Source: Wu et al. 2024, Q-Align (the picture lies at half the difference, rounded down); CLIPImageProcessor of
    Hugging Face transformers.
    """
    longest = max(images.shape[-2:])
    count = max(1, _PIXELS_A_PORTION // longest**2)
    mean, std = (
        torch.tensor(values, device=images.device).view(1, 3, 1, 1) for values in (CLIP_MEAN, CLIP_STD)
    )
    resized = [_resize(_pad(portion), side) for portion in images.split(count)]
    return (torch.cat(resized).float() / 255 - mean) / std


def _pad(images: Images) -> Float[Tensor, "batch 3 longest longest"]:
    """Whole levels 0 to 255 in float64, on a square of the background."""
    height, width = images.shape[-2:]
    longest = max(height, width)
    background = torch.tensor(BACKGROUND, dtype=torch.float64, device=images.device).view(1, 3, 1, 1)
    square = background.expand(len(images), 3, longest, longest).clone()
    top, left = (longest - height) // 2, (longest - width) // 2
    square[:, :, top : top + height, left : left + width] = (images.float().clamp(0, 1) * 255).round()
    return square


def _resize(
    square: Float[Tensor, "batch 3 longest longest"], side: int
) -> Float[Tensor, "batch 3 side side"]:
    if square.shape[-1] == side:
        return square
    weights = bicubic_weights(square.shape[-1], side).to(square.device)
    return _pass(weights, _pass(weights, square.mT).mT)


def _pass(weights: Tensor, square: Tensor) -> Tensor:
    half = 2 ** (_WEIGHT_BITS - 1)
    return ((weights @ square + half) / 2**_WEIGHT_BITS).floor().clamp(0, 255)


@lru_cache(maxsize=8)
def bicubic_weights(before: int, after: int) -> Float[Tensor, "after before"]:
    """Pillow's weights of a resize along one axis, multiplied by 2^22 and rounded to whole numbers.

    The filter is Keys' with a = -0.5, stretched by the factor where the picture shrinks.
    Source: Keys 1981, Cubic convolution interpolation for digital image processing; Pillow, Resample.c.
    """
    scale = before / after
    stretch = max(scale, 1.0)
    weights = torch.zeros(after, before, dtype=torch.float64)
    for index in range(after):
        center = (index + 0.5) * scale
        first = max(0, int(center - 2 * stretch + 0.5))
        last = min(before, int(center + 2 * stretch + 0.5))
        row = [_keys((place - center + 0.5) / stretch) for place in range(first, last)]
        total = sum(row)
        whole = [math.trunc(weight / total * 2**_WEIGHT_BITS + math.copysign(0.5, weight)) for weight in row]
        weights[index, first:last] = torch.tensor(whole, dtype=torch.float64)
    return weights


def _keys(x: float, a: float = -0.5) -> float:
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    if x < 2:
        return (((x - 5) * x + 8) * x - 4) * a
    return 0.0
