"""Which observers answer otherwise than all others. Nobody is left out silently: scores are reported both ways."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isptune.study.scale.posterior import JOD_SIGMA
from isptune.study.scale.scale import count, fit, halved, win_shares
from isptune.study.votes.comparisons import Comparisons

FENCE = 1.5
"""Customary distance below the lower quartile, in interquartile ranges, from which an observer is looked at."""

FAR_SHARE, ONE_SIDED = 0.05, 0.3
"""ITU-R BT.500: more than 5 % of the opinions far off, and these not mostly on one side."""


@dataclass(frozen=True)
class Screening:
    """What the two tests say of one observer.

    Attributes:
        log_likelihood: nats a vote, of this observer's votes given the scale of all others.
        distance: below the lower quartile of all observers, in interquartile ranges; 0 within the quartiles.
        too_high: opinions far above the mean of all observers.
        too_low: opinions far below it.
        opinions: how many there were.
    """

    log_likelihood: float
    distance: float
    too_high: int
    too_low: int
    opinions: int

    @property
    def unlikely(self) -> bool:
        """The likelihood test, as in pwcmp."""
        return self.distance > FENCE

    @property
    def erratic(self) -> bool:
        """The test of ITU-R BT.500."""
        return is_erratic(self.too_high, self.too_low, self.opinions)

    @property
    def flagged(self) -> bool:
        return self.unlikely or self.erratic


def is_erratic(too_high: int, too_low: int, opinions: int) -> bool:
    """The test of ITU-R BT.500 (annex 1, 2.3.1): many opinions far off, in both directions."""
    far = too_high + too_low
    return far > FAR_SHARE * opinions and abs(too_high - too_low) < ONE_SIDED * far


def far_off(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which opinions on an image lie far above their mean, and which far below; none where there are fewer than three.

    Far is 2 standard deviations where the opinions look normal (kurtosis 2 to 4), else sqrt(20).
    """
    if len(values) < 3 or not values.std() > 0:
        nothing = np.zeros(len(values), dtype=bool)
        return nothing, nothing
    away = values - values.mean()
    kurtosis = float((away**4).mean() / (away**2).mean() ** 2)
    reach = (2.0 if 2 <= kurtosis <= 4 else math.sqrt(20)) * values.std(ddof=1)
    return away >= reach, away <= -reach


def screen(tables: Mapping[str, Comparisons]) -> dict[int, Screening]:
    """Both tests over all scenes, by the observers' ids.

    Sources: Perez-Ortiz and Mantiuk 2017, A practical guide and software for analysing pairwise comparison experiments,
    arXiv:1712.03686; Recommendation ITU-R BT.500-14, annex 1, 2.3.1, applied to the opinion scores that pairs give.
    """
    likelihoods = _likelihoods(tables)
    known = [value for value in likelihoods.values() if not math.isnan(value)]
    low, high = np.quantile(known, [0.25, 0.75]) if known else (math.nan, math.nan)
    far = _far_opinions(tables)
    found = {}
    for observer in sorted(far):
        value = likelihoods[observer]
        below = (low - value) / (high - low) if value < low and high > low else 0.0
        found[observer] = Screening(value, float(below), *far[observer])
    return found


def _likelihoods(tables: Mapping[str, Comparisons]) -> dict[int, float]:
    """Log likelihood of each observer's votes given the others' scale, a vote; ties are half a win each.

    With the binomial factor, as in pwcmp: it counts where a pair was voted on twice.
    """
    total: dict[int, float] = {}
    votes: dict[int, int] = {}
    for table in tables.values():
        for observer in table.observers:
            own, others = table.only([observer]), table.without([observer])
            votes[observer] = votes.get(observer, 0) + len(own.share)
            value = _log_likelihood(own, others) if len(others.share) else math.nan
            total[observer] = total.get(observer, 0.0) + value
    return {observer: total[observer] / votes[observer] for observer in total}


def _log_likelihood(own: Comparisons, others: Comparisons) -> float:
    from scipy.special import gammaln, log_ndtr

    scores = fit(halved(count(others))).scores
    wins = own.wins()
    first, second = np.nonzero(np.triu(wins + wins.T, 1))
    won, lost = wins[first, second], wins[second, first]
    z = (scores[first] - scores[second]) / JOD_SIGMA
    ways = gammaln(won + lost + 1) - gammaln(won + 1) - gammaln(lost + 1)
    return float((ways + won * log_ndtr(z) + lost * log_ndtr(-z)).sum())


def _far_opinions(tables: Mapping[str, Comparisons]) -> dict[int, tuple[int, int, int]]:
    """For each observer how many opinions lie far above and far below the mean, and how many there are."""
    found: dict[int, tuple[int, int, int]] = {}
    for table in tables.values():
        opinions = win_shares(table)
        high, low = np.zeros(opinions.shape, dtype=bool), np.zeros(opinions.shape, dtype=bool)
        for image in range(table.images):
            seen = np.isfinite(opinions[:, image])
            high[seen, image], low[seen, image] = far_off(opinions[seen, image])
        for k, observer in enumerate(table.observers):
            before = found.get(observer, (0, 0, 0))
            now = (int(high[k].sum()), int(low[k].sum()), int(np.isfinite(opinions[k]).sum()))
            found[observer] = (before[0] + now[0], before[1] + now[1], before[2] + now[2])
    return found
