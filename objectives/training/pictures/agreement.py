"""How well scores agree with people's, with bootstrap intervals.

Sources: Spearman 1904, The proof and measurement of association between two things; Efron 1979, Bootstrap methods:
another look at the jackknife.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.stats import rankdata

RESAMPLES = 2000
LEVEL = 0.05

Rows = Float[np.ndarray, "rows pictures"]
Correlation = Callable[[Rows, Rows], Float64[np.ndarray, " rows"]]


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def linear_correlation(predicted: Rows, opinions: Rows) -> Float64[np.ndarray, " rows"]:
    """Pearson's, row by row; 0 where either side is constant."""
    a, b = (x - x.mean(1, keepdims=True) for x in (predicted.astype(np.float64), opinions.astype(np.float64)))
    scale = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    return np.divide((a * b).sum(1), scale, out=np.zeros(len(a)), where=scale > 1e-12)


def rank_correlation(predicted: Rows, opinions: Rows) -> Float64[np.ndarray, " rows"]:
    """Spearman's, row by row; ties have their mean rank."""
    return linear_correlation(rankdata(predicted, axis=1), rankdata(opinions, axis=1))


def resamples(pictures: int, seed: int) -> np.ndarray:
    """Rows of picture numbers, drawn with replacement: the same for all that are to be compared in pairs."""
    return np.random.default_rng(seed).integers(0, pictures, (RESAMPLES, pictures))


def over_samples(
    correlation: Correlation,
    predicted: Float[np.ndarray, "runs pictures"],
    opinions: Float[np.ndarray, " pictures"],
    samples: np.ndarray,
) -> Float64[np.ndarray, " samples"]:
    """A correlation in each resample, averaged over the runs (of a training with several seeds)."""
    drawn = opinions[samples]
    return np.mean([correlation(run[samples], drawn) for run in predicted], axis=0)


def estimate(
    correlation: Correlation,
    predicted: Float[np.ndarray, "runs pictures"],
    opinions: Float[np.ndarray, " pictures"],
    samples: np.ndarray,
) -> Estimate:
    """The mean correlation of the runs."""
    value = float(np.mean([correlation(run[None], opinions[None])[0] for run in predicted]))
    return _estimate(value, over_samples(correlation, predicted, opinions, samples))


def difference(
    correlation: Correlation,
    first: Float[np.ndarray, "runs pictures"],
    second: Float[np.ndarray, "other_runs pictures"],
    opinions: Float[np.ndarray, " pictures"],
    samples: np.ndarray,
) -> Estimate:
    """By how much the first agrees better, in the same resamples: a paired interval."""
    one, two = (estimate(correlation, runs, opinions, samples).value for runs in (first, second))
    drawn = [over_samples(correlation, runs, opinions, samples) for runs in (first, second)]
    return _estimate(one - two, drawn[0] - drawn[1])


def _estimate(value: float, drawn: Float64[np.ndarray, " samples"]) -> Estimate:
    low, high = np.quantile(drawn, [LEVEL / 2, 1 - LEVEL / 2])
    return Estimate(value, float(low), float(high))
