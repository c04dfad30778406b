"""How sure scores are: a bootstrap over observers, and which differences are significant."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from isptune.study.comparisons import Comparisons
from isptune.study.likelihood import Model
from isptune.study.scale import Scale, refit

DRAWS, LEVEL = 1000, 0.95

TAIL, TAIL_REACH = 0.025, 1.959964
"""The quantile of resampled differences that their standard error is read from, and where a normal one has it."""

REFIT_JOD = 1e-3
"""Resamples are fitted until a step is smaller than this: far below what they differ by."""


@dataclass(frozen=True)
class Difference:
    """How far two images are apart, JOD, with its 95 % interval.

    Attributes:
        better: the one with the higher score.
        worse: the other.
        p: two-sided, of no difference at all.
        p_holm: corrected for all pairs of the scene together.
    """

    better: str
    worse: str
    mean: float
    low: float
    high: float
    p: float
    p_holm: float


def observer_weights(observers: int, draws: int, seed: int) -> Float64[np.ndarray, "draws observers"]:
    """How often every observer is drawn in each resample."""
    rng = np.random.default_rng([seed, 77])
    return rng.multinomial(observers, np.full(observers, 1 / observers), size=draws).astype(np.float64)


def bootstrap(
    table: Comparisons,
    scale: Scale,
    weights: Float64[np.ndarray, "draws observers"],
    model: Model = "thurstone",
    side_bias: bool = False,
) -> Float64[np.ndarray, "draws images"]:
    """The scores of every resample; each has mean 0."""
    return refit(table, scale, weights, model, side_bias, REFIT_JOD)


def resampled_mos(
    opinions: Float64[np.ndarray, "observers images"], weights: Float64[np.ndarray, "draws observers"]
) -> Float64[np.ndarray, "draws images"]:
    """The mean opinion score of every resample; observers who did not see an image do not count for it."""
    seen = np.isfinite(opinions)
    with np.errstate(invalid="ignore"):
        return (weights @ np.where(seen, opinions, 0.0)) / (weights @ seen.astype(np.float64))


def limits(
    draws: Float64[np.ndarray, "draws images"], observers: int, level: float = LEVEL
) -> tuple[Float64[np.ndarray, " images"], Float64[np.ndarray, " images"]]:
    """The lower and upper ends of intervals, from the resamples; NaN for fewer than two observers.

    Plain percentiles are too narrow for few observers; these lie further out, by sqrt(n / (n - 1)) and Student's t in
    place of the normal distribution.

    Source: Hesterberg 2015, What Teachers Should Know About the Bootstrap (expanded percentile interval).
    """
    from scipy.stats import norm, t

    if observers < 2:
        nothing = np.full(draws.shape[1], np.nan)
        return nothing, nothing.copy()
    reach = t.ppf((1 + level) / 2, observers - 1) * np.sqrt(observers / (observers - 1))
    tail = float(norm.cdf(-reach))
    low, high = np.nanquantile(draws, [tail, 1 - tail], axis=0)
    return low, high


def differences(
    conditions: tuple[str, ...],
    scores: Float64[np.ndarray, " images"],
    draws: Float64[np.ndarray, "draws images"],
    observers: int,
) -> list[Difference]:
    """All pairs, the better one first, from the largest difference to the smallest; none for a single observer.

    The standard error comes from the resamples of the difference, so that what two scores share does not count, and
    from their lower tail, where no difference lies: the upper one of an image that nearly always wins has no end, however
    sure it is that it is better. The test is Student's t with observers - 1 degrees of freedom, Holm's correction is over
    all pairs, and intervals are those of `limits`.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    from scipy.stats import t

    if observers < 2:
        return []
    first, second = np.triu_indices(len(scores), 1)
    swap = scores[first] < scores[second]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    distance = scores[first] - scores[second]
    resampled = draws[:, first] - draws[:, second]
    low, high = limits(resampled, observers)
    tail, middle = np.quantile(resampled, [TAIL, 0.5], axis=0)
    error = np.maximum(middle - tail, 1e-12) / TAIL_REACH * np.sqrt(observers / (observers - 1))
    p = 2 * t.sf(distance / error, observers - 1)
    columns = (distance, low, high, p, holm(p))
    return [
        Difference(conditions[first[k]], conditions[second[k]], *(float(column[k]) for column in columns))
        for k in np.argsort(-distance)
    ]


def holm(p: np.ndarray) -> np.ndarray:
    """p-values corrected for all of them together."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
