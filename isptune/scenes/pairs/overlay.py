"""A noisy shot and its clean ones, laid over each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from isptune.errors import SceneError
from isptune.scenes.pairs.cells import Planes, green, planes
from isptune.scenes.pairs.levels import chosen_ratio, doubtful, measured_ratio, ratio_by_tags
from isptune.scenes.pairs.moving import clipped, moved
from isptune.scenes.pairs.noise_level import noise_level
from isptune.scenes.pairs.registration import CLEAR, Offset, offset_between, whole_periods, worst_in_tiles
from isptune.scenes.pairs.shots import Shot
from isptune.scenes.pairs.stacking import Stack, stacked

Window = tuple[int, int, int, int]
"""Left, top, width and height, samples; all even."""

REACH = 256
"""How far shots are looked for beside each other, beyond the part that is used: samples."""

BETWEEN = 0.25
"""A clean shot that lies so many pixels between the samples of the first would blur their mean."""

TOO_FAR = 1.0
"""Pixels that may be left after the shift."""

LARGEST_SHARE = 0.5
"""Of the picture that may be masked."""


@dataclass(frozen=True)
class Overlay:
    """Two captures of one brightness that show the same, sample by sample.

    Attributes:
        window: what part of the noisy shot it is.
        clean: in parts of the range of the noisy shot.
        masked: cells where the clean capture says nothing of the noisy one; True.
        offset: of the clean shots' content against the noisy one's, pixels.
        residual: what is left of it after the shift by whole periods, pixels: x and y.
        ratio: by what clean samples were multiplied; of the first.
        how: how the ratio is known.
        noise: that of the noisy shot and of the clean mean, of one brightness.
        used: clean shots in the mean.
        frames: how many of them a sample is the mean of, on average.
        warnings: one line each.
    """

    window: Window
    clean: Planes
    masked: np.ndarray
    offset: Offset
    residual: tuple[float, float]
    ratio: float
    how: str
    noise: tuple[float, float]
    used: int
    frames: float
    warnings: tuple[str, ...]


def overlay(noisy: Shot, cleans: Sequence[Shot], window: Window) -> Overlay:
    """Lay clean shots over a window of a noisy one.

    Args:
        noisy, cleans: of one size.
        window: wanted; it loses what the shots do not share.

    Raises:
        SceneError: they show too little of the same, or the clean ones are noisier.
    """
    region = _around(window, noisy.capture.size)
    cells = planes(noisy.capture.cropped(*region))
    frames = [planes(clean.capture.cropped(*region)) for clean in cleans]
    offset = offset_between(green(cells), green(frames[0]))
    if offset.clear < CLEAR:
        raise SceneError(
            f"{noisy.name} and {cleans[0].name} are no pair: nothing of one is found in the other"
        )
    first = whole_periods(offset)
    shifts, kept = [first], [0]
    for number, frame in enumerate(frames[1:], 1):
        between = offset_between(green(frames[0]), green(frame))
        own = whole_periods(between)
        if max(abs(between.x - own[0]), abs(between.y - own[1])) <= BETWEEN and between.clear >= CLEAR:
            kept.append(number)
            shifts.append((first[0] + own[0], first[1] + own[1]))
    place = _shared(_moved(window, (-region[0], -region[1])), shifts, region[2:], noisy.name)
    own = _cut(cells, place)
    aligned = [_cut(frames[i], _moved(place, shift)) for i, shift in zip(kept, shifts, strict=True)]
    ratios, how, warnings = _ratios(noisy, [cleans[i] for i in kept], own, aligned)
    stack = stacked(aligned, ratios)
    residual = (offset.x - first[0], offset.y - first[1])
    noise = (noise_level(own), noise_level(stack.cells))
    masked, told = _masked(noisy.name, own, stack, residual)
    warnings += [*_between(len(cleans) - len(kept), len(cleans)), *told]
    warnings += _turned(own, stack.cells, residual) + _noisier(noisy, cleans[0], noise)
    return Overlay(
        _moved(place, region[:2]), stack.cells, masked, offset, residual, ratios[0], how, noise, len(kept),
        stack.frames, tuple(warnings),
    )  # fmt: skip


def _around(window: Window, size: tuple[int, int]) -> Window:
    left, top, width, height = window
    x, y = max(0, left - REACH), max(0, top - REACH)
    return x, y, min(size[0], left + width + REACH) - x, min(size[1], top + height + REACH) - y


def _moved(window: Window, shift: tuple[int, int]) -> Window:
    return window[0] + shift[0], window[1] + shift[1], window[2], window[3]


def _shared(window: Window, shifts: Sequence[tuple[int, int]], size: tuple[int, ...], name: str) -> Window:
    """The part of the window that all shots hold."""
    ends = []
    for axis in (0, 1):
        own = [0, *(shift[axis] for shift in shifts)]
        start = max(window[axis], -min(own))
        end = min(window[axis] + window[axis + 2], size[axis] - max(own))
        ends.append((start, end))
    (left, right), (top, bottom) = ends
    if right - left < window[2] // 2 or bottom - top < window[3] // 2:
        far = max(shifts, key=lambda shift: max(map(abs, shift)))
        raise SceneError(
            f"{name}: a clean shot lies {far[0]}, {far[1]} pixels beside it: too little is in both"
        )
    return left, top, right - left, bottom - top


def _cut(cells: Planes, window: Window) -> Planes:
    left, top, width, height = (length // 2 for length in window)
    return cells[:, top : top + height, left : left + width]


def _ratios(
    noisy: Shot, cleans: Sequence[Shot], own: Planes, frames: Sequence[Planes]
) -> tuple[list[float], str, list[str]]:
    ratios, how, warnings = [], "", []
    for clean, frame in zip(cleans, frames, strict=True):
        by_tags, measured = ratio_by_tags(noisy.tags, clean.tags), measured_ratio(own, frame)
        ratio, way = chosen_ratio(by_tags, measured)
        if ratio is None:
            raise SceneError(
                f"{noisy.name} and {clean.name}: too few samples are well exposed in both, and the tags do not say how "
                "bright they are"
            )
        if by_tags and measured and doubtful(by_tags, measured):
            warnings.append(
                f"{noisy.name} and {clean.name}: by their tags the samples differ by x{by_tags:.3g}, in truth by "
                f"x{measured:.3g}: did the light change?"
            )
        ratios.append(ratio)
        how = how or way
    return ratios, how, warnings


def _masked(
    name: str, own: Planes, stack: Stack, residual: tuple[float, float]
) -> tuple[np.ndarray, list[str]]:
    """What is to be left out, and a warning where something moved."""
    bright, things = clipped(stack.cells), moved(own, stack.cells, residual) | stack.unknown
    things &= ~bright
    masked = bright | things
    share = float(masked.mean())
    parts = f"{_percent(things)} moved, {_percent(bright)} clipped"
    said = f"{_percent(masked)} of it cannot be compared ({parts})"
    if share > LARGEST_SHARE:
        raise SceneError(
            f"{name}: {said}, more than half: take the shots again, or cut to another part with crop="
        )
    if things.any():
        return masked, [
            f"{name}: something moved between the shots in {_percent(things)} of the picture; it is masked"
        ]
    return masked, []


def _percent(mask: np.ndarray) -> str:
    return f"{100 * float(mask.mean()):.3g} %"


def _between(left_out: int, count: int) -> list[str]:
    if not left_out:
        return []
    return [
        f"{left_out} of {count} clean shots lie more than {BETWEEN:g} px between the samples of the first, and are "
        "left out of the mean, which they would blur"
    ]


def _turned(own: Planes, clean: Planes, residual: tuple[float, float]) -> list[str]:
    """A warning where parts of the picture lie more than a pixel beside each other."""
    over = ndimage.shift(green(clean), (-residual[1] / 2, -residual[0] / 2), order=3, mode="nearest")
    worst = worst_in_tiles(green(own), over)
    if worst <= TOO_FAR:
        return []
    return [
        f"parts of the clean shot lie up to {worst:.1f} px beside the noisy one: it is turned or zoomed, and fine "
        "detail cannot be compared"
    ]


def _noisier(noisy: Shot, clean: Shot, noise: tuple[float, float]) -> list[str]:
    """A warning where little is cleaner; raises SceneError where the clean one is the noisier."""
    first, second = noise
    numbers = f"{100 * second:.2g} % of the range against {100 * first:.2g} %"
    if second > 1.02 * first:
        raise SceneError(
            f"{clean.name}: is noisier than {noisy.name}, {numbers}: are the two in the right order?"
        )
    if second > 0.8 * first:
        return [f"{clean.name}: is hardly cleaner than {noisy.name}, {numbers}: it says little of noise"]
    return []
