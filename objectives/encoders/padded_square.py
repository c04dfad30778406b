"""Pictures as a CLIP of fixed size takes them: padded to a square, resized with Pillow's bicubic filter, normalised."""

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images
from objectives.encoders.clip.preprocessing import MEAN, Preprocessing, resize_window

BACKGROUND = tuple(int(255 * mean) for mean in MEAN)
"""What pictures are padded with, 8 bits: (122, 116, 104)."""

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
    window = (side, 0, side)
    resized = [resize_window(_pad(portion), window, window) for portion in images.split(count)]
    return Preprocessing(side).normalise((torch.cat(resized) / 255).float())


def _pad(images: Images) -> Float[Tensor, "batch 3 longest longest"]:
    """Whole levels 0 to 255 in float64, on a square of the background."""
    height, width = images.shape[-2:]
    longest = max(height, width)
    background = torch.tensor(BACKGROUND, dtype=torch.float64, device=images.device).view(1, 3, 1, 1)
    square = background.expand(len(images), 3, longest, longest).clone()
    top, left = (longest - height) // 2, (longest - width) // 2
    square[:, :, top : top + height, left : left + width] = (images.float().clamp(0, 1) * 255).round()
    return square
