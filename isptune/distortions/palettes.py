"""Which grey levels or colours to keep: Otsu's thresholds, median cut, palettes of least variance."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int, Shaped, UInt8

_CELLS = 32
"""Cells a channel of the colour histogram: five bits, as in Wu's program."""


def multi_otsu(counts: Shaped[np.ndarray, " bins"], classes: int) -> Int[np.ndarray, " thresholds"]:
    """The last bins of all classes but the uppermost, by the largest variance between classes.

    Otsu 1979, "A Threshold Selection Method from Gray-Level Histograms", doi:10.1109/TSMC.1979.4310076, for several
    thresholds (Liao et al. 2001): the sum over classes of (first moment)^2 / mass is maximised. Dynamic programming
    finds the exact maximum in classes * bins^2 steps, where a search through all thresholds needs
    bins^(classes - 1); of equal maxima it takes the one that comes first, as that search does. Bins 0 and 1
    both count as place 1, as in scikit-image's `threshold_multiotsu`, whose thresholds these are. Needs at
    least as many filled bins as classes.
    """
    gain = _class_gains(counts)
    bins = len(counts)
    best = gain[:, -1].copy()  # of one class from bin i to the end
    ends = np.zeros((classes, bins), dtype=np.int64)
    for more in range(1, classes):
        total = np.full((bins, bins), -np.inf)  # the first class from i to j, the rest from j + 1
        total[:, :-1] = gain[:, :-1] + best[None, 1:]
        ends[more] = total.argmax(1)
        best = total.max(1)
    thresholds, start = [], 0
    for more in range(classes - 1, 0, -1):
        thresholds.append(int(ends[more, start]))
        start = thresholds[-1] + 1
    return np.array(thresholds)


def _class_gains(counts: Shaped[np.ndarray, " bins"]) -> Float64[np.ndarray, "bins bins"]:
    """(first moment)^2 / mass of bins i..j; -inf for j < i, 0 for empty classes."""
    places = np.maximum(np.arange(float(len(counts))), 1)
    mass = np.concatenate(([0.0], np.cumsum(counts, dtype=np.float64)))
    moment = np.concatenate(([0.0], np.cumsum(counts * places)))
    mass, moment = mass[None, 1:] - mass[:-1, None], moment[None, 1:] - moment[:-1, None]
    gain = np.where(mass > 0, moment**2 / np.where(mass > 0, mass, 1), 0.0)
    return np.where(np.tri(len(counts), k=-1, dtype=bool), -np.inf, gain)


def median_cut(counts: Int[np.ndarray, " 256"], levels: int) -> Int[np.ndarray, " 256"]:
    """The grey level that replaces every byte, by median cut of a histogram.

    Heckbert 1982, "Color Image Quantization for Frame Buffer Display", doi:10.1145/965145.801294, in one dimension: the
    fullest range
    of bytes is cut at its median until there are `levels` ranges; a byte then goes to the nearest range
    mean, its own where two are as near. Cuts and rounding are those of Pillow's MEDIANCUT: the byte at which
    more than half of the samples are passed, from the bright end, stays in the brighter part.
    """
    present = np.flatnonzero(counts)[::-1]
    done, splittable = [], [present]
    while splittable and len(done) + len(splittable) < levels:
        fullest = max(range(len(splittable)), key=lambda k: counts[splittable[k]].sum())
        part = splittable.pop(fullest)
        if len(part) == 1:
            done.append(part)
            continue
        passed = counts[part].cumsum()
        end = min(int((2 * passed <= passed[-1]).sum()) + 1, len(part) - 1)
        splittable += [part[:end], part[end:]]
    table = np.arange(256)
    parts = done + splittable
    means = np.array([int((counts[part] * part).sum() / counts[part].sum() + 0.5) for part in parts])
    for part, own in zip(parts, means, strict=True):
        distances = np.abs(means[None] - part[:, None])
        nearest = distances.argmin(1)
        table[part] = np.where(np.abs(own - part) == distances.min(1), own, means[nearest])
    return table


@dataclass(frozen=True)
class _Box:
    """A box of histogram cells, `low` inclusive and `high` exclusive, with the error it would make."""

    low: tuple[int, ...]
    high: tuple[int, ...]
    error: float


