"""Which places of a picture are worth a look at 1:1: where it changed, and where faults show.

Noise shows in flat and dark places, sharpening in detail, a colour cast on skin. Places are squares; one is left
out where it would lie mostly on another, or where the picture has nothing of its kind.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

BLOCK = 16
"""Pixels on a side: statistics are of blocks, so that a picture of any size takes little."""

MOST_SHARED = 1 / 3
"""Of two places of a picture, at most."""

FLAT_FROM, FLAT_TO, DARK_BELOW = 24.0, 228.0, 70.0
"""Luma, of 255: what is clipped is not flat, and a picture without shadows has no dark place."""

SLOW = 0.25
"""How much less a change from block to block disturbs a flat place than one within a block."""

LEAST_SKIN = 0.35
"""Of a place's pixels."""

SKIN_CB, SKIN_CR = (77.0, 127.0), (133.0, 173.0)
"""Chai and Ngan 1999, Face segmentation using skin-color map in videophone applications, doi:10.1109/76.767122. Wood
and sand pass for skin, too: hence skin-like."""

Picture = UInt8[np.ndarray, "height width 3"]
Blocks = Float[np.ndarray, "rows columns"]


@dataclass(frozen=True)
class Place:
    """A part of a picture.

    Attributes:
        why: what it was chosen for.
        box: left, top, width, height, pixels.
    """

    why: str
    box: tuple[int, int, int, int]


def places(before: Picture, after: Picture, side: int) -> list[Place]:
    """The place where two pictures differ most, then those of `after` with most detail, flat, dark, and skin-like."""
    found = [Place("changed most", largest_difference(before, after, side))]
    height, width = after.shape[:2]
    if min(height, width) < 2 * BLOCK or max(height, width) <= side:
        return found
    window = max(1, min(side, height) // BLOCK), max(1, min(side, width) // BLOCK)
    for why, wanted in _wanted(after, window).items():
        place = _best(wanted, found, side, (height, width))
        if place is not None:
            found.append(Place(why, place))
    return found


def largest_difference(first: np.ndarray, second: np.ndarray, side: int) -> tuple[int, int, int, int]:
    """The square in which two pictures [H, W, 3] differ most; what differs is near its middle.

    The difference is summed over the square and, again, over two smaller ones at its centre.

    Returns:
        left, top, width, height; the whole side where the picture is smaller than the square.
    """
    difference = np.abs(first.astype(np.int16) - second.astype(np.int16)).sum(axis=2, dtype=np.int64)
    height, width = min(side, difference.shape[0]), min(side, difference.shape[1])
    sums = np.pad(difference.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    total = _inner_sums(sums, height, width, 1)
    for part in (2, 4):
        total = total + _inner_sums(sums, height, width, part)
    top, left = np.unravel_index(total.argmax(), total.shape)
    return int(left), int(top), width, height


def _inner_sums(sums: np.ndarray, height: int, width: int, part: int) -> np.ndarray:
    """Sums over the central 1/part of every window, from the integral image; one for each window."""
    inner_height, inner_width = max(1, height // part), max(1, width // part)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    rows, columns = sums.shape[0] - height, sums.shape[1] - width
    upper, lower = (slice(y, y + rows) for y in (top, top + inner_height))
    near, far = (slice(x, x + columns) for x in (left, left + inner_width))
    return sums[lower, far] - sums[upper, far] - sums[lower, near] + sums[upper, near]


def _wanted(picture: Picture, window: tuple[int, int]) -> dict[str, Blocks]:
    """By kind how much of it is in each window, in steps of a block; minus infinity where there is too little."""
    red, green, blue = np.moveaxis(_whole_blocks(picture).astype(np.float32), 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cb, cr = 128 + 0.564 * (blue - luma), 128 + 0.713 * (red - luma)
    skin = (SKIN_CB[0] <= cb) & (cb <= SKIN_CB[1]) & (SKIN_CR[0] <= cr) & (cr <= SKIN_CR[1]) & (luma > 40)

    def means(of: np.ndarray, reduce: Callable[..., np.ndarray] = np.mean) -> Blocks:
        rows, columns = of.shape[0] // BLOCK, of.shape[1] // BLOCK
        blocks = reduce(of.reshape(rows, BLOCK, columns, BLOCK), axis=(1, 3)).astype(np.float64)
        sums = np.pad(blocks.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        return _inner_sums(sums, *window, 1) / (window[0] * window[1])

    brightness, structure, share = means(luma), means(luma, np.std), means(skin)
    spread = np.sqrt(np.maximum(0, means(luma * luma) - brightness**2))  # also from block to block
    unrest = structure + SLOW * spread
    return {
        "detail": structure,
        "flat": np.where((brightness > FLAT_FROM) & (brightness < FLAT_TO), -unrest, -np.inf),
        "dark": np.where(brightness < DARK_BELOW, -brightness, -np.inf),
        "skin-like": np.where(share >= LEAST_SKIN, share, -np.inf),
    }


def _whole_blocks(picture: Picture) -> np.ndarray:
    height, width = (length // BLOCK * BLOCK for length in picture.shape[:2])
    return picture[:height, :width]


def _best(
    wanted: Blocks, taken: list[Place], side: int, size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """The best window that shares little with those that are taken; None where there is none."""
    height, width = min(side, size[0]), min(side, size[1])
    tops, lefts = (np.minimum(BLOCK * np.arange(n), limit) for n, limit in zip(
        wanted.shape, (size[0] - height, size[1] - width), strict=True
    ))  # fmt: skip
    for place in taken:
        left, top, _, _ = place.box
        across = np.clip(width - np.abs(lefts - left), 0, None)
        down = np.clip(height - np.abs(tops - top), 0, None)
        wanted = np.where(np.outer(down, across) > MOST_SHARED * height * width, -np.inf, wanted)
    if not np.isfinite(wanted).any():
        return None
    row, column = np.unravel_index(wanted.argmax(), wanted.shape)
    return int(lefts[column]), int(tops[row]), width, height
