"""The likelihood of votes under a scale, for a batch of vote counts at once, and where it is highest.

A point is a row of numbers: the scores in JOD, then the tie threshold where there are ties, then the side bias where it
is asked for. With d = score of the first - score of the second + side bias and t the threshold, the answers have the
chances F(d - t) for first, F(-d - t) for second, and the rest for no difference; F is the normal distribution
(Thurstone, Glenn and David) or the logistic one (Bradley and Terry, Rao and Kupper), scaled so that 1 JOD is 75 %.
"""

import math
from typing import Literal, final

import numpy as np
from jaxtyping import Float64

from isptune.study.scale.posterior import JOD_SIGMA

Model = Literal["thurstone", "bradley-terry"]

PRIOR_JOD = 10.0
"""Standard deviation of a weak prior on scores: it keeps finite the score of an image that always or never wins."""

STEPS, HALVINGS, TOLERANCE = 100, 30, 1e-9
EARLY, LONGEST = 0.1, 1.0
"""Where bias is reduced: from which step, JOD, on, and how long a step may be."""

_FLOOR = 1e-300

FAINT = 1e-8
"""Information on a nuisance parameter that the votes say nothing of, JOD^-2."""

SMALLEST_THRESHOLD = 1e-6
"""Of differences that are seen, JOD; nearer to 0 the chance of a tie is lost in rounding."""

Points = Float64[np.ndarray, "batch params"]
Values = Float64[np.ndarray, " batch"]


