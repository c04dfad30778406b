"""How far one capture lies beside another, from their green cells, to a fraction of a pixel.

Phase correlation finds the offset. Its peak is pulled aside by a thing that moved by little, and by noise that every
frequency has alike, so that least squares on the grey values refine it, in which what does not fit has no weight.

Sources: Kuglin and Hines 1975, The phase correlation image alignment method, Proc. IEEE Int. Conf. on Cybernetics and
Society, 163-165 (the normalised cross-power spectrum); Guizar-Sicairos, Thurman and Fienup 2008, Efficient subpixel
image registration algorithms, doi:10.1364/OL.33.000156 (the peak refined by a matrix product); Lucas and Kanade 1981,
An iterative image registration technique with an application to stereo vision, IJCAI, 674-679 (least squares); Beaton
and Tukey 1974, The fitting of power series, doi:10.1080/00401706.1974.10489171 (the biweight).
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from isptune.scenes.pairs.cells import Plane

PARTS = 100
"""The peak is looked for at this part of a cell."""

_SMOOTH = 0.12
"""Cycles a cell at which frequencies count e^-0.5: above, noise and aliasing prevail."""

_WHITENING = 0.75
"""1 is pure phase correlation, in which every frequency counts the same though some hold noise only; 0 is none."""

_BLUR, STEPS = 1.0, 6
"""Of the least squares: cells (the standard deviation of a Gaussian), and how often they are repeated."""

TILES = 4
"""Along each side: in tiles, turned and zoomed frames show."""

SMALLEST_TILE = 48
"""Cells a side; a smaller frame has no tiles."""

CLEAR = 6.0
"""A peak is clear where it is so many standard deviations of the correlation above its mean."""


class Offset(NamedTuple):
    """Where the second frame shows what the first shows at 0, 0: in pixels of the mosaic, right and down positive.

    `clear` says how far the peak stands out, in standard deviations.
    """

    x: float
    y: float
    clear: float

    @property
    def length(self) -> float:
        """In pixels."""
        return math.hypot(self.x, self.y)


def offset_between(first: Plane, second: Plane) -> Offset:
    """How far the second frame's content is moved against the first's; planes of one size, one value a cell."""
    rows, columns, clear = _peak(first, second)
    for _ in range(2):  # what lies under the same window biases nothing once the frames lie over each other
        down, right = round(rows), round(columns)
        rest_rows, rest_columns, clear = _peak(*_overlapping(first, second, down, right))
        rows, columns = down + rest_rows, right + rest_columns
    rows, columns = _refined(first, second, rows, columns)
    return Offset(2 * columns, 2 * rows, clear)


def whole_periods(offset: Offset) -> tuple[int, int]:
    """The shift by whole periods of the filters that leaves a pixel at most: x and y, even."""
    return 2 * round(offset.x / 2), 2 * round(offset.y / 2)


def worst_in_tiles(first: Plane, second: Plane) -> float:
    """How far the clearest tiles lie beside each other at most, pixels; a single odd tile, as of a moved thing, aside.

    0 where the frames are too small for tiles, or show too little.
    """
    rows, columns = (side // TILES for side in first.shape)
    if min(rows, columns) < SMALLEST_TILE:
        return 0.0
    lengths = []
    for y in range(TILES):
        for x in range(TILES):
            tile = slice(y * rows, (y + 1) * rows), slice(x * columns, (x + 1) * columns)
            down, right, clear = _peak(first[tile], second[tile])
            if clear >= CLEAR:
                down, right = _refined(first[tile], second[tile], down, right)
                lengths.append(2 * math.hypot(down, right))
    return sorted(lengths)[-3] if len(lengths) > 3 else 0.0


def _overlapping(first: Plane, second: Plane, down: int, right: int) -> tuple[Plane, Plane]:
    """The parts that show the same, if the second is moved by whole cells."""
    height, width = first.shape
    y, x = (max(0, -shift) for shift in (down, right))
    rows, columns = height - abs(down), width - abs(right)
    own = first[y : y + rows, x : x + columns]
    return own, second[y + down : y + down + rows, x + right : x + right + columns]


def _peak(first: Plane, second: Plane) -> tuple[float, float, float]:
    """Rows, columns, and how clear."""
    shape = first.shape
    window = np.outer(np.hanning(shape[0] + 2)[1:-1], np.hanning(shape[1] + 2)[1:-1])
    spectra = [np.fft.fft2(window * (root - root.mean())) for root in map(_even_noise, (first, second))]
    cross = spectra[1] * spectra[0].conj()
    size = np.abs(cross)
    down, right = (np.fft.fftfreq(length) for length in shape)
    weight = np.exp(-(down[:, None] ** 2 + right[None] ** 2) / (2 * _SMOOTH**2))
    cross *= weight / np.maximum(size, 1e-12 * max(float(size.max()), 1e-300)) ** _WHITENING
    surface = np.fft.ifft2(cross).real
    place = np.unravel_index(int(np.argmax(surface)), shape)
    rows, columns = (int(p) - n if p > n // 2 else int(p) for p, n in zip(place, shape, strict=True))
    spread = float(surface.std())
    clear = float(surface.max() - surface.mean()) / spread if spread > 0 else 0.0
    for reach, parts in ((1.5, 10), (0.15, PARTS)):
        rows, columns = _finer(cross, down, right, rows, columns, reach, parts)
    return float(rows), float(columns), clear


def _refined(first: Plane, second: Plane, rows: float, columns: float) -> tuple[float, float]:
    """The place nearby at which the frames differ least, up to their brightness."""
    own, other = (ndimage.gaussian_filter(plane, _BLUR) for plane in (first, second))
    start = np.array([rows, columns])
    place = start.copy()
    edge = math.ceil(max(abs(start))) + 4
    inside = slice(edge, -edge), slice(edge, -edge)
    if min(own[inside].shape) < 8:
        return rows, columns
    for _ in range(STEPS):
        step = _step(own[inside], ndimage.shift(other, -place, order=3, mode="nearest"), inside)
        if step is None or np.abs(place + step - start).max() > 1:
            return rows, columns  # nothing to hold on to
        place = place + step
    return float(place[0]), float(place[1])


def _step(own: Plane, moved: Plane, inside: tuple[slice, slice]) -> np.ndarray | None:
    """By how much the moved frame should be moved on: weighted least squares of own = gain * moved + slopes + level."""
    slopes = [slope[inside] for slope in np.gradient(moved)]
    other = moved[inside]
    columns = np.stack([slopes[0], slopes[1], other, np.ones_like(other)]).reshape(4, -1)
    target = own.ravel()
    sure = 1 / (np.clip(other, 0, None).ravel() + 0.02)  # shot noise
    weight = sure
    found = np.zeros(4)
    for _ in range(4):
        normal = (columns * weight) @ columns.T
        normal += 1e-9 * np.diag(np.diag(normal)) + 1e-12 * np.eye(4)
        found = np.linalg.solve(normal, (columns * weight) @ target)
        error = (target - found @ columns) * np.sqrt(sure)
        scale = 1.4826 * float(np.median(np.abs(error))) + 1e-9
        weight = sure * np.clip(1 - (error / (4.685 * scale)) ** 2, 0, None) ** 2
    return found[:2] / found[2] if found[2] > 1e-3 else None


def _even_noise(plane: Plane) -> Plane:
    """The root of the light: shot noise then is about the same everywhere."""
    return np.sqrt(np.clip(plane, 0, None) + 1e-3)


def _finer(
    cross: np.ndarray,
    down: np.ndarray,
    right: np.ndarray,
    rows: float,
    columns: float,
    reach: float,
    parts: int,
) -> tuple[float, float]:
    """The peak within the reach of a place, at so many parts of a cell."""
    steps = np.arange(-round(reach * parts), round(reach * parts) + 1) / parts
    left = np.exp(2j * np.pi * np.outer(rows + steps, down))
    across = np.exp(2j * np.pi * np.outer(right, columns + steps))
    surface = np.real(left @ cross @ across)
    y, x = np.unravel_index(int(np.argmax(surface)), surface.shape)
    return float(rows + steps[int(y)]), float(columns + steps[int(x)])
