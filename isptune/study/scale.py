"""From votes to scores: mean opinion scores as DMC counts them, and scales by maximum likelihood.

Scales are in JOD (just-objectionable differences): of two images 1 JOD apart, 75 % of the answers prefer the better
one. Only differences mean something; the mean of a scene's scores is 0.

Sources: Thurstone 1927, A law of comparative judgment (Case V); Bradley and Terry 1952, Rank analysis of incomplete
block designs; for ties Glenn and David 1960, Ties in paired-comparison experiments using a modified Thurstone-Mosteller
model, and Rao and Kupper 1967, Ties in paired-comparison experiments: a generalization of the Bradley-Terry model; for
the unit Perez-Ortiz and Mantiuk 2017, A practical guide and software for analysing pairwise comparison experiments.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from isptune.study.comparisons import Comparisons
from isptune.study.posterior import JOD_SIGMA

Model = Literal["thurstone", "bradley-terry"]
Ties = Literal["threshold", "half"]

PRIOR_JOD = 10.0
"""Standard deviation of a weak prior on scores: it keeps finite the score of an image that always or never wins."""

MOS_TOP = 9.0
"""DMC's opinion scores go from 0 to 9: in how many of its nine pairs an image was better."""

STEPS, TOLERANCE = 100, 1e-9
_FLOOR = 1e-300


@dataclass(frozen=True, eq=False)
class Scale:
    """Scores and what the answers depend on besides them.

    Attributes:
        scores: JOD, mean 0.
        tie_threshold: differences felt to be smaller than this, in JOD, are answered "no difference"; 0 without ties.
        side_bias: so many JOD the left image has for free; 0 where it is not estimated.
        log_likelihood: of the votes, in nats, without the prior.
    """

    scores: Float64[np.ndarray, " images"]
    tie_threshold: float
    side_bias: float
    log_likelihood: float


@dataclass(frozen=True, eq=False)
class Tally:
    """Votes counted by ordered pair.

    Attributes:
        images: how many there are.
        first: of each ordered pair, the image on the left.
        second: the one on the right.
        counts: how often the answer was first, none, second.
    """

    images: int
    first: np.ndarray
    second: np.ndarray
    counts: Float64[np.ndarray, "pairs 3"]


def dmc_mos(table: Comparisons) -> Float64[np.ndarray, "observers images"]:
    """The opinion score of each observer for each image: 9 times the share of its pairs that it won.

    No difference counts half. With nine pairs an image, as in DMC, it is the number of wins. NaN for an image that the
    observer did not see. The mean opinion score is the mean over observers.

    Source: Rashidi et al. 2026, ScoreNet, supplement, section 2.
    """
    shape = (len(table.observers), table.images)
    points, pairs = np.zeros(shape), np.zeros(shape)
    for images, share in ((table.first, table.share), (table.second, 1 - table.share)):
        np.add.at(points, (table.observer, images), share)
        np.add.at(pairs, (table.observer, images), 1.0)
    with np.errstate(invalid="ignore"):
        return MOS_TOP * points / pairs


def fit(
    table: Comparisons | Tally,
    model: Model = "thurstone",
    ties: Ties = "threshold",
    side_bias: bool = False,
    prior_jod: float = PRIOR_JOD,
    start: Scale | None = None,
    tolerance: float = TOLERANCE,
) -> Scale:
    """The most likely scale, by Fisher scoring.

    Args:
        table: the votes.
        model: impressions with Gaussian noise (Thurstone's Case V) or logistic differences (Bradley-Terry).
        ties: `threshold` estimates how small a difference is not seen; `half` gives each image half a win.
        side_bias: whether to estimate how much the left side is preferred.
        prior_jod: of the weak Gaussian prior; infinite for none, which needs a connected table without images that
            always win.
        start: where to begin, to be faster.
        tolerance: the last step's largest part, JOD.
    """
    tally = table if isinstance(table, Tally) else count(table)
    if ties == "half":
        tally = halved(tally)
    problem = _Problem(tally, model, side_bias, prior_jod)
    point = problem.start(start)
    value = problem.value(point)
    for _ in range(STEPS):
        step = problem.step(point)
        point, value, moved = problem.walk(point, value, step)
        if moved < tolerance:
            break
    scores, threshold, bias = problem.parts(point)
    return Scale(scores - scores.mean(), threshold, bias, problem.log_likelihood(point))