@final
class Likelihood:
    """Penalised log likelihood, and Fisher scoring on it.

    Args:
        images: how many there are.
        first: of each ordered pair, the image on the left; every ordered pair stands there once.
        second: the one on the right.
        counts: how often the answer was first, none, second.
        model: `thurstone` or `bradley-terry`.
        side_bias: whether it is estimated.
        prior_jod: standard deviation of a Gaussian prior on the scores; infinite for none.
        reduce_bias: whether to take off the bias of the most likely scores, which lie too far apart (by 5 % for 100
            images over 6 JOD with 135 votes each). The gradient gets half the leverage of every pair times F''/F'.

    Source: Kosmidis and Firth 2009, Bias reduction in exponential family nonlinear models, doi:10.1093/biomet/asp055:
    mean bias of binomial models, applied to the distances here as if the threshold were known.
    """

    def __init__(
        self,
        images: int,
        first: np.ndarray,
        second: np.ndarray,
        counts: Float64[np.ndarray, "batch pairs 3"],
        model: Model,
        side_bias: bool = False,
        prior_jod: float = PRIOR_JOD,
        reduce_bias: bool = False,
    ):
        self.images, self.first, self.second, self.counts = images, first, second, counts
        self.unit = 1 / JOD_SIGMA if model == "thurstone" else math.log(3)
        self.logistic = model == "bradley-terry"
        self.precision = prior_jod**-2
        self.ties = bool(counts[:, :, 1].any())
        self.side_bias = side_bias
        self.reduce_bias = reduce_bias
        self.seen = counts.sum(2)
        # [pair, image]: +1 for the first, -1 for the second.
        self.signs = np.zeros((len(first), images))
        self.signs[np.arange(len(first)), first] = 1.0
        self.signs[np.arange(len(first)), second] = -1.0

    def start(self, scores: np.ndarray, threshold: float, bias: float) -> Points:
        """The same point for the whole batch."""
        point = [*scores, *[threshold] * self.ties, *[bias] * self.side_bias]
        return np.tile(np.array(point), (len(self.counts), 1))

    def parts(self, point: Points) -> tuple[np.ndarray, Values, Values]:
        """Scores [batch, images], thresholds and side biases."""
        none = np.zeros(len(point))
        threshold = point[:, self.images] if self.ties else none
        return point[:, : self.images], threshold, point[:, -1] if self.side_bias else none

    def maximise(self, point: Points, tolerance: float) -> Points:
        """Climb until the largest part of a step is below `tolerance`, JOD, everywhere in the batch."""
        value = self._value(point)
        for _ in range(STEPS):
            point, value, moved = self._walk(point, value, self._step(point))
            if moved < (EARLY if self.reduce_bias else tolerance):
                break
        return self._without_bias(point, tolerance) if self.reduce_bias else point

    def _without_bias(self, point: Points, tolerance: float) -> Points:
        """Where the corrected gradient is zero; there is no value to climb, so that steps are only kept short."""
        images = self.images
        for _ in range(STEPS):
            gradient, information, weight = self._penalised(point)
            inverse = np.linalg.inv(information)
            spread = self._spread(inverse)
            scores, _, bias = self.parts(point)
            z = self.unit * (scores[:, self.first] - scores[:, self.second] + bias[:, None])
            bend = 1 - 2 * self._cdf(z) if self.logistic else -z
            pull = 0.5 * self.unit * weight * spread * bend
            gradient[:, :images] += pull @ self.signs
            if self.side_bias:
                gradient[:, -1] += pull.sum(1)
            step = np.einsum("bij,bj->bi", inverse, gradient)
            step *= np.minimum(1.0, LONGEST / np.maximum(np.abs(step).max(1, keepdims=True), 1e-300))
            point = self._allowed(point + step)
            if np.abs(step).max() < tolerance:
                break
        return point

    def _spread(self, covariance: np.ndarray) -> np.ndarray:
        """The variance of each pair's distance."""
        own = np.diagonal(covariance, axis1=1, axis2=2)
        first, second = self.first, self.second
        spread = own[:, first] + own[:, second] - 2 * covariance[:, first, second]
        if self.side_bias:
            spread = spread + own[:, -1:] + 2 * (covariance[:, first, -1] - covariance[:, second, -1])
        return spread

    def log_likelihood(self, point: Points) -> Values:
        """Of the votes, in nats, without the prior."""
        chances, _ = self._chances(point)
        return (self.counts * np.log(np.maximum(chances, _FLOOR))).sum((1, 2))

    def _value(self, point: Points) -> Values:
        scores, threshold, _ = self.parts(point)
        value = self.log_likelihood(point) - self.precision * (scores**2).sum(1) / 2
        return np.where(threshold > 0, value, -np.inf) if self.ties else value

    def _walk(self, point: Points, value: Values, step: Points) -> tuple[Points, Values, float]:
        """Go along the steps, each halved until its value does not fall; the last part is the largest move."""
        size = np.abs(step).max(1)
        length = np.minimum(1.0, 5.0 / np.maximum(size, 1e-300))
        falls = np.zeros(len(point), dtype=bool)
        for _ in range(HALVINGS):
            there = self._allowed(point + length[:, None] * step)
            found = self._value(there)
            falls = found < value - 1e-12 * np.abs(value)
            if not falls.any():
                return there, found, float((length * size).max())
            length = np.where(falls, length / 2, length)
        length = np.where(falls, 0.0, length)
        there = self._allowed(point + length[:, None] * step)
        return there, self._value(there), float((length * size).max())

    def _allowed(self, point: Points) -> Points:
        """The point with its tie threshold kept off 0, where a resample without ties would lead it."""
        if self.ties:
            point[:, self.images] = np.maximum(point[:, self.images], SMALLEST_THRESHOLD)
        return point

    def _step(self, point: Points) -> Points:
        gradient, information, _ = self._penalised(point)
        return np.linalg.solve(information, gradient[..., None])[..., 0]

    def _penalised(self, point: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradient and expected information with the prior, and what each pair adds to the latter."""
        gradient, information, weight = self._slopes(point)
        images = self.images
        # The common shift of all scores is unknown; a term on their mean fixes it and moves nothing else.
        information[:, :images, :images] += self.precision * np.eye(images) + 1.0 / images
        # Tie threshold and side bias have no prior. Where one side always wins, nothing bounds the latter, and the
        # information of both fades: so little keeps a step finite, and moves no estimate that has votes to stand on.
        others = np.arange(images, information.shape[1])
        information[:, others, others] += FAINT
        scores = point[:, :images]
        gradient[:, :images] -= self.precision * scores + scores.mean(1, keepdims=True)
        return gradient, information, weight

    def _chances(self, point: Points) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Of first, none, second for every pair, and the densities at the lower and the upper threshold."""
        scores, threshold, bias = self.parts(point)
        distance = scores[:, self.first] - scores[:, self.second] + bias[:, None]
        low = self.unit * (distance - threshold[:, None])
        high = self.unit * (distance + threshold[:, None])
        above, below = self._cdf(low), self._cdf(-high)
        none = np.zeros_like(above)
        if self.ties:
            # From the nearer tail: 1 - above - below would be 0, not small, for images that lie far apart.
            near, far = np.where(distance[None] > 0, [-high, -low], [low, high])
            none = np.maximum(self._cdf(far) - self._cdf(near), 0.0)
        return np.stack([above, none, below], 2), (self._density(low), self._density(high))

    def _slopes(self, point: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradient and expected information of the log likelihood, and each pair's information on its distance."""
        chances, (low, high) = self._chances(point)
        chances = np.maximum(chances, _FLOOR)
        by_distance = self.unit * np.stack([low, high - low, -high], 2)
        by_threshold = self.unit * np.stack([-low, high + low, -high], 2)
        if not self.ties:
            by_distance[:, :, 1] = by_threshold[:, :, 1] = 0.0
        relative, other = by_distance / chances, by_threshold / chances
        pull, tie_pull = (self.counts * relative).sum(2), (self.counts * other).sum(2)
        weight = self.seen * (relative * by_distance).sum(2)
        mixed = self.seen * (relative * by_threshold).sum(2)
        tie_weight = self.seen * (other * by_threshold).sum(2)
        extra = [tie_pull.sum(1)] * self.ties + [pull.sum(1)] * self.side_bias
        gradient = np.concatenate([pull @ self.signs, *(part[:, None] for part in extra)], 1)
        return gradient, self._information(weight, mixed, tie_weight), weight

    def _information(self, weight: np.ndarray, mixed: np.ndarray, tie_weight: np.ndarray) -> np.ndarray:
        images, columns = self.images, [mixed] * self.ties + [weight] * self.side_bias
        whole = np.zeros((len(weight), images + len(columns), images + len(columns)))
        table = np.zeros((len(weight), images, images))
        table[:, self.first, self.second] = weight
        table = table + table.transpose(0, 2, 1)
        whole[:, :images, :images] = -table
        place = np.arange(images)
        whole[:, place, place] = table.sum(2)
        for k, column in enumerate(columns, images):
            whole[:, :images, k] = whole[:, k, :images] = column @ self.signs
        if self.ties:
            whole[:, images, images] = tie_weight.sum(1)
        if self.side_bias:
            whole[:, -1, -1] = weight.sum(1)
        if self.ties and self.side_bias:
            whole[:, -1, images] = whole[:, images, -1] = mixed.sum(1)
        return whole

    def _cdf(self, z: np.ndarray) -> np.ndarray:
        from scipy.special import expit, ndtr

        return expit(z) if self.logistic else ndtr(z)

    def _density(self, z: np.ndarray) -> np.ndarray:
        if self.logistic:
            return self._cdf(z) * self._cdf(-z)
        return np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
