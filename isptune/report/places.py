"""Which places of a run's pictures are worth a look at 1:1: where they changed, and where faults show."""

import numpy as np

from isptune.scenes.places import BLOCK, Picture, Place, best_place, inner_sums, wanted_of

KINDS = ("detail", "flat", "dark", "skin-like")
"""Beside where most changed."""

MOST_SHARED = 1 / 3
"""Of two places of a picture, at most."""


def places(before: Picture, after: Picture, side: int) -> list[Place]:
    """The place where two pictures differ most, then those of `after` with most detail, flat, dark, and skin-like."""
    found = [Place("changed most", largest_difference(before, after, side))]
    height, width = after.shape[:2]
    if min(height, width) < 2 * BLOCK or max(height, width) <= side:
        return found
    window = max(1, min(side, height) // BLOCK), max(1, min(side, width) // BLOCK)
    wanted = wanted_of(after, window)
    for why in KINDS:
        place = best_place(wanted[why], found, side, (height, width), MOST_SHARED)
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
    total = inner_sums(sums, height, width, 1)
    for part in (2, 4):
        total = total + inner_sums(sums, height, width, part)
    top, left = np.unravel_index(total.argmax(), total.shape)
    return int(left), int(top), width, height
