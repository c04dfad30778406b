"""The same numbers as pwcmp gives, to compare with studies that were scaled by it.

pwcmp maximises the likelihood of Thurstone's Case V with a prior that keeps unanimous pairs from drifting apart; ours
(`isptune.study.scale.scale`) has a weak prior on the scores instead and models ties.

Source: Perez-Ortiz and Mantiuk 2017, A practical guide and software for analysing pairwise comparison experiments,
arXiv:1712.03686, and the behaviour of their program as of 2023 with its default prior, `gaussian` (its default since
April 2020; `bounded`, before, was taken out in 2023). Their program climbs by a gradient in which a small constant,
1e-8, hides what is smaller, and so stops up to 0.011 JOD beside the maximum of its own function on their example of
tone mapping; here it is the maximum.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from isptune.study.scale.posterior import JOD_SIGMA

PRIOR = "gaussian"
"""What pwcmp calls the prior that it has here; results name it."""

DENSE = 0.5
"""From this share of pairs on which observers do not all agree, the scale is given. Below it the prior, which moves one
vote of every unanimous pair to the other side, outweighs the votes: where most pairs have one or two, all are so."""

PRIOR_FLOOR, MEAN_WEIGHT, TINY = 0.1, 0.01, 1e-8


def is_dense(wins: Float64[np.ndarray, "images images"]) -> bool:
    """Whether pwcmp's prior is made for such a table; see `DENSE`."""
    total = np.triu(wins + wins.T, 1)
    disputed = np.triu((wins > 0) & (wins.T > 0), 1)
    return bool(disputed.sum() >= DENSE * (total > 0).sum())


def pwcmp_scale(wins: Float64[np.ndarray, "images images"]) -> Float64[np.ndarray, " images"]:
    """Scores in JOD with mean 0.

    The prior of a distance is the sum, over all pairs, of how likely the pair's votes are at that distance, in parts of
    how likely they are at the distances of all pairs; of unanimous pairs one vote is moved to the other side before.
    Both orders of a pair are summed, as there.

    Args:
        wins: [i, j] is how often i was preferred to j; pwcmp takes whole numbers only, ties are to be split.
    """
    from scipy.optimize import minimize

    unanimous = (wins > 0) ^ (wins.T > 0)
    linked = _linked(wins)
    moved = np.where(unanimous, np.where(linked > 0, linked - 1, 1.0), linked)
    first, second = np.nonzero(linked + linked.T)
    won, lost = linked[first, second], linked[second, first]
    kinds = _Kinds.of(won + lost, moved[first, second])
    images = len(wins)

    def loss(scores: np.ndarray) -> tuple[float, np.ndarray]:
        at = _Distances.of(scores[first] - scores[second])
        prior, bend = _log_prior(at, kinds)
        value = float((won * at.up + lost * at.down).sum()) + prior
        pull = won * at.up_slope - lost * at.down_slope + bend
        gradient = np.bincount(first, pull, images) - np.bincount(second, pull, images)
        mean = scores.mean()
        return MEAN_WEIGHT * mean**2 - value, 2 * MEAN_WEIGHT * mean / images - gradient

    found = minimize(
        loss,
        np.zeros(images),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-7, "ftol": 1e-15, "maxcor": 30},
    )
    return found.x - found.x.mean()


class _Distances(NamedTuple):
    """Of ordered pairs: the logarithms of the chances that the first and the second is preferred, and their slopes."""

    up: np.ndarray
    down: np.ndarray
    up_slope: np.ndarray
    down_slope: np.ndarray

    @staticmethod
    def of(distance: np.ndarray) -> "_Distances":
        from scipy.special import log_ndtr

        z = distance / JOD_SIGMA
        up, down = log_ndtr(z), log_ndtr(-z)
        log_density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
        return _Distances(
            up, down, np.exp(log_density - up) / JOD_SIGMA, np.exp(log_density - down) / JOD_SIGMA
        )


class _Kinds(NamedTuple):
    """Ordered pairs with the same votes, once each: how often the first won and lost, and how many there are."""

    won: np.ndarray
    lost: np.ndarray
    often: np.ndarray

    @staticmethod
    def of(total: np.ndarray, won: np.ndarray) -> "_Kinds":
        kinds, often = np.unique(np.stack([won, total - won]), axis=1, return_counts=True)
        return _Kinds(kinds[0], kinds[1], often)


def _log_prior(at: _Distances, kinds: _Kinds) -> tuple[float, np.ndarray]:
    """The sum of the priors' logarithms, and its slope by the distance of each ordered pair."""
    likely = np.exp(np.outer(at.up, kinds.won) + np.outer(at.down, kinds.lost))  # [pair, kind]
    slope = likely * (np.outer(at.up_slope, kinds.won) - np.outer(at.down_slope, kinds.lost))
    whole = likely.sum(0) + TINY
    prior = ((likely + TINY) / whole) @ kinds.often + PRIOR_FLOOR
    shared = ((likely + TINY) / prior[:, None]).sum(0) / whole**2
    bend = (slope * (kinds.often * (1 / (prior[:, None] * whole) - shared))).sum(1)
    return float(np.log(prior).sum()), bend


def _linked(wins: np.ndarray) -> np.ndarray:
    """Where votes do not connect all images, the best ones of the parts are taken for equal, as pwcmp does."""
    from scipy.sparse.csgraph import connected_components

    parts, group = connected_components(wins + wins.T > 0, directed=False)
    if parts == 1:
        return wins
    wins = wins.copy()
    total = wins + wins.T
    share = np.divide(wins, total, out=np.full_like(wins, 0.5), where=total > 0)
    standing = (np.arcsin(np.sqrt(share)) * 12 / np.pi - 3).sum(1)
    best = [max(np.flatnonzero(group == part), key=lambda image: standing[image]) for part in range(parts)]
    for k, i in enumerate(best):
        for j in best[k + 1 :]:
            wins[i, j] = wins[j, i] = 1.0
    return wins
