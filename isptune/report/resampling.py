"""How sure a mean over a few repeats is, and which differences are larger than chance. All seeded.

Intervals are percentile bootstrap intervals (Efron 1979, Bootstrap methods: another look at the jackknife).
Whether a paired difference is larger than chance is decided by a sign-flip test (Fisher 1935, The design of
experiments), not by whether the bootstrap interval holds 0: with three repeats that all point the same way
the interval never holds 0, while chance alone does that one time in four. The flip test is exact at any
number of repeats, and says by itself when there are too few. Holm 1979, A simple sequentially rejective
multiple test procedure, keeps the chance of any false claim at 5 % over all pairs.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from isptune.runs.answer import Interval

RESAMPLES = 10_000
LEVEL = 0.05
EXACT_UP_TO = 16
"""Repeats for which all 2^n sign patterns are tried; beyond that, as many random ones as resamples."""


def mean_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean with its 95 % bootstrap interval; NaN limits where there is only one value, or none."""
    data = np.array(values, dtype=np.float64)
    if data.size < 2:
        return Interval(float(data[0]) if data.size else math.nan, math.nan, math.nan, int(data.size))
    draws = np.random.default_rng(seed).integers(0, data.size, (RESAMPLES, data.size))
    low, high = np.quantile(data[draws].mean(axis=1), [LEVEL / 2, 1 - LEVEL / 2])
    return Interval(float(data.mean()), float(low), float(high), int(data.size))


def sign_flip_p(differences: Sequence[float], seed: int = 0) -> float:
    """The chance that differences without any true direction have a mean as far from 0, on either side."""
    data = np.array(differences, dtype=np.float64)
    if data.size == 0 or not data.any():
        return 1.0
    means = np.abs(_sign_patterns(data.size, seed) @ data) / data.size
    # Patterns that are equal but for rounding count as equal.
    reached = means >= abs(data.mean()) - 1e-12 * np.abs(data).max()
    if data.size <= EXACT_UP_TO:
        return float(reached.mean())
    return float((reached.sum() + 1) / (reached.size + 1))


def smallest_p(repeats: int, pairs: int) -> float:
    """The smallest Holm-corrected p that so many repeats can give for the clearest of so many pairs."""
    return min(1.0, pairs * 2.0 / 2.0**repeats)


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p values, in the order given: each may be held against 0.05 by itself."""
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def _sign_patterns(count: int, seed: int) -> Float64[np.ndarray, "patterns {count}"]:
    if count <= EXACT_UP_TO:
        bits = np.arange(2**count)[:, None] >> np.arange(count) & 1
    else:
        bits = np.random.default_rng(seed).integers(0, 2, (RESAMPLES, count))
    return 1.0 - 2.0 * bits
