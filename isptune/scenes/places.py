"""Places of a picture by what they show: detail, flat, dark, bright, colour, skin-like.

Noise shows in flat and dark places, sharpening in detail, clipping in bright ones, a colour cast on skin. Places are
squares; one is left out where it would lie mostly on another, or where the picture has nothing of its kind.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

BLOCK = 16
"""Pixels on a side: statistics are of blocks, so that a picture of any size takes little."""

FLAT_FROM, FLAT_TO, DARK_BELOW = 24.0, 228.0, 70.0
"""Luma, of 255: what is clipped is not flat, and a picture without shadows has no dark place."""

BLACK_BELOW, BRIGHT_FROM, MOST_CLIPPED = 6.0, 160.0, 0.25
"""Luma below which a dark place shows nothing; from which a place is bright, where so much of it is not white."""

LEAST_CHROMA = 12.0
"""Mean length of (Cb, Cr), of 255, from which a place is colourful."""

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


def wanted_of(picture: Picture, window: tuple[int, int]) -> dict[str, Blocks]:
    """By kind how much of it is in each window, in steps of a block; minus infinity where there is too little.

    Args:
        picture: at least a block a side.
        window: its height and width in blocks.
    """
    red, green, blue = np.moveaxis(_whole_blocks(picture).astype(np.float32), 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cb, cr = 128 + 0.564 * (blue - luma), 128 + 0.713 * (red - luma)
    skin = (SKIN_CB[0] <= cb) & (cb <= SKIN_CB[1]) & (SKIN_CR[0] <= cr) & (cr <= SKIN_CR[1]) & (luma > 40)

    def means(of: np.ndarray, reduce: Callable[..., np.ndarray] = np.mean) -> Blocks:
        rows, columns = of.shape[0] // BLOCK, of.shape[1] // BLOCK
        blocks = reduce(of.reshape(rows, BLOCK, columns, BLOCK), axis=(1, 3)).astype(np.float64)
        sums = np.pad(blocks.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        return inner_sums(sums, *window, 1) / (window[0] * window[1])

    brightness, structure, share = means(luma), means(luma, np.std), means(skin)
    spread = np.sqrt(np.maximum(0, means(luma * luma) - brightness**2))  # also from block to block
    unrest = structure + SLOW * spread
    clipped, chroma = means(luma > 250), means(np.hypot(cb - 128, cr - 128))
    shows = (brightness > FLAT_FROM) & (brightness < FLAT_TO)
    return {
        "detail": structure,
        "flat": np.where(shows, -unrest, -np.inf),
        "dark": np.where(brightness < DARK_BELOW, -brightness, -np.inf),
        "skin-like": np.where(share >= LEAST_SKIN, share, -np.inf),
        "bright": np.where((brightness > BRIGHT_FROM) & (clipped < MOST_CLIPPED), brightness, -np.inf),
        "colour": np.where(chroma > LEAST_CHROMA, chroma, -np.inf),
        "typical": -np.abs(brightness - np.median(brightness)) - np.abs(structure - np.median(structure)),
    }


def best_place(
    wanted: Blocks, taken: Sequence[Place], side: int, size: tuple[int, int], most_shared: float
) -> tuple[int, int, int, int] | None:
    """The best window that shares little with those that are taken; None where there is none.

    Args:
        wanted: see `wanted_of`.
        taken: places that are chosen already.
        side: of the window, pixels, or that of the picture where it is smaller.
        size: of the picture, height and width.
        most_shared: of its area, with any of those that are taken.
    """
    height, width = min(side, size[0]), min(side, size[1])
    tops, lefts = (np.minimum(BLOCK * np.arange(n), limit) for n, limit in zip(
        wanted.shape, (size[0] - height, size[1] - width), strict=True
    ))  # fmt: skip
    for place in taken:
        left, top, _, _ = place.box
        across = np.clip(width - np.abs(lefts - left), 0, None)
        down = np.clip(height - np.abs(tops - top), 0, None)
        wanted = np.where(np.outer(down, across) > most_shared * height * width, -np.inf, wanted)
    if not np.isfinite(wanted).any():
        return None
    row, column = np.unravel_index(wanted.argmax(), wanted.shape)
    return int(lefts[column]), int(tops[row]), width, height


def inner_sums(sums: np.ndarray, height: int, width: int, part: int) -> np.ndarray:
    """Sums over the central 1/part of every window, from the integral image; one for each window."""
    inner_height, inner_width = max(1, height // part), max(1, width // part)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    rows, columns = sums.shape[0] - height, sums.shape[1] - width
    upper, lower = (slice(y, y + rows) for y in (top, top + inner_height))
    near, far = (slice(x, x + columns) for x in (left, left + inner_width))
    return sums[lower, far] - sums[upper, far] - sums[lower, near] + sums[upper, near]


def _whole_blocks(picture: Picture) -> np.ndarray:
    height, width = (length // BLOCK * BLOCK for length in picture.shape[:2])
    return picture[:height, :width]