def count(table: Comparisons, weights: Float64[np.ndarray, " observers"] | None = None) -> Tally:
    """Count the votes by ordered pair; `weights` is how often every observer counts, once if not given."""
    keys = table.first * table.images + table.second
    known, place = np.unique(keys, return_inverse=True)
    outcome = (2 - 2 * table.share).astype(np.int64)
    counted = None if weights is None else weights[table.observer]
    counts = np.bincount(place * 3 + outcome, weights=counted, minlength=3 * len(known)).astype(np.float64)
    return Tally(table.images, known // table.images, known % table.images, counts.reshape(-1, 3))


def halved(tally: Tally) -> Tally:
    """The same votes with every tie as half a win for each."""
    won, tied, lost = tally.counts.T
    return Tally(
        tally.images,
        tally.first,
        tally.second,
        np.stack([won + tied / 2, np.zeros_like(tied), lost + tied / 2], 1),
    )


def tally_of_wins(wins: Float64[np.ndarray, "images images"]) -> Tally:
    """A matrix of wins, [i, j] how often i was preferred to j, as a tally without ties and sides."""
    first, second = np.nonzero(np.triu(wins + wins.T, 1))
    won, lost = wins[first, second], wins[second, first]
    return Tally(len(wins), first, second, np.stack([won, np.zeros_like(won), lost], 1).astype(np.float64))


class _Problem:
    """The penalised likelihood over a point: scores, then tie threshold and side bias where they are asked for."""

    def __init__(self, tally: Tally, model: Model, side_bias: bool, prior_jod: float):
        self.tally = tally
        self.unit = 1 / JOD_SIGMA if model == "thurstone" else math.log(3)  # so that 1 JOD is 75 %
        self.logistic = model == "bradley-terry"
        self.precision = prior_jod**-2
        self.ties = bool(tally.counts[:, 1].any())
        self.side_bias = side_bias
        self.seen = tally.counts.sum(1)

    def start(self, scale: Scale | None) -> np.ndarray:
        extra = [0.5] * self.ties + [0.0] * self.side_bias
        if scale is None:
            return np.array([0.0] * self.tally.images + extra)
        known = [max(scale.tie_threshold, 1e-3)] * self.ties + [scale.side_bias] * self.side_bias
        return np.concatenate([scale.scores, known])

    def parts(self, point: np.ndarray) -> tuple[np.ndarray, float, float]:
        images = self.tally.images
        threshold = float(point[images]) if self.ties else 0.0
        return point[:images], threshold, float(point[-1]) if self.side_bias else 0.0

    def value(self, point: np.ndarray) -> float:
        scores, threshold, _ = self.parts(point)
        if self.ties and threshold <= 0:
            return -math.inf
        return self.log_likelihood(point) - self.precision * float(scores @ scores) / 2

    def log_likelihood(self, point: np.ndarray) -> float:
        chances, _ = self._chances(point)
        counts = self.tally.counts
        return float((counts[counts > 0] * np.log(np.maximum(chances[counts > 0], _FLOOR))).sum())

    def walk(self, point: np.ndarray, value: float, step: np.ndarray) -> tuple[np.ndarray, float, float]:
        """Go along the step, halving it until the value does not fall; the last part is how far it went."""
        length = min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        while length > 1e-10:
            there = point + length * step
            found = self.value(there)
            if found >= value:
                return there, found, length * float(np.abs(step).max())
            length /= 2
        return point, value, 0.0

    def step(self, point: np.ndarray) -> np.ndarray:
        """Fisher scoring: the expected information against the gradient."""
        gradient, information = self._slopes(point)
        images = self.tally.images
        gradient[:images] -= self.precision * point[:images]
        # The common shift of all scores is unknown; a term on their mean fixes it and moves nothing else.
        information[:images, :images] += self.precision * np.eye(images) + 1.0 / images
        gradient[:images] -= point[:images].mean()
        return np.linalg.solve(information, gradient)

    def _chances(self, point: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Of first, none, second for every pair, and the densities at the lower and the upper threshold."""
        scores, threshold, bias = self.parts(point)
        distance = scores[self.tally.first] - scores[self.tally.second] + bias
        low, high = self.unit * (distance - threshold), self.unit * (distance + threshold)
        above, below = self._cdf(low), self._cdf(-high)
        none = np.maximum(1 - above - below, 0.0) if self.ties else np.zeros_like(above)
        return np.stack([above, none, below], 1), (self._density(low), self._density(high))

    def _slopes(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chances, (low, high) = self._chances(point)
        chances = np.maximum(chances, _FLOOR)
        by_distance = self.unit * np.stack([low, high - low, -high], 1)
        by_threshold = self.unit * np.stack([-low, high + low, -high], 1)
        relative = [by_distance / chances, by_threshold / chances]
        if not self.ties:
            for part in (*relative, by_distance, by_threshold):
                part[:, 1] = 0.0
        pull = [(self.tally.counts * part).sum(1) for part in relative]
        weigh = [
            [(self.seen[:, None] * one * two).sum(1) for two in (by_distance, by_threshold)]
            for one in relative
        ]
        return self._gradient(pull), self._information(weigh)

    def _gradient(self, pull: list[np.ndarray]) -> np.ndarray:
        images = self.tally.images
        of_scores = np.bincount(self.tally.first, pull[0], images) - np.bincount(
            self.tally.second, pull[0], images
        )
        extra = [pull[1].sum()] * self.ties + [pull[0].sum()] * self.side_bias
        return np.concatenate([of_scores, extra])

    def _information(self, weigh: list[list[np.ndarray]]) -> np.ndarray:
        images, first, second = self.tally.images, self.tally.first, self.tally.second
        table = np.bincount(first * images + second, weigh[0][0], images**2).reshape(images, images)
        table = table + table.T
        columns = [weigh[0][1]] * self.ties + [weigh[0][0]] * self.side_bias
        extra = [np.bincount(first, c, images) - np.bincount(second, c, images) for c in columns]
        whole = np.zeros((images + len(extra),) * 2)
        whole[:images, :images] = np.diag(table.sum(1)) - table
        for k, column in enumerate(extra):
            whole[:images, images + k] = whole[images + k, :images] = column
        if self.ties:
            whole[images, images] = weigh[1][1].sum()
        if self.side_bias:
            whole[-1, -1] = weigh[0][0].sum()
        if self.ties and self.side_bias:
            whole[-1, images] = whole[images, -1] = weigh[0][1].sum()
        return whole

    def _cdf(self, z: np.ndarray) -> np.ndarray:
        from scipy.special import expit, ndtr

        return expit(z) if self.logistic else ndtr(z)

    def _density(self, z: np.ndarray) -> np.ndarray:
        if self.logistic:
            return self._cdf(z) * self._cdf(-z)
        return np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
