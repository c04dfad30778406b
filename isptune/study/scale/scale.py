"""From votes to scores: shares of wins, and scales by maximum likelihood.

Scales are in JOD (just-objectionable differences): of two images 1 JOD apart, 75 % of the answers prefer the better
one. Only differences mean something; the mean of a scene's scores is 0.

Sources: Thurstone 1927, A law of comparative judgment (Case V), doi:10.1037/h0070288; Bradley and Terry 1952, Rank
analysis of incomplete block designs, doi:10.1093/biomet/39.3-4.324; for ties Glenn and David 1960, Ties in
paired-comparison experiments using a modified Thurstone-Mosteller model, and Rao and Kupper 1967, Ties in
paired-comparison experiments: a generalization of the Bradley-Terry model, doi:10.1080/01621459.1967.10482901; for the
unit Perez-Ortiz and Mantiuk 2017, A practical guide and software for analysing pairwise comparison experiments,
arXiv:1712.03686.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from isptune.study.scale.likelihood import PRIOR_JOD, TOLERANCE, Likelihood, Model
from isptune.study.votes.comparisons import Comparisons, Members

Ties = Literal["threshold", "half"]

DMC_PAIRS = 9
"""DMC's opinion scores go from 0 to 9: in how many of its nine pairs, drawn at random, an image was better."""

BATCH_CELLS = 300_000
"""Resamples are fitted in batches of about so many numbers."""


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


def win_shares(table: Comparisons) -> Float64[np.ndarray, "observers images"]:
    """The share of its pairs that each image won, for each observer; no difference counts half.

    NaN for an image that the observer did not see. Where every image stood in nine pairs drawn at random, the mean over
    observers times `DMC_PAIRS` is DMC's mean opinion score.

    Source: Rashidi et al. 2026, ScoreNet, supplement, section 2.
    """
    shape = (len(table.observers), table.images)
    points, pairs = np.zeros(shape), np.zeros(shape)
    for images, share in ((table.first, table.share), (table.second, 1 - table.share)):
        np.add.at(points, (table.observer, images), share)
        np.add.at(pairs, (table.observer, images), 1.0)
    with np.errstate(invalid="ignore"):
        return points / pairs


def centred(
    scores: Float64[np.ndarray, "*draws images"], groups: Sequence[Members]
) -> Float64[np.ndarray, "*draws images"]:
    """Scores with the mean of each group taken off: between groups that no vote connects there is no distance."""
    found = scores.copy()
    for members in groups:
        found[..., members] -= scores[..., members].mean(-1, keepdims=True)
    return found


def fit(
    table: Comparisons | Tally,
    model: Model = "thurstone",
    ties: Ties = "threshold",
    side_bias: bool = False,
    prior_jod: float = PRIOR_JOD,
    start: Scale | None = None,
    tolerance: float = TOLERANCE,
    reduce_bias: bool = False,
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
        reduce_bias: whether to take off what the most likely scores are too far apart; see
        `isptune.study.scale.likelihood`.
    """
    tally = table if isinstance(table, Tally) else count(table)
    if ties == "half":
        tally = halved(tally)
    likelihood = Likelihood(
        tally.images, tally.first, tally.second, tally.counts[None], model, side_bias, prior_jod, reduce_bias
    )
    point = likelihood.maximise(_start(likelihood, start), tolerance)
    scores, threshold, bias = likelihood.parts(point)
    log_likelihood = float(likelihood.log_likelihood(point)[0])
    return Scale(scores[0] - scores[0].mean(), float(threshold[0]), float(bias[0]), log_likelihood)


def refit(
    table: Comparisons,
    scale: Scale,
    weights: Float64[np.ndarray, "draws observers"],
    model: Model = "thurstone",
    side_bias: bool = False,
    tolerance: float = TOLERANCE,
    reduce_bias: bool = False,
) -> Float64[np.ndarray, "draws images"]:
    """The scores for many weightings of the observers at once, from the scale of all; each has mean 0."""
    first, second, share = table.first, table.second, table.share
    if not side_bias:  # then sides do not matter, and both orders of a pair are one: half the work
        turned = first > second
        first, second = np.minimum(first, second), np.maximum(first, second)
        share = np.where(turned, 1 - share, share)
    outcomes = (2 - 2 * share).astype(np.int64)
    known, place = np.unique(first * table.images + second, return_inverse=True)
    cells = 3 * len(known)
    of_observer = np.zeros((len(table.observers), cells))
    np.add.at(of_observer, (table.observer, place * 3 + outcomes), 1.0)
    found = []
    for drawn in np.array_split(weights, max(1, len(weights) * cells // BATCH_CELLS)):
        counts = (drawn @ of_observer).reshape(len(drawn), -1, 3)
        pairs = known // table.images, known % table.images
        likelihood = Likelihood(table.images, *pairs, counts, model, side_bias, reduce_bias=reduce_bias)
        point = likelihood.maximise(_start(likelihood, scale), tolerance)
        scores = likelihood.parts(point)[0]
        found.append(scores - scores.mean(1, keepdims=True))
    return np.concatenate(found)


def _start(likelihood: Likelihood, scale: Scale | None) -> np.ndarray:
    if scale is None:
        return likelihood.start(np.zeros(likelihood.images), 0.5, 0.0)
    return likelihood.start(scale.scores, max(scale.tie_threshold, 1e-3), scale.side_bias)


def count(table: Comparisons) -> Tally:
    """Count the votes by ordered pair."""
    known, place = np.unique(table.first * table.images + table.second, return_inverse=True)
    outcome = (2 - 2 * table.share).astype(np.int64)
    counts = np.bincount(place * 3 + outcome, minlength=3 * len(known)).astype(np.float64)
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