def variance_palette(pixels: UInt8[np.ndarray, "height width 3"], colours: int) -> UInt8[np.ndarray, "few 3"]:
    """Mean colours of at most `colours` boxes, each cut where the variance falls most.

    Wu 1991, "Efficient Statistical Computations for Optimal Color Quantization" (Graphics Gems II): the
    box with the largest squared error is cut next, by a plane across one axis, found with cumulative
    moments of the histogram.
    """
    moments = _cumulative_moments(pixels)
    boxes = [_box(moments, (0, 0, 0), (_CELLS, _CELLS, _CELLS))]
    while len(boxes) < colours:
        worst = max(range(len(boxes)), key=lambda k: boxes[k].error)
        halves = _cut(moments, boxes[worst]) if boxes[worst].error > 0 else None
        if halves is None:
            if boxes[worst].error <= 0:
                break
            boxes[worst] = _Box(boxes[worst].low, boxes[worst].high, 0.0)
            continue
        boxes[worst : worst + 1] = halves
    means = [_sums(moments, box.low, box.high) for box in boxes]
    return np.stack([np.round(sums[1:4] / sums[0]) for sums in means]).astype(np.uint8)


def _cumulative_moments(pixels: UInt8[np.ndarray, "height width 3"]) -> Float64[np.ndarray, "n n n 5"]:
    """Sums of 1, R, G, B and R^2 + G^2 + B^2 over all cells below, with a margin of zeros."""
    flat = pixels.reshape(-1, 3)
    cells = (flat >> 3).astype(np.int32)
    place = (cells[:, 0] * _CELLS + cells[:, 1]) * _CELLS + cells[:, 2]
    values = flat.astype(np.float64)
    weights = (None, values[:, 0], values[:, 1], values[:, 2], (values * values).sum(1))
    table = np.zeros((_CELLS + 1, _CELLS + 1, _CELLS + 1, 5))
    for k, weight in enumerate(weights):
        counts = np.bincount(place, weight, minlength=_CELLS**3)
        table[1:, 1:, 1:, k] = counts.reshape(_CELLS, _CELLS, _CELLS)
    return table.cumsum(0).cumsum(1).cumsum(2)


def _sums(moments: np.ndarray, low: tuple[int, ...], high: tuple[int, ...]) -> np.ndarray:
    """The five sums over a box, by inclusion and exclusion of its corners."""
    slab = moments[high[0]] - moments[low[0]]
    row = slab[high[1]] - slab[low[1]]
    return row[high[2]] - row[low[2]]


def _box(moments: np.ndarray, low: tuple[int, ...], high: tuple[int, ...]) -> _Box:
    sums = _sums(moments, low, high)
    single = all(top - bottom == 1 for bottom, top in zip(low, high, strict=True))
    error = sums[4] - (sums[1:4] ** 2).sum() / max(sums[0], 1)
    return _Box(low, high, 0.0 if single else max(float(error), 0.0))


def _cut(moments: np.ndarray, box: _Box) -> list[_Box] | None:
    """The two halves of the best cut; None if no plane has pixels on both sides."""
    whole = _sums(moments, box.low, box.high)
    best, choice = 0.0, None
    for axis in range(3):
        if box.high[axis] - box.low[axis] < 2:
            continue
        below = _sums_up_to(moments, box, axis)
        above = whole - below
        usable = (below[:, 0] > 0) & (above[:, 0] > 0)
        gain = (below[:, 1:4] ** 2).sum(1) / np.maximum(below[:, 0], 1)
        gain += (above[:, 1:4] ** 2).sum(1) / np.maximum(above[:, 0], 1)
        gain[~usable] = 0
        if gain.max() > best:
            best, choice = float(gain.max()), (axis, box.low[axis] + 1 + int(gain.argmax()))
    if choice is None:
        return None
    axis, place = choice
    middle_high, middle_low = list(box.high), list(box.low)
    middle_high[axis] = middle_low[axis] = place
    return [_box(moments, box.low, tuple(middle_high)), _box(moments, tuple(middle_low), box.high)]


def _sums_up_to(moments: np.ndarray, box: _Box, axis: int) -> np.ndarray:
    """The five sums of the box's part below every plane across an axis, [planes, 5]."""
    first, second = (other for other in range(3) if other != axis)
    turned = np.moveaxis(moments, (axis, first, second), (0, 1, 2))[box.low[axis] : box.high[axis]]
    far, near = turned[:, box.high[first]], turned[:, box.low[first]]
    corner = far[:, box.high[second]] - far[:, box.low[second]]
    corner = corner - (near[:, box.high[second]] - near[:, box.low[second]])
    return corner[1:] - corner[0]
