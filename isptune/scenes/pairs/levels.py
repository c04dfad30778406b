"""How much brighter one capture recorded the same light than another."""

import math

import numpy as np

from isptune.scenes.pairs.cells import Planes, block_means
from isptune.scenes.pairs.shot_tags import ShotTags

BLOCK = 8
"""Cells along a side of the blocks whose means are compared: in them noise is a sixteenth, so that it biases little."""

DARKEST, BRIGHTEST = 0.02, 0.8
"""Well exposed: between these parts of the range, in both captures."""

FEWEST_BLOCKS = 16

AGREE = 0.02
"""Where tags and samples differ by less than this part, the tags are taken."""

DOUBTED = 1.26
"""A third of a stop: where they differ by more, one of the shots is not what its tags say."""


def ratio_by_tags(noisy: ShotTags, clean: ShotTags) -> float | None:
    """By ISO x time / aperture^2; None where a tag lacks or is 0."""
    first, second = noisy.exposure, clean.exposure
    return first / second if first and second else None


def measured_ratio(noisy: Planes, clean: Planes) -> float | None:
    """What the clean samples are multiplied by to become the noisy ones, black level apart; None if too few tell.

    Regression through the black level by the weighted median of the quotients of block means, as that of least absolute
    deviations is (Bloomfield and Steiger 1983, Least absolute deviations), so that what moved has no more say than its
    share. Blocks are weighted and chosen by the mean of both: by one of them, those that it shows brighter by chance
    would count more.
    """
    first, second = (np.stack([block_means(plane, BLOCK) for plane in cells]) for cells in (noisy, clean))
    peak = np.stack([block_means((plane > 0.98).astype(float), BLOCK) for plane in clean])
    usable = (second > 1e-4) & (second < BRIGHTEST) & (peak == 0)
    ratio = _weighted_median(first[usable], second[usable], second[usable])
    for _ in range(3):
        if ratio is None or ratio <= 0:
            return None
        bright = (ratio * second + first) / 2
        well = usable & (bright > DARKEST) & (bright < BRIGHTEST) & (second > DARKEST / 4)
        ratio = _weighted_median(first[well], second[well], bright[well])
    return ratio


def _weighted_median(above: np.ndarray, below: np.ndarray, weights: np.ndarray) -> float | None:
    """The weighted median of the quotients; None where they are few."""
    if above.size < FEWEST_BLOCKS:
        return None
    quotients = above / below
    order = np.argsort(quotients, kind="stable")
    shares = np.cumsum(weights[order])
    return float(quotients[order][np.searchsorted(shares, shares[-1] / 2)])


def chosen_ratio(by_tags: float | None, measured: float | None) -> tuple[float | None, str]:
    """The ratio to use, and how it is known: the samples decide where the nominal numbers of tags are not exact."""
    if measured is None:
        return by_tags, "by ISO, time and aperture"
    if by_tags is None or abs(math.log(by_tags / measured)) > math.log1p(AGREE):
        return measured, "measured"
    return by_tags, "by ISO, time and aperture"


def doubtful(by_tags: float | None, measured: float | None) -> bool:
    """Whether tags and samples say something else."""
    return bool(by_tags and measured) and abs(math.log((by_tags or 1) / (measured or 1))) > math.log(DOUBTED)
