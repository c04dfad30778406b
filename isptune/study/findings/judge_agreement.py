"""How far a judge agrees with the observers of a study: whether it could replace one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float64

from isptune.study.scale.agreement import agreement_with_others
from isptune.study.scale.estimates import FEWEST, Estimate, Values, over_images, srocc, with_limits
from isptune.study.votes.comparisons import Comparisons
from isptune.study.votes.votes import Observer


@dataclass(frozen=True)
class SceneAgreement:
    """A judge on one scene: `votes`, the share that the scale foretells, and the rank correlation of its win rates."""

    scene: str
    votes: int
    agreement: float
    srocc: float


@dataclass(frozen=True)
class JudgeAgreement:
    """What a judge has in common with the observers. Intervals are over images, drawn anew within each scene.

    Attributes:
        observer: the judge.
        votes: that it gave on images with a score.
        no_difference: the share of those answers.
        left: the share of decided votes for the left image; 0.5 without a side bias.
        agreement: the share of its votes that the scale of all observers foretells; no difference counts half.
        srocc: Spearman's rank correlation of its win rates with that scale, the mean over scenes; no difference is half
            a win.
        same_answer: how often it answers a pair as an observer does; half where one of the two sees no difference.
        scenes: the same by scene.
    """

    observer: Observer
    votes: int
    no_difference: float
    left: float
    agreement: Estimate
    srocc: Estimate
    same_answer: float
    scenes: tuple[SceneAgreement, ...]


@dataclass(frozen=True)
class PeopleAgreement:
    """What the observers have in common with each other, to compare judges with; NaN for a single one.

    Attributes:
        median, low, high: of the shares of each one's votes that the scale of the others foretells.
        each: those shares.
        same_answer: how often another observer answers a pair alike; as of a judge, on the same pairs.
    """

    median: float
    low: float
    high: float
    each: tuple[float, ...]
    same_answer: float


def people_agreement(people: Mapping[str, Comparisons]) -> PeopleAgreement:
    """Compare the observers with each other, given their votes by scene."""
    each = tuple(agreement_with_others(people).values())
    answers = [_same_as_another(table, None) for table in people.values()]
    same = _ratio(sum(part[0] for part in answers), sum(part[1] for part in answers))
    if not each:
        return PeopleAgreement(math.nan, math.nan, math.nan, (), same)
    return PeopleAgreement(float(np.median(each)), min(each), max(each), each, same)


def judge_agreement(
    judge: Observer,
    votes: Mapping[str, Comparisons],
    people: Mapping[str, Comparisons],
    scales: Mapping[str, Values],
    draws: int,
    seed: int,
) -> JudgeAgreement:
    """Compare a judge with the observers.

    Args:
        judge: the observer that it is.
        votes: its own, by scene.
        people: those of the others, by scene; images without any do not count.
        scales: of the others, by scene.
        draws: resamples of the images.
        seed: of them.
    """
    parts = [_Part(votes[scene], people[scene], scales[scene]) for scene in votes if scene in people]
    rng = np.random.default_rng([seed, 23])
    share = np.concatenate([part.table.share for part in parts]) if parts else np.zeros(0)
    decided = share[share != 0.5]
    ranked = [pair for part in parts for pair in part.ranked]
    answers = [_same_as_another(people[part.table.scene], part.table) for part in parts]
    return JudgeAgreement(
        observer=judge,
        votes=len(share),
        no_difference=_ratio(len(share) - len(decided), len(share)),
        left=_ratio(float(decided.sum()), len(decided)),
        agreement=_agreement(parts, draws, rng),
        srocc=over_images(srocc, ranked, draws, rng),
        same_answer=_ratio(sum(part[0] for part in answers), sum(part[1] for part in answers)),
        scenes=tuple(
            SceneAgreement(
                part.table.scene,
                len(part.right),
                _ratio(float(part.right.sum()), len(part.right)),
                float(np.mean([srocc(*pair) for pair in part.ranked])) if part.ranked else math.nan,
            )
            for part in parts
        ),
    )


@final
class _Part:
    """A judge's votes on images that the observers' votes connect, and which of them the scale foretells."""

    def __init__(self, own: Comparisons, others: Comparisons, scale: Values):
        groups = others.groups()
        group = np.zeros(others.images, dtype=np.int64)
        for number, members in enumerate(groups, 1):
            group[members] = number
        keep = (group[own.first] > 0) & (group[own.first] == group[own.second])
        self.table = Comparisons(
            own.scene,
            own.conditions,
            own.observers,
            own.observer[keep],
            own.first[keep],
            own.second[keep],
            own.share[keep],
        )
        gap = scale[self.table.first] - scale[self.table.second]
        share = self.table.share
        self.right = np.where((share == 0.5) | (gap == 0), 0.5, (share == 1) == (gap > 0))
        wins = self.table.wins()
        judged = np.flatnonzero(self.table.counts)
        rates = wins.sum(1) / np.maximum(self.table.counts, 1)
        # Images that no vote of the others connects have no order to agree with.
        compared = [np.intersect1d(judged, members) for members in groups]
        self.ranked = [(rates[k], scale[k]) for k in compared if len(k) >= FEWEST]


def _agreement(parts: Sequence[_Part], draws: int, rng: np.random.Generator) -> Estimate:
    """The share over all scenes; a vote counts as often as both of its images are drawn."""

    def share(weights: Sequence[np.ndarray]) -> float:
        counted = [w[p.table.first] * w[p.table.second] for w, p in zip(weights, parts, strict=True)]
        right = sum(float((w * p.right).sum()) for w, p in zip(counted, parts, strict=True))
        return _ratio(right, sum(float(w.sum()) for w in counted))

    drawn = []
    for _ in range(draws):
        drawn.append(share([_drawn(part.table, rng) for part in parts]))
    return with_limits(share([np.ones(part.table.images) for part in parts]), drawn)


def _drawn(table: Comparisons, rng: np.random.Generator) -> Float64[np.ndarray, " images"]:
    """How often every image that was judged is drawn."""
    weights, judged = np.zeros(table.images), np.flatnonzero(table.counts)
    if len(judged):
        weights[judged] = np.bincount(rng.integers(len(judged), size=len(judged)), minlength=len(judged))
    return weights


def _same_as_another(people: Comparisons, judge: Comparisons | None) -> tuple[float, float]:
    """How many of the observers' votes another one, or the judge, answers alike, and how many there are.

    Only votes on pairs that another observer answered too, so that both are of the same votes.
    """
    low, high = np.minimum(people.first, people.second), np.maximum(people.first, people.second)
    pair = low * people.images + high
    share = np.where(people.first == low, people.share, 1 - people.share)
    counts = np.zeros((people.images**2, 3))
    np.add.at(counts, (pair, (2 * share).astype(np.int64)), 1.0)
    several = counts[pair].sum(1) >= 2
    pair, share = pair[several], share[several]
    if judge is None:
        alike = 1 - np.abs(share[:, None] - np.array([0.0, 0.5, 1.0]))
        others = (counts[pair] * alike).sum(1) - 1  # without the vote itself
        return float((others / (counts[pair].sum(1) - 1)).sum()), len(share)
    own = np.full(people.images**2, np.nan)
    turned = judge.first > judge.second
    places = np.minimum(judge.first, judge.second) * people.images + np.maximum(judge.first, judge.second)
    own[places] = np.where(turned, 1 - judge.share, judge.share)
    same = 1 - np.abs(share - own[pair])
    return float(np.nansum(same)), int(np.isfinite(same).sum())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
