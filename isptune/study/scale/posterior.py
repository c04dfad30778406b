"""What is known of the scores of a scene's images after some votes, and what one more vote would tell."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

JOD_SIGMA = 1.4826
"""Of the difference of two impressions, in JOD: at a distance of 1 JOD, 75 % prefer the better one.

Source: Perez-Ortiz and Mantiuk 2017, A practical guide and software for analysing pairwise comparison experiments,
arXiv:1712.03686.
"""

PRIOR_JOD = 3.0
"""Standard deviation of scores before any vote."""

STEPS, TOLERANCE = 50, 1e-8
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(21)


@dataclass(frozen=True)
class Posterior:
    """A Gaussian over the scores: mean in JOD and covariance in JOD^2."""

    mean: Float64[np.ndarray, " images"]
    covariance: Float64[np.ndarray, "images images"]

    @classmethod
    def of_wins(cls, wins: Float64[np.ndarray, "images images"]) -> "Posterior":
        """Laplace's approximation at the most probable scores: Thurstone's Case V with a Gaussian prior.

        Args:
            wins: [i, j] is how often i was preferred to j; a tie counts half for each.
        """
        images = len(wins)
        prior = np.eye(images) / PRIOR_JOD**2
        mean, information = np.zeros(images), prior
        for _ in range(STEPS):
            gradient, information = _derivatives(mean, wins)
            information = information + prior
            step = np.linalg.solve(information, gradient - mean / PRIOR_JOD**2)
            mean = mean + step * min(1.0, 3.0 / max(np.abs(step).max(), 1e-300))
            if np.abs(step).max() < TOLERANCE:
                break
        return cls(mean, np.linalg.inv(information))


def information_gain(posterior: Posterior) -> Float64[np.ndarray, "images images"]:
    """How many nats one answer tells of the scores, for every pair; the diagonal is 0.

    It is the mutual information of answer and scores. An answer depends on the difference of two scores only, which is
    Gaussian, so the expectation over it is one integral a pair, taken with 21 nodes.

        (1)  I = H(E[p]) - E[H(p)],    p = Phi(d / JOD_SIGMA)        entropy of the mean answer, less the mean entropy
        (2)  d ~ N(m_i - m_j, C_ii + C_jj - 2 C_ij)                  the difference of two scores, a posteriori

    Source: the criterion of Mikhailiuk et al. 2021, arXiv:2004.05691 (the expected divergence of the new from the old
    posterior), in the form of Houlsby, Huszar, Ghahramani and Lengyel 2011, Bayesian Active Learning for Classification
    and Preference Learning, arXiv:1112.5745. The numbers are this page's.
    """
    from scipy.special import ndtr

    mean = posterior.mean[:, None] - posterior.mean[None, :]
    spread = np.diag(posterior.covariance)
    variance = spread[:, None] + spread[None, :] - 2 * posterior.covariance
    difference = mean[..., None] + np.sqrt(np.maximum(variance, 0))[..., None] * _NODES  # (2)
    weights = _WEIGHTS / _WEIGHTS.sum()
    probability = ndtr(difference / JOD_SIGMA)
    gain = _entropy(probability @ weights) - _entropy(probability) @ weights  # (1)
    np.fill_diagonal(gain, 0.0)
    return np.maximum(gain, 0.0)


def _derivatives(
    scores: Float64[np.ndarray, " images"], wins: Float64[np.ndarray, "images images"]
) -> tuple[Float64[np.ndarray, " images"], Float64[np.ndarray, "images images"]]:
    """Gradient of the log likelihood and the observed information, its negative second derivative."""
    from scipy.special import log_ndtr

    z = (scores[:, None] - scores[None, :]) / JOD_SIGMA
    hazard = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(z)) / JOD_SIGMA
    pull = wins * hazard
    curvature = wins * hazard * (hazard + z / JOD_SIGMA)
    gradient = pull.sum(1) - pull.sum(0)
    pairwise = curvature + curvature.T
    return gradient, np.diag(pairwise.sum(1)) - pairwise


def _entropy(probability: np.ndarray) -> np.ndarray:
    from scipy.special import entr

    return entr(probability) + entr(1 - probability)
