"""Values with intervals by resampling, and the rank correlation: what comparisons with a scale have in common."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

Values = Float64[np.ndarray, " images"]

LEVEL = 0.95
FEWEST = 4
"""Images of a scene that a correlation takes at least."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % bootstrap interval; NaN where it cannot be computed."""

    value: float
    low: float
    high: float


def srocc(scores: Values, scale: Values) -> float:
    """Spearman's rank correlation; 0 for scores that are all equal."""
    from scipy.stats import rankdata

    return pearson(rankdata(scores), rankdata(scale))


def over_images(
    measure: Callable[[Values, Values], float],
    pairs: Sequence[tuple[Values, Values]],
    draws: int,
    rng: np.random.Generator,
) -> Estimate:
    """A measure of scores against scales, the mean over scenes, resampled over the images of each."""
    if not pairs:
        return Estimate(math.nan, math.nan, math.nan)
    value = float(np.mean([measure(scores, scale) for scores, scale in pairs]))
    drawn = []
    for _ in range(draws):
        places = [rng.integers(len(scale), size=len(scale)) for _, scale in pairs]
        each = [measure(scores[k], scale[k]) for (scores, scale), k in zip(pairs, places, strict=True)]
        drawn.append(float(np.mean(each)))
    return with_limits(value, drawn)


def with_limits(value: float, drawn: Sequence[float]) -> Estimate:
    """A value with the interval that its resamples give; no resample, no interval."""
    if not drawn or math.isnan(value):
        return Estimate(value, math.nan, math.nan)
    low, high = np.nanquantile(np.asarray(drawn, dtype=np.float64), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def pearson(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation; 0 for values that are all equal."""
    first, second = first - first.mean(), second - second.mean()
    norm = math.sqrt(float((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / norm if norm > 0 else 0.0
