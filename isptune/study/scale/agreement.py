"""How far observers agree, with each other and with themselves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from jaxtyping import Float64

from isptune.study.scale.scale import fit
from isptune.study.votes.comparisons import SHARE, Comparisons
from isptune.study.votes.votes import VoteRecord


@dataclass(frozen=True)
class Concordance:
    """Kendall's W: 0 for observers who rank at random, 1 for those who rank alike.

    Attributes:
        w: NaN for fewer than two observers or three images.
        p: of observers who rank at random.
        observers: who saw all the images.
        images: which all of them saw.
    """

    w: float
    p: float
    observers: int
    images: int


@dataclass(frozen=True)
class Behaviour:
    """How one observer voted.

    Attributes:
        votes: that count; training, repeats and anchors aside.
        no_difference: the share of those answers.
        left: the share of decided votes for the left image; 0.5 without a side bias.
        response_s: the median time of an answer, seconds; NaN where it is not known.
        agreement: the share of votes that agree with the scale of all others; no difference counts half.
        repeats: how many pairs were asked again.
        consistency: of those, the share with the same answer; half for one that became, or was, no difference.
        anchors: how many pairs had an obvious answer.
        anchors_right: the share of those that were answered so.
    """

    votes: int
    no_difference: float
    left: float
    response_s: float
    agreement: float
    repeats: int
    consistency: float
    anchors: int
    anchors_right: float


def kendalls_w(opinions: Float64[np.ndarray, "observers images"]) -> Concordance:
    """Concordance of the observers' rankings, corrected for ties; a NaN is an image that an observer did not see.

    Source: Kendall and Babington Smith 1939, The problem of m rankings, doi:10.1214/aoms/1177732186; the test is
    Friedman's chi-square.
    """
    from scipy.stats import chi2, rankdata

    opinions = opinions[np.isfinite(opinions).mean(1) > 0.5]
    opinions = opinions[:, np.isfinite(opinions).all(0)]
    observers, images = opinions.shape
    if observers < 2 or images < 3:
        return Concordance(math.nan, math.nan, observers, images)
    ranks = rankdata(opinions, axis=1)
    tied = sum(float((counts**3 - counts).sum()) for counts in map(_tie_counts, ranks))
    spread = float(((ranks.sum(0) - observers * (images + 1) / 2) ** 2).sum())
    largest = observers**2 * (images**3 - images) - observers * tied
    if largest <= 0:
        return Concordance(math.nan, math.nan, observers, images)
    w = 12 * spread / largest
    return Concordance(w, float(chi2.sf(observers * (images - 1) * w, images - 1)), observers, images)


def agreement_with_others(tables: Mapping[str, Comparisons]) -> dict[int, float]:
    """For each observer, the share of votes that the scale of all others foretells; NaN for a single observer."""
    right: dict[int, float] = {}
    votes: dict[int, int] = {}
    for table in tables.values():
        for k, observer in enumerate(table.observers):
            others = table.without([observer])
            if not len(others.share):
                continue
            scores = fit(others, ties="half").scores
            own = table.observer == k
            gap = np.sign(scores[table.first[own]] - scores[table.second[own]])
            share = table.share[own]
            agreeing = np.where((share == 0.5) | (gap == 0), 0.5, (share == 1) == (gap > 0))
            right[observer] = right.get(observer, 0.0) + float(agreeing.sum())
            votes[observer] = votes.get(observer, 0) + len(share)
    return {observer: right[observer] / votes[observer] for observer in right}


def behaviour(
    votes: Sequence[VoteRecord], known: Mapping[tuple[str, str], float], agreement: float
) -> Behaviour:
    """What one observer's votes tell.

    Args:
        votes: of this observer.
        known: scores that were known beforehand, by scene and condition, for the anchors.
        agreement: with the others, see `agreement_with_others`.
    """
    counted = [vote for vote in votes if vote.kind == "vote"]
    decided = [SHARE[vote.answer] for vote in counted if vote.answer != "none"]
    times = [vote.response_ms / 1000 for vote in counted if vote.response_ms is not None]
    same = [_same_answer(vote, counted) for vote in votes if vote.kind == "repeat"]
    right = [_right_answer(vote, known) for vote in votes if vote.kind == "anchor"]
    return Behaviour(
        votes=len(counted),
        no_difference=1 - len(decided) / len(counted) if counted else math.nan,
        left=_mean(decided),
        response_s=median(times) if times else math.nan,
        agreement=agreement,
        repeats=len(same),
        consistency=_mean(same),
        anchors=len(right),
        anchors_right=_mean(right),
    )


def _same_answer(vote: VoteRecord, earlier: Sequence[VoteRecord]) -> float:
    """1, 0.5 or 0; a repeat has the sides changed."""
    pair = (vote.scene, vote.second, vote.first)
    before = next((v for v in earlier if (v.scene, v.first, v.second) == pair), None)
    return math.nan if before is None else 1 - abs(SHARE[vote.answer] - (1 - SHARE[before.answer]))


def _right_answer(vote: VoteRecord, known: Mapping[tuple[str, str], float]) -> float:
    first, second = (known.get((vote.scene, c), math.nan) for c in (vote.first, vote.second))
    if math.isnan(first - second):
        return math.nan
    return SHARE[vote.answer] if first > second else 1 - SHARE[vote.answer]


def _tie_counts(ranks: np.ndarray) -> np.ndarray:
    return np.unique(ranks, return_counts=True)[1]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
