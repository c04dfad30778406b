"""Several clean captures as one: their mean, in which what only one of them shows has no part.

Sigma clipping about the median (Stetson 1987, DAOPHOT: a computer program for crowded-field stellar photometry,
doi:10.1086/131977, section III.D.2, of the same idea; as stacks of images are combined in astronomy), with a scale that
is pooled over all pixels of one brightness: of a few frames none can be told at one pixel alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from isptune.scenes.pairs.cells import Planes

CLIP = 4.0
"""Standard deviations from the median at which a sample is left out."""

LEVELS = 24
"""Of brightness, at which the noise is measured."""

CLIPPED = 0.985
"""Samples above this part of the range count as clipped."""

_HOT_SIGMAS, _HOT, _ALONE = 8.0, 0.05, 0.1
"""A hot pixel is twice as bright as all of its colour around it and so many standard deviations, or so much of the
range, above them; the cell's other colours differ from theirs by less than a tenth of that."""


@dataclass(frozen=True)
class Stack:
    """The mean of clean captures.

    Attributes:
        cells: the mean, in parts of the range of the noisy capture.
        unknown: cells where no capture was left, or two disagreed; True.
        frames: how many captures a sample is the mean of, on average.
    """

    cells: Planes
    unknown: np.ndarray
    frames: float


def stacked(frames: Sequence[Planes], ratios: Sequence[float]) -> Stack:
    """The robust mean of captures that lie over each other.

    Args:
        frames: each in parts of its own range.
        ratios: what the samples of each are multiplied by to be of one brightness: it weighs as 1 / ratio, its light.
    """
    clipped = np.stack([frame > CLIPPED for frame in frames])
    light = np.stack([ratio * frame for ratio, frame in zip(ratios, frames, strict=True)])
    weights = np.where(clipped, 0, 1 / np.array(ratios)[:, None, None, None])
    apart = np.zeros(light.shape[1:], bool)
    if len(frames) > 1:
        middle = _median(light, clipped)
        scale = _scale(light, middle)
        if len(frames) == 2:  # nobody knows which of them is right
            apart = (np.abs(light[1] - light[0]) > CLIP * np.sqrt(2) * scale) & ~clipped.any(0)
        else:
            weights = np.where(np.abs(light - middle) > CLIP * scale, 0, weights)
    total = weights.sum(0)
    mean = (weights * light).sum(0) / np.where(total > 0, total, 1)
    none = total <= 0
    mean = np.where(none, light.min(0), mean)  # clipped in all: white, or as bright as they know
    used = float((weights > 0).sum(0)[~none].mean()) if (~none).any() else 0.0
    cells = without_hot_pixels(mean)
    return Stack(cells, (none | (_large(apart) if len(frames) == 2 else False)).any(0), used)


def _median(light: np.ndarray, clipped: np.ndarray) -> Planes:
    """The median of what is not clipped; where all is, of all."""
    known = np.where(clipped & ~clipped.all(0), np.nan, light)
    return np.nanmedian(known, 0)


def _scale(light: np.ndarray, middle: Planes) -> Planes:
    """The noise of one capture at each sample, from differences of neighbouring captures at its brightness."""
    differences = np.abs(np.diff(light, axis=0)) / np.sqrt(2)
    limits = np.quantile(middle, np.linspace(0, 1, LEVELS + 1))
    group = np.clip(np.searchsorted(limits, middle, side="right") - 1, 0, LEVELS - 1)
    centres, widths = [], []
    for level in range(LEVELS):
        own = group == level
        if own.sum() >= 64:
            centres.append(float(middle[own].mean()))
            widths.append(1.4826 * float(np.median(differences[:, own])))
    if not centres:
        return np.full_like(middle, 1.4826 * float(np.median(differences)) + 1e-6)
    return np.interp(middle, centres, widths) + 1e-6


def _large(apart: np.ndarray) -> np.ndarray:
    """What differs in a patch, not in a single sample, which noise does too."""
    return np.stack([ndimage.uniform_filter(plane.astype(float), 5) > 0.3 for plane in apart])


def without_hot_pixels(cells: Planes) -> Planes:
    """Single samples far above all of their colour around them, while their cell's other colours do not stand out.

    They become the median of their neighbours. What a lens draws lights up the cell's other samples, too.
    """
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    around = np.stack([ndimage.median_filter(plane, footprint=ring) for plane in cells])
    highest = np.stack([ndimage.maximum_filter(plane, footprint=ring) for plane in cells])
    above = np.abs(cells - around)
    noise = 1.4826 * np.median(above, (1, 2), keepdims=True)
    high = cells > 2 * np.clip(highest, 0, None) + np.maximum(_HOT, _HOT_SIGMAS * noise)
    others = np.stack([np.delete(above, colour, 0).max(0) for colour in range(4)])
    return np.where(high & (others < _ALONE * above), around, cells)
