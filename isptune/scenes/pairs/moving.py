"""Where two captures that lie over each other do not show the same."""

from typing import cast

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from isptune.scenes.pairs.cells import Plane, Planes
from isptune.scenes.pairs.noise_level import noise_variance
from isptune.scenes.pairs.stacking import CLIPPED

Mask = Bool[np.ndarray, "_ _"]

WINDOW = 5
"""Cells along a side of the windows whose means are compared."""

SIGMAS = 5.0
"""Of the noise of such a mean, at its brightness: a window beyond is not noise."""

_BRIGHTNESS = 0.03  # a change of light of this part is no movement
_SLOPE = 0.12  # nor is what half a cell of the edges in a window explains: filters see them at points
_SMALLEST = 12  # cells of a thing at least
_MARGIN = 4  # cells around it, which its outline reaches through demosaicing and sharpening


def moved(noisy: Planes, clean: Planes, residual: tuple[float, float]) -> Mask:
    """Cells in which something has moved; True.

    Args:
        noisy, clean: of one brightness.
        residual: what the clean capture still lies beside the noisy one, pixels: x and y.
    """
    shift = (-residual[1] / 2, -residual[0] / 2)
    found = np.zeros(noisy.shape[1:], bool)
    for own, other in ((noisy[0], clean[0]), (noisy[1:3].mean(0), clean[1:3].mean(0)), (noisy[3], clean[3])):
        found |= _differs(own, ndimage.shift(other, shift, order=1, mode="nearest"))
    return _things(found)


def clipped(clean: Planes) -> Mask:
    """Cells that the noisy capture cannot hold, and a ring around them; True."""
    return ndimage.binary_dilation((clean > CLIPPED).any(0), iterations=2)


def _differs(own: Plane, other: Plane) -> Mask:
    first, second = (ndimage.uniform_filter(plane, WINDOW, mode="nearest") for plane in (own, other))
    span = ndimage.maximum_filter(other, WINDOW) - ndimage.minimum_filter(other, WINDOW)
    noise = np.sqrt(noise_variance(own, first) + noise_variance(other, second)) / WINDOW
    allowed = SIGMAS * noise + _SLOPE * span + _BRIGHTNESS * np.abs(second) + 1e-3
    return np.abs(first - second) > allowed


def _things(found: Mask) -> Mask:
    """Without specks, and with a margin."""
    solid = ndimage.binary_opening(found, np.ones((2, 2), bool))
    labels, count = cast(tuple[np.ndarray, int], ndimage.label(solid))
    if count:
        sizes = ndimage.sum_labels(solid, labels, np.arange(1, count + 1))
        solid = np.isin(labels, 1 + np.flatnonzero(np.asarray(sizes) >= _SMALLEST))
    grown = ndimage.binary_dilation(solid, iterations=_MARGIN)
    return np.asarray(ndimage.binary_fill_holes(grown)) if grown.any() else grown
