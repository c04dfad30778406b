"""How far objectives agree with people: rank and linear correlation, the share of votes they foretell, and which of
them agree better than others by more than chance."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from isptune.study.findings.analysis import Analysis, SceneResult
from isptune.study.scale.estimates import FEWEST, Estimate, Values, pearson, srocc, with_limits
from isptune.study.scale.intervals import holm
from isptune.study.scale.linear_correlation import bent

Measure = Callable[[np.ndarray, np.ndarray], float]
Compared = Sequence[tuple[np.ndarray, np.ndarray]]
"""For each scale the scores of its images, and the scale itself."""


@dataclass(frozen=True)
class Correlation:
    """What an objective has in common with scales; the mean over them.

    Attributes:
        objective: its spec.
        srocc: Spearman's rank correlation.
        plcc: Pearson's, after a rising curve from objective to scale; see `isptune.study.scale.linear_correlation`.
        krocc: Kendall's tau-b.
        images: how many it could score.
    """

    objective: str
    srocc: Estimate
    plcc: Estimate
    krocc: Estimate
    images: int


@dataclass(frozen=True)
class Agreement:
    """What an objective has in common with the votes of a study.

    Attributes:
        correlation: with the scales of its scenes.
        accuracy: the share of decided votes whose better image the objective scores higher; half for equal scores.
    """

    correlation: Correlation
    accuracy: Estimate


@dataclass(frozen=True)
class MetricDifference:
    """By how much one objective's SROCC is higher than another's, in the same resamples of the images.

    Attributes:
        better, worse: their specs.
        difference: with its 95 % interval.
        p: two-sided, of no difference at all.
        p_holm: corrected for all pairs of objectives together.
    """

    better: str
    worse: str
    difference: Estimate
    p: float
    p_holm: float


@dataclass(frozen=True, eq=False)
class _Drawn:
    """An objective's SROCC on the scales, and in every resample."""

    objective: str
    value: float
    resampled: np.ndarray
    images: int


def agreements(
    analysis: Analysis, scored: Mapping[str, Mapping[tuple[str, str], float]], draws: int, seed: int
) -> tuple[list[Agreement], list[MetricDifference]]:
    """Compare objectives with a study, each image with those only that votes connect it to.

    Correlations are resampled over images, the accuracy over observers: the former ask whether it would hold for other
    images of the kind, the latter whether it would for other people.

    Args:
        analysis: of the study.
        scored: by objective, then by scene and condition; higher is better; NaN or missing for what could not be
            scored.
        draws: resamples.
        seed: of them.
    """
    scales = [
        (scene, members) for scene in analysis.scenes for members in scene.groups if len(members) >= FEWEST
    ]
    aligned = {
        spec: [_aligned(scene, scores) for scene in analysis.scenes] for spec, scores in scored.items()
    }
    place = {scene.scene: number for number, scene in enumerate(analysis.scenes)}
    rows, differences = correlations(
        {
            spec: [values[place[scene.scene]][members] for scene, members in scales]
            for spec, values in aligned.items()
        },
        [scene.scale.scores[members] for scene, members in scales],
        draws,
        seed,
    )
    rng = np.random.default_rng([seed, 11])
    found = [
        Agreement(row, _accuracy(list(zip(analysis.scenes, aligned[row.objective], strict=True)), draws, rng))
        for row in rows
    ]
    return found, differences


def correlations(
    scored: Mapping[str, Sequence[np.ndarray]], scales: Sequence[np.ndarray], draws: int, seed: int
) -> tuple[list[Correlation], list[MetricDifference]]:
    """Compare objectives with scales of the same images.

    Args:
        scored: by objective, for each scale the scores of its images, higher being better; NaN for what it could not
            score, which is left out.
        scales: what people say of them.
        draws: resamples of the images, the same for all objectives.
        seed: of them.
    """
    rng = np.random.default_rng([seed, 11])
    places = [[rng.integers(len(scale), size=len(scale)) for scale in scales] for _ in range(draws)]
    rows, drawn = [], []
    for spec, values in scored.items():
        parts = list(zip(values, scales, strict=True))
        images = sum(int(np.isfinite(one).sum()) for one in values)
        rank = _over_images(srocc, parts, places)
        drawn.append(_Drawn(spec, rank[0], rank[1], images))
        linear = _over_images(pearson, [(_bent(one, scale), scale) for one, scale in parts], places)
        order = _over_images(krocc, parts, places)
        ranks, line, pairs = (
            with_limits(value, list(resampled)) for value, resampled in (rank, linear, order)
        )
        rows.append(Correlation(spec, ranks, line, pairs, images))
    return rows, _differences(drawn)


