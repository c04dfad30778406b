"""How sure scores are: a bootstrap over observers, and which differences are significant."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from isptune.study.scale.likelihood import Model
from isptune.study.scale.scale import Scale, refit
from isptune.study.votes.comparisons import Comparisons, Members

DRAWS, LEVEL = 1000, 0.95

REFIT_JOD = 1e-3
"""Resamples are fitted until a step is smaller than this: far below what they differ by."""


@dataclass(frozen=True)
class Difference:
    """How far two images are apart, JOD, with its 95 % interval.

    Attributes:
        group: of the images that votes connect, counted from 1; both are in it.
        better: the one with the higher score.
        worse: the other.
        p: two-sided, of no difference at all.
        p_holm: corrected for all pairs of the scene together.
    """

    group: int
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
    reduce_bias: bool = True,
) -> Float64[np.ndarray, "draws images"]:
    """The scores of every resample; each has mean 0."""
    return refit(table, scale, weights, model, side_bias, REFIT_JOD, reduce_bias)


def resampled_mean(
    opinions: Float64[np.ndarray, "observers images"], weights: Float64[np.ndarray, "draws observers"]
) -> Float64[np.ndarray, "draws images"]:
    """The mean opinion of every resample; observers who did not see an image do not count for it."""
    seen = np.isfinite(opinions)
    with np.errstate(invalid="ignore"):
        return (weights @ np.where(seen, opinions, 0.0)) / (weights @ seen.astype(np.float64))


def limits(
    values: Float64[np.ndarray, " images"], draws: Float64[np.ndarray, "draws images"], observers: int
) -> tuple[Float64[np.ndarray, " images"], Float64[np.ndarray, " images"]]:
    """The lower and upper ends of 95 % intervals; NaN for fewer than two observers.

    They reach from the value as far as Student's t with observers - 1 degrees of freedom says, with the standard errors
    of `errors`, one below and one above. Percentiles of the resamples would be too narrow for few observers, and would
    count twice by how much scores lie too far apart. `experiments/studies/coverage.py` measures what they hold.
    """
    from scipy.stats import t

    if observers < 2:
        nothing = np.full(len(values), np.nan)
        return nothing, nothing.copy()
    reach = float(t.ppf((1 + LEVEL) / 2, observers - 1))
    below, above = errors(draws, observers)
    return values - reach * below, values + reach * above


def errors(
    draws: Float64[np.ndarray, "draws images"], observers: int
) -> tuple[Float64[np.ndarray, " images"], Float64[np.ndarray, " images"]]:
    """Standard errors below and above: root mean squares of the resamples on either side of their median.

    They differ for an image that nearly always wins: how much better than the others it is has no end, that it is
    better is sure. Widened by sqrt(n / (n - 1)), since a resample of n observers varies less than n new ones.
    """
    away = draws - np.nanmedian(draws, axis=0)
    widened = observers / (observers - 1)
    below, above = (
        np.sqrt(2 * widened * np.nanmean(part**2, axis=0)) for part in (away.clip(max=0), away.clip(min=0))
    )
    return below, above


def differences(
    conditions: tuple[str, ...],
    scores: Float64[np.ndarray, " images"],
    draws: Float64[np.ndarray, "draws images"],
    observers: int,
    groups: Sequence[Members],
) -> list[Difference]:
    """All pairs of a group, the better one first, from the largest difference to the smallest; none for a single
    observer, and none between groups that no vote connects: how far these are apart nobody said.

    The standard error comes from the resamples of the difference, so that what two scores share does not count, and
    from their lower side, where no difference lies. The test is Student's t with observers - 1 degrees of freedom,
    Holm's correction is over all pairs, and intervals are those of `limits`.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    from scipy.stats import t

    if observers < 2:
        return []
    first, second = np.triu_indices(len(scores), 1)
    group = np.zeros(len(scores), dtype=np.int64)
    for number, members in enumerate(groups, 1):
        group[members] = number
    known = (group[first] == group[second]) & (group[first] > 0)
    first, second = first[known], second[known]
    swap = scores[first] < scores[second]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    distance = scores[first] - scores[second]
    resampled = draws[:, first] - draws[:, second]
    low, high = limits(distance, resampled, observers)
    below = np.maximum(errors(resampled, observers)[0], 1e-12)
    p = 2 * t.sf(distance / below, observers - 1)
    columns = (distance, low, high, p, holm(p))
    return [
        Difference(
            int(group[first[k]]),
            conditions[first[k]],
            conditions[second[k]],
            *(float(column[k]) for column in columns),
        )
        for k in np.argsort(-distance)
    ]


def holm(p: np.ndarray) -> np.ndarray:
    """p-values corrected for all of them together."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
