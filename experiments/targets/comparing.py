"""From ends to what can be said of objectives: means with intervals, gaming, differences larger than chance.

Photographs are what a claim is about, so intervals and tests are over photographs: chains, maps and seeds of one
photograph are averaged first, since they are alike.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from experiments.targets.correlates import Correlates
from experiments.targets.ends import End
from isptune.report.resampling import LEVEL, holm, mean_interval, sign_flip_p
from isptune.runs.answer import Interval
from objectives.training.pictures.agreement import Estimate, estimate, rank_correlation, resamples


@dataclass(frozen=True)
class Standing:
    """How one objective did.

    Attributes:
        objective, group: which.
        ends: all of its own.
        l1: over photographs.
        best: the same of the seed of each run that its own score finds best; None where runs have one seed.
        psnr: dB, over photographs.
        gaming: in spreads, over photographs; of NaN where a score of the pristine picture means nothing.
        above: the share of ends that it finds better than the pristine picture.
        score_ms: a trial in the objective alone.
        beats: how many others end farther away by more than chance.
    """

    objective: str
    group: str
    ends: tuple[End, ...]
    l1: Interval
    best: Interval | None
    psnr: Interval
    gaming: Interval
    above: float
    score_ms: float
    beats: int


@dataclass(frozen=True)
class Pair:
    """Two objectives: l1 of the first minus that of the second, paired over the photographs that both have."""

    first: str
    second: str
    difference: Interval
    p: float
    p_holm: float

    @property
    def real(self) -> bool:
        """Whether it is larger than chance, all pairs considered."""
        return self.p_holm <= LEVEL


@dataclass(frozen=True)
class Relation:
    """The rank correlation over objectives of how near they lead with something else that is said of them."""

    what: str
    among: str
    objectives: int
    value: Estimate


def by_objective(ends: Sequence[End]) -> dict[str, list[End]]:
    """In the order of their names."""
    found: dict[str, list[End]] = {}
    for end in sorted(ends, key=lambda one: one.objective):
        found.setdefault(end.objective, []).append(end)
    return found


def by_photograph(ends: Sequence[End], value: Callable[[End], float]) -> dict[str, float]:
    """A mean for each photograph: over seeds of a chain and map first, then over these."""
    places: dict[tuple[str, str, str], list[float]] = {}
    for end in ends:
        places.setdefault(end.place, []).append(value(end))
    scenes: dict[str, list[float]] = {}
    for (_, _, scene), own in sorted(places.items()):
        scenes.setdefault(scene, []).append(float(np.mean(own)))
    return {scene: float(np.mean(own)) for scene, own in scenes.items()}


def standings(ends: Sequence[End], compared: Sequence[Pair]) -> list[Standing]:
    """All objectives, nearest to pristine first; `compared` are all pairs of them."""
    won = [pair.first if pair.difference.mean < 0 else pair.second for pair in compared if pair.real]
    found = [_standing(own, won.count(name)) for name, own in by_objective(ends).items()]
    return sorted(found, key=lambda one: one.l1.mean)


def _standing(ends: Sequence[End], beats: int) -> Standing:
    def over(own: Sequence[End], value: Callable[[End], float]) -> Interval:
        return mean_interval(list(by_photograph(own, value).values()))

    known = not math.isnan(ends[0].pristine)
    best = _best_of_runs(ends)
    return Standing(
        objective=ends[0].objective,
        group=ends[0].group,
        ends=tuple(ends),
        l1=over(ends, lambda end: end.l1),
        best=over(best, lambda end: end.l1) if len(best) < len(ends) else None,
        psnr=over(ends, lambda end: end.psnr),
        gaming=over(ends, lambda end: end.gaming),
        above=float(np.mean([end.score > end.pristine for end in ends])) if known else math.nan,
        score_ms=float(np.nanmedian([end.score_ms for end in ends])),
        beats=beats,
    )


def _best_of_runs(ends: Sequence[End]) -> list[End]:
    places: dict[tuple[str, str, str], list[End]] = {}
    for end in ends:
        places.setdefault(end.place, []).append(end)
    return [max(own, key=lambda end: end.score) for own in places.values()]


def pairs(ends: Sequence[End]) -> list[Pair]:
    """Every two objectives on what both led on; Holm's correction is over all of them."""
    own = by_objective(ends)
    compared, differences = [], []
    for first, second in combinations(own, 2):
        shared = {end.place for end in own[first]} & {end.place for end in own[second]}
        one, two = (
            by_photograph([end for end in own[name] if end.place in shared], lambda end: end.l1)
            for name in (first, second)
        )
        if one:
            compared.append((first, second))
            differences.append([one[scene] - two[scene] for scene in one])
    p_values = [sign_flip_p(values) for values in differences]
    return [
        Pair(first, second, mean_interval(values), p, corrected)
        for (first, second), values, p, corrected in zip(
            compared, differences, p_values, holm(p_values), strict=True
        )
    ]


def relations(stood: Sequence[Standing], known: Mapping[str, Correlates]) -> list[Relation]:
    """Does what is asked of metrics foretell where they lead? 1 where it does, -1 where it misleads."""
    blind = [one for one in stood if one.objective in known and not math.isnan(known[one.objective].people)]
    both = [one for one in stood if one.objective in known]
    learned = [one for one in blind if one.group == "learned"]
    asked: list[tuple[str, str, list[Standing], Callable[[Correlates], float]]] = [
        ("SROCC with people", "without a reference", blind, lambda one: one.people),
        ("SROCC with people", "learned", learned, lambda one: one.people),
        ("SROCC with severity", "all", both, lambda one: one.severity),
        ("SROCC with severity", "without a reference", blind, lambda one: one.severity),
        ("SROCC with severity", "learned", learned, lambda one: one.severity),
        ("pristine picture first", "without a reference", blind, lambda one: one.pristine_first),
    ]
    return [
        Relation(what, among, len(own), _relation(own, [said(known[one.objective]) for one in own]))
        for what, among, own, said in asked
        if len(own) >= FEWEST
    ]


FEWEST = 5
"""Objectives below which a correlation over them says nothing."""


def _relation(stood: Sequence[Standing], said: Sequence[float]) -> Estimate:
    nearness = -np.array([one.l1.mean for one in stood])
    return estimate(rank_correlation, nearness[None], np.array(said), resamples(len(said), seed=0))
