"""Pictures moved by fractions of a pixel."""

import math

import torch
from torch import Tensor

from isptune.arrays import Images

NEAR = 0.04
"""Less than this part of a pixel is not moved: it would cost more sharpness than it gains."""

_REACH = 6
"""Of the windowed sinc, pixels each way: flat to nine tenths of the highest frequency."""


def slid(images: Images, x: float, y: float) -> Images:
    """Each pixel becomes what lies x to the right of it and y below, [batch, 3, H, W]; the border goes on outside.

    By whole pixels it is exact. A fraction is interpolated by a sinc under a Lanczos window (Duchon 1979, Lanczos
    filtering in one and two dimensions, doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2), and clipped to [0, 1].
    """
    moved = _along(_along(images, x, 3), y, 2)
    return moved if moved is images else moved.clamp(0, 1)


def _along(images: Tensor, distance: float, axis: int) -> Tensor:
    whole = math.floor(distance + 0.5)
    part = distance - whole
    if abs(part) < NEAR:
        return images if whole == 0 else images.index_select(axis, _places(images, whole, axis))
    taps = [_windowed_sinc(k - part) for k in range(-_REACH, _REACH + 1)]
    total = torch.zeros_like(images, dtype=torch.float64)
    for k, tap in zip(range(-_REACH, _REACH + 1), taps, strict=True):
        total += images.index_select(axis, _places(images, whole + k, axis)) * (tap / sum(taps))
    return total.to(images.dtype)


def _places(images: Tensor, shift: int, axis: int) -> Tensor:
    length = images.shape[axis]
    return (torch.arange(length, device=images.device) + shift).clamp(0, length - 1)


def _windowed_sinc(x: float) -> float:
    if abs(x) >= _REACH:
        return 0.0
    return _sinc(x) * _sinc(x / _REACH)


def _sinc(x: float) -> float:
    return 1.0 if x == 0 else math.sin(math.pi * x) / (math.pi * x)
