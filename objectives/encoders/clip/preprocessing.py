"""Pictures as CLIP's towers take them: resized as Pillow does it, cropped, normalised.

Pillow resizes 8-bit pictures in two passes, columns then rows, in whole numbers, and rounds to 8 bits after each;
a level of 255 is 0.015 after normalisation, so that a resize in floating point would not do.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from isptune.arrays import Images

MEAN = (0.48145466, 0.4578275, 0.40821073)
"""Of CLIP's training pictures, red, green and blue (Radford et al. 2021)."""

DEVIATION = (0.26862954, 0.26130258, 0.27577711)

_ONE = 1 << 22
"""Pillow's unit of the weights for 8-bit pictures."""

Pixels = Float[Tensor, "batch 3 rows columns"]
"""Normalised: about -2 to 2."""


@final
@dataclass(frozen=True)
class Preprocessing:
    """How a model wants its pictures.

    Attributes:
        side: of the square that it takes, pixels.
        short_side: what the shorter side is resized to before the square is cut; None stands for `side`.
        mean, deviation: subtracted and divided by, red, green and blue.
        floor: an odd margin is split so that the smaller half comes first, as Hugging Face does it; OpenAI
            rounds half of it to the nearest even number.
    """

    side: int
    short_side: int | None = None
    mean: tuple[float, float, float] = MEAN
    deviation: tuple[float, float, float] = DEVIATION
    floor: bool = False

    def crop(self, images: Images) -> Pixels:
        """The square in the middle of pictures whose shorter side was resized (Pillow's bicubic), normalised.

        The images are rounded to 8 bits first, as they are when saved; pictures of any size and proportion.
        """
        short, side = self.short_side or self.side, self.side
        height, width = images.shape[-2:]
        rows = _resized(height, min(height, width), short)
        columns = _resized(width, min(height, width), short)
        top, left = self._margin(rows - side), self._margin(columns - side)
        levels = (images.clamp(0, 1) * 255).round_()
        cut = resize_window(levels, (rows, top, side), (columns, left, side))
        return self.normalise((cut / 255).to(torch.float32))

    def normalise(self, images: Images) -> Float[Tensor, "batch 3 height width"]:
        """Whole pictures at their size, normalised, float32."""
        mean = torch.tensor(self.mean, device=images.device).view(3, 1, 1)
        deviation = torch.tensor(self.deviation, device=images.device).view(3, 1, 1)
        return (images.float() - mean) / deviation

    def _margin(self, surplus: int) -> int:
        return surplus // 2 if self.floor else round(surplus / 2)


def _resized(length: int, shorter: int, target: int) -> int:
    return int(target * length / shorter)


def resize_window(
    levels: Float[Tensor, "batch 3 height width"], rows: tuple[int, int, int], columns: tuple[int, int, int]
) -> Float64[Tensor, "batch 3 rows columns"]:
    """A window of a picture resized by Pillow's bicubic, bit for bit.

    Args:
        levels: whole numbers 0 to 255.
        rows, columns: full length of the resized side, where the window starts, how many it has.
    """
    vertical, first = _weights(levels.shape[-2], *rows)
    horizontal, start = _weights(levels.shape[-1], *columns)
    used = levels[:, :, first : first + vertical.shape[1], start : start + horizontal.shape[1]].double()
    # Sums stay below 2^53, so that float64 holds them exactly.
    across = _rounded(used @ torch.from_numpy(horizontal).to(levels.device).mT)
    return _rounded(torch.from_numpy(vertical).to(levels.device) @ across)


def _rounded(sums: Float64[Tensor, "batch 3 rows columns"]) -> Float64[Tensor, "batch 3 rows columns"]:
    return ((sums + _ONE / 2) / _ONE).floor_().clamp_(0, 255)


@lru_cache(maxsize=16)
def _weights(
    length: int, resized: int, start: int, count: int
) -> tuple[Float64[np.ndarray, "count used"], int]:
    """Whole weights of the source's pixels for each of the window's, and the first source pixel that matters."""
    scale = length / resized
    stretch = max(scale, 1.0)
    lows, highs, rows = [], [], []
    for index in range(start, start + count):
        centre = (index + 0.5) * scale
        low = max(0, int(centre - 2 * stretch + 0.5))
        high = min(length, int(centre + 2 * stretch + 0.5))
        weights = _cubic((np.arange(low, high) - centre + 0.5) / stretch)
        weights /= weights.sum()
        lows.append(low)
        highs.append(high)
        rows.append(np.trunc(weights * _ONE + np.copysign(0.5, weights)))
    first = min(lows)
    matrix = np.zeros((count, max(highs) - first))
    for row, low, high, weights in zip(matrix, lows, highs, rows, strict=True):
        row[low - first : high - first] = weights
    return matrix, first


def _cubic(x: Float64[np.ndarray, " taps"]) -> Float64[np.ndarray, " taps"]:
    """Keys 1981, Cubic convolution interpolation for digital image processing, with a = -1/2."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
