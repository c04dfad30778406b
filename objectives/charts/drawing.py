"""How charts are drawn: in linear light, finer than the picture, and gathered by its pixels."""

from dataclasses import dataclass

import numpy as np

from isptune.errors import ConfigError
from objectives.charts.regions import Quad

BACKGROUND = 0.18
"""Relative luminance of the ground, the grey that exposure meters take for the mean of a scene."""

FINER = 4
"""Each pixel is the mean of so many places each way; edges have twice as many."""

Plane = np.ndarray


@dataclass(frozen=True)
class Part:
    """A square or a rectangle of the chart: left, top, width, height in pixels at scale 1."""

    left: int
    top: int
    width: int
    height: int

    def at(self, scale: int) -> tuple[slice, slice]:
        """Its rows and columns in the picture."""
        rows = slice(scale * self.top, scale * (self.top + self.height))
        return rows, slice(scale * self.left, scale * (self.left + self.width))

    def corners(self, scale: int) -> Quad:
        """Clockwise from the top left one."""
        left, top = float(scale * self.left), float(scale * self.top)
        right, bottom = left + scale * self.width, top + scale * self.height
        return ((left, top), (right, top), (right, bottom), (left, bottom))


def gathered(fine: Plane, finer: int) -> Plane:
    """The mean over squares of `finer` x `finer`: light gathered by pixels."""
    height, width = fine.shape[0] // finer, fine.shape[1] // finer
    return fine.reshape(height, finer, width, finer, *fine.shape[2:]).mean((1, 3))


def whole_number(key: str, text: str, low: int, high: int) -> int:
    """An option of a chart. Raises ConfigError where it is no whole number from low to high."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or not low <= int(text) <= high:
        raise ConfigError(f"chart: {key}={text} is not a whole number from {low} to {high}")
    return int(text)
