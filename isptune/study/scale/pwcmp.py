"""The same numbers as pwcmp gives, to compare with studies that were scaled by it.

pwcmp maximises the likelihood of Thurstone's Case V with a prior that keeps unanimous pairs from drifting apart; ours
(`isptune.study.scale.scale`) has a weak prior on the scores instead and models ties.

Source: Perez-Ortiz and Mantiuk 2017, A practical guide and software for analysing pairwise comparison experiments,
arXiv:1712.03686, and the behaviour of their program as of 2021 with its default prior, `bounded`.
"""

import numpy as np
from jaxtyping import Float64

from isptune.study.scale.posterior import JOD_SIGMA

DENSE = 0.5
"""From this share of pairs on which observers do not all agree, the scale is given. Below it the prior, which pulls at
unanimous pairs, outweighs the votes: where most pairs have one or two votes, all of these are unanimous."""

PRIOR_FLOOR, MEAN_WEIGHT = 0.1, 0.01
_SMALLEST = 1e-300


def is_dense(wins: Float64[np.ndarray, "images images"]) -> bool:
    """Whether pwcmp's prior is made for such a table; see `DENSE`."""
    total = np.triu(wins + wins.T, 1)
    disputed = np.triu((wins > 0) & (wins.T > 0), 1)
    return bool(disputed.sum() >= DENSE * (total > 0).sum())


def pwcmp_scale(wins: Float64[np.ndarray, "images images"]) -> Float64[np.ndarray, " images"]:
    """Scores in JOD with mean 0.

    For a pair on which all agree, the prior of its distance is bounded by the range of all scores: 1/n - c/n^2 with n
    the range plus 1 and c the number of votes for the first; both orders of a pair are summed, as there.

    Args:
        wins: [i, j] is how often i was preferred to j; pwcmp takes whole numbers only, ties are to be split.
    """
    from scipy.optimize import minimize

    wins = _linked(wins)
    first, second = np.nonzero(wins + wins.T)
    won, lost = wins[first, second], wins[second, first]
    unanimous = (won == 0) | (lost == 0)
    images = len(wins)

    def loss(scores: np.ndarray) -> tuple[float, np.ndarray]:
        value, pull = _likelihood(scores[first] - scores[second], won, lost)
        top, bottom = int(scores.argmax()), int(scores.argmin())
        reach = scores[top] - scores[bottom] + 1
        prior = np.where(unanimous, np.maximum(1 / reach - won / reach**2, 0.0), 1.0)
        bend = np.where(unanimous & (prior > 0), 2 * won / reach**3 - 1 / reach**2, 0.0)
        gradient = np.bincount(first, pull, images) - np.bincount(second, pull, images)
        by_reach = float((bend / (prior + PRIOR_FLOOR)).sum())
        gradient[top] += by_reach
        gradient[bottom] -= by_reach
        mean = scores.mean()
        total = value + float(np.log(prior + PRIOR_FLOOR).sum()) - MEAN_WEIGHT * mean**2
        return -total, -(gradient - 2 * MEAN_WEIGHT * mean / images)

    found = minimize(loss, np.zeros(images), jac=True, method="BFGS", options={"gtol": 1e-7})
    return found.x - found.x.mean()


def _likelihood(distance: np.ndarray, won: np.ndarray, lost: np.ndarray) -> tuple[float, np.ndarray]:
    """Log likelihood and its slope by the distance of each ordered pair."""
    from scipy.special import log_ndtr

    z = distance / JOD_SIGMA
    up, down = log_ndtr(z), log_ndtr(-z)
    log_density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    slope = (won * np.exp(log_density - up) - lost * np.exp(log_density - down)) / JOD_SIGMA
    return float((won * up + lost * down).sum()), slope


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
