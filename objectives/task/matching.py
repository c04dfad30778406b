"""Mean average precision as COCO has it, in two steps: each picture's detections are matched, then all are ranked.

What a picture adds is flat numbers (`Evidence`), so that one picture's can be put with those of others later.

Source: Lin et al. 2014, Microsoft COCO: common objects in context, arXiv:1405.0312; its evaluation, pycocotools.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

COCO_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Of intersection over union."""

RECALLS = np.linspace(0, 1, 101)
MOST = 100
"""Detections of a class in a picture, at most: those with the highest scores."""

RIGHT, WRONG, NEITHER = 1.0, 0.0, -1.0

Boxes = Float64[np.ndarray, "_ 4"]
"""Left, top, right, bottom."""


@dataclass(frozen=True, eq=False)
class Found:
    """Detections in a picture, or what is there: boxes, classes; and scores of detections, crowds of what is there."""

    boxes: Boxes
    kinds: Int64[np.ndarray, " box"]
    scores: Float64[np.ndarray, " box"]
    crowds: Float64[np.ndarray, " box"]


def matched(there: Found, detected: Found, thresholds: Sequence[float]) -> tuple[float, ...]:
    """The evidence of a picture.

    Returns:
        How many classes are there, then each with its count (without crowds), then each detection: class, score, and
        for each threshold whether it is right, wrong or neither.
    """
    single = there.kinds[there.crowds == 0]
    kinds, counts = np.unique(single, return_counts=True)
    flat: list[float] = [float(len(kinds))]
    for kind, count in zip(kinds, counts, strict=True):
        flat += [float(kind), float(count)]
    for kind in np.unique(detected.kinds):
        mine, own = detected.kinds == kind, there.kinds == kind
        order = np.argsort(-detected.scores[mine], kind="stable")[:MOST]
        scores = detected.scores[mine][order]
        overlaps = _overlaps(detected.boxes[mine][order], there.boxes[own], there.crowds[own] > 0)
        marks = np.stack([_marks(overlaps, there.crowds[own] > 0, least) for least in thresholds], 1)
        for score, row in zip(scores, marks, strict=True):
            flat += [float(kind), float(score), *row.tolist()]
    return tuple(flat)


def mean_average_precision(evidence: Sequence[tuple[float, ...]], thresholds: int) -> float | None:
    """Over thresholds and those classes of which there is anything, in [0, 1]; None where there is nothing at all.

    Detections of one score are ranked such that wrong ones come first: no order of pictures makes it better.
    """
    counts: dict[int, float] = {}
    blocks: list[np.ndarray] = []
    for one in evidence:
        values = np.asarray(one, dtype=np.float64)
        end = 1 + 2 * int(values[0])
        for kind, count in values[1:end].reshape(-1, 2):
            counts[int(kind)] = counts.get(int(kind), 0.0) + count
        blocks.append(values[end:].reshape(-1, 2 + thresholds))
    if not counts:
        return None
    rows = np.concatenate(blocks)
    found = [
        _average_precision(rows[rows[:, 0] == kind], place, count)
        for kind, count in counts.items()
        for place in range(thresholds)
    ]
    return float(np.mean(found))


def highest_score(evidence: Sequence[tuple[float, ...]], thresholds: int) -> float:
    """Of all detections; 0 where there is none."""
    scores = [0.0]
    for one in evidence:
        scores += list(one[1 + 2 * int(one[0]) :][1 :: 2 + thresholds])
    return max(scores)


def _average_precision(rows: Float64[np.ndarray, "detection column"], place: int, count: float) -> float:
    """Of one class and threshold: the mean over recalls of the best precision at that recall or beyond."""
    marks = rows[:, 2 + place]
    kept = marks != NEITHER
    marks, scores = marks[kept], rows[kept, 1]
    order = np.lexsort((marks, -scores))
    right = np.cumsum(marks[order] == RIGHT)
    recall = right / count
    precision = right / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.append(best, 0.0)[np.minimum(at, len(best))].mean())


def _overlaps(detected: Boxes, there: Boxes, crowds: np.ndarray) -> Float64[np.ndarray, "detected there"]:
    """Intersection over union; with a crowd, over the detection's own area."""
    low = np.maximum(detected[:, None, :2], there[None, :, :2])
    high = np.minimum(detected[:, None, 2:], there[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(2)
    own = np.clip(detected[:, 2:] - detected[:, :2], 0, None).prod(1)[:, None]
    theirs = np.clip(there[:, 2:] - there[:, :2], 0, None).prod(1)[None]
    union = np.where(crowds[None], own, own + theirs - both)
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def _marks(
    overlaps: Float64[np.ndarray, "detected there"], crowds: np.ndarray, least: float
) -> Float64[np.ndarray, " detected"]:
    """By detection, in the order of their scores, what it is: each thing is found once, a crowd any number of times."""
    marks = np.full(len(overlaps), WRONG)
    taken = np.zeros(overlaps.shape[1], dtype=bool)
    for row, own in enumerate(overlaps):
        for ours, mark in ((~crowds & ~taken, RIGHT), (crowds, NEITHER)):
            fits = np.flatnonzero(ours & (own >= min(least, 1 - 1e-10)))
            if len(fits):
                best = fits[
                    len(fits) - 1 - np.argmax(own[fits][::-1])
                ]  # of equal ones the last, as COCO has it
                marks[row] = mark
                taken[best] |= mark == RIGHT
                break
    return marks
