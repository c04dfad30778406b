"""Which pictures look alike, so that they stay in one part when pictures are divided.

Two pictures look alike when their 16x16 grey thumbnails correlate: shots of one scene a moment apart, the same picture
with another distortion, crops that hardly differ.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int, Shaped, UInt8
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from isptune.errors import ConfigError

ALIKE = 0.9
"""Correlation of thumbnails from which two pictures look alike."""

SIDE = 16
_ROWS_AT_ONCE = 1024

Thumbnails = Float64[np.ndarray, "pictures 256"]
"""Of mean 0 and length 1, so that products are correlations; all zero for a picture of one grey."""


def thumbnail(pixels: UInt8[np.ndarray, "height width 3"]) -> Float64[np.ndarray, " 256"]:
    """The thumbnail of one picture, red first."""
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    small = np.asarray(cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float64).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-9)


def like_any(
    thumbnails: Thumbnails, others: Float64[np.ndarray, "others 256"]
) -> Bool[np.ndarray, " pictures"]:
    """Which of the pictures look like one of the others."""
    if not len(others):
        return np.zeros(len(thumbnails), dtype=bool)
    blocks = (thumbnails[i : i + _ROWS_AT_ONCE] for i in range(0, len(thumbnails), _ROWS_AT_ONCE))
    return np.concatenate(
        [(block @ others.T > ALIKE).any(1) for block in blocks] or [np.zeros(0, dtype=bool)]
    )


def looks(thumbnails: Thumbnails) -> Int[np.ndarray, " pictures"]:
    """The same number for pictures that look alike, or that a chain of look-alikes connects."""
    count = len(thumbnails)
    rows, columns = [], []
    for start in range(0, count, _ROWS_AT_ONCE):
        row, column = np.nonzero(thumbnails[start : start + _ROWS_AT_ONCE] @ thumbnails.T > ALIKE)
        rows.append(row + start)
        columns.append(column)
    row, column = np.concatenate(rows or [[]]).astype(int), np.concatenate(columns or [[]]).astype(int)
    alike = coo_matrix((np.ones(len(row)), (row, column)), shape=(count, count))
    return connected_components(alike, directed=False)[1].astype(np.int64)


def held_out(
    look: Shaped[np.ndarray, " pictures"] | Sequence[int], fraction: float, seed: int
) -> Bool[np.ndarray, " pictures"]:
    """Choose about this share of the pictures at random, whole looks only.

    Raises:
        ConfigError: one look is so large that no such share can be taken without it.
    """
    numbers, sizes = np.unique(np.asarray(look), return_counts=True)
    target = fraction * sizes.sum()
    chosen, taken = [], 0
    for index in np.random.default_rng(seed).permutation(len(numbers)):
        if taken + sizes[index] <= max(target, 1):
            chosen.append(numbers[index])
            taken += int(sizes[index])
    if taken < target / 2:
        raise ConfigError(
            f"{sizes.sum()} pictures are {len(numbers)} different looks, the largest of {sizes.max()} pictures: "
            f"a share of {fraction:g} cannot be held out without dividing one"
        )
    return np.isin(np.asarray(look), chosen)