def krocc(scores: Values, scale: Values) -> float:
    """Kendall's tau-b; 0 for scores that are all equal."""
    from scipy.stats import kendalltau

    value = float(np.asarray(kendalltau(scores, scale))[0])
    return 0.0 if math.isnan(value) else value


def accuracy(scene: SceneResult, values: Values, weights: np.ndarray) -> tuple[float, float]:
    """Votes that the objective foretells, and decided votes, on images that it could score; by observers' weights."""
    table = scene.table
    gap = values[table.first] - values[table.second]
    counted = weights[table.observer] * (np.isfinite(gap) & (table.share != 0.5))
    right = np.where(gap == 0, 0.5, (gap > 0) == (table.share == 1))
    return float((counted * right).sum()), float(counted.sum())


def _over_images(
    measure: Measure, parts: Compared, places: Sequence[Sequence[np.ndarray]]
) -> tuple[float, np.ndarray]:
    """The mean over scales of a measure, and the same in every resample; NaN where no scale has images enough."""

    def mean(chosen: Compared) -> float:
        each = [
            measure(values[known], scale[known])
            for values, scale in chosen
            if (known := np.isfinite(values)).sum() >= FEWEST
        ]
        return float(np.mean(each)) if each else math.nan

    resampled = [
        mean([(values[k], scale[k]) for (values, scale), k in zip(parts, drawn, strict=True)])
        for drawn in places
    ]
    return mean(parts), np.array(resampled, dtype=np.float64)


def _bent(values: Values, scale: Values) -> Values:
    known = np.isfinite(values)
    found = np.full(len(values), np.nan)
    found[known] = bent(values[known], scale[known])
    return found


def _differences(drawn: Sequence[_Drawn]) -> list[MetricDifference]:
    """All pairs of objectives, the better one first, from the largest difference to the smallest.

    The standard error is that of the resampled differences, so that what two objectives share does not count; the test
    is Student's t with one degree of freedom less than there are images; Holm's correction is over all pairs.
    """
    from scipy.stats import t

    pairs = [
        (first, second) if first.value >= second.value else (second, first)
        for first, second in combinations([one for one in drawn if math.isfinite(one.value)], 2)
    ]
    if not pairs or not len(pairs[0][0].resampled):
        return []
    gaps = [first.value - second.value for first, second in pairs]
    resampled = [first.resampled - second.resampled for first, second in pairs]
    errors = [max(float(np.nanstd(one, ddof=1)), 1e-12) for one in resampled]
    freedom = [max(1, min(first.images, second.images) - 1) for first, second in pairs]
    p = 2 * t.sf(np.divide(gaps, errors), freedom)
    found = [
        MetricDifference(
            first.objective, second.objective, with_limits(gap, list(one)), float(own), float(all_)
        )
        for (first, second), gap, one, own, all_ in zip(pairs, gaps, resampled, p, holm(p), strict=True)
    ]
    return sorted(found, key=lambda pair: -pair.difference.value)


def _aligned(scene: SceneResult, scores: Mapping[tuple[str, str], float]) -> Values:
    return np.array([scores.get((s.scene, s.condition), math.nan) for s in scene.stimuli], dtype=np.float64)


def _accuracy(
    parts: Sequence[tuple[SceneResult, np.ndarray]], draws: int, rng: np.random.Generator
) -> Estimate:
    """The share over all scenes together; observers are drawn, with all their votes."""
    people = sorted({observer for scene, _ in parts for observer in scene.table.observers})
    place = {observer: k for k, observer in enumerate(people)}

    def share(weights: np.ndarray) -> float:
        sums = [
            accuracy(scene, values, weights[[place[observer] for observer in scene.table.observers]])
            for scene, values in parts
        ]
        total = sum(seen for _, seen in sums)
        return sum(right for right, _ in sums) / total if total else math.nan

    weights = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=draws)
    return with_limits(share(np.ones(len(people))), [share(row.astype(np.float64)) for row in weights])
