"""How far objectives agree with people: rank and linear correlation, and the share of votes they foretell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isptune.study.findings.analysis import Analysis, SceneResult
from isptune.study.scale.estimates import FEWEST, Estimate, Values, over_images, pearson, srocc, with_limits


@dataclass(frozen=True)
class Agreement:
    """What an objective has in common with the votes; the mean over scenes.

    Attributes:
        objective: its spec.
        srocc: Spearman's rank correlation with the scale.
        plcc: Pearson's, after a monotone logistic curve was fitted from objective to scale.
        krocc: Kendall's tau-b.
        accuracy: the share of decided votes whose better image the objective scores higher; half for equal scores.
        images: how many it could score.
    """

    objective: str
    srocc: Estimate
    plcc: Estimate
    krocc: Estimate
    accuracy: Estimate
    images: int


def agreement(
    analysis: Analysis, objective: str, scores: Mapping[tuple[str, str], float], draws: int, seed: int
) -> Agreement:
    """Compare an objective with a study.

    Correlations are resampled over images, the accuracy over observers: the former ask whether it would hold for other
    images of the kind, the latter whether it would for other people.

    Args:
        analysis: of the study.
        objective: its spec.
        scores: by scene and condition, higher is better; NaN or missing for what could not be scored.
        draws: resamples.
        seed: of them.
    """
    parts = [(scene, _aligned(scene, scores)) for scene in analysis.scenes]
    images = sum(int((np.isfinite(values) & scene.voted).sum()) for scene, values in parts)
    rng = np.random.default_rng([seed, 11])
    pairs = [
        (values[keep], scene.scale.scores[keep])
        for scene, values in parts
        if (keep := np.isfinite(values) & scene.voted).sum() >= FEWEST
    ]
    rank, linear, order = (over_images(measure, pairs, draws, rng) for measure in (srocc, plcc, krocc))
    return Agreement(objective, rank, linear, order, _accuracy(parts, draws, rng), images)


def krocc(scores: Values, scale: Values) -> float:
    """Kendall's tau-b; 0 for scores that are all equal."""
    from scipy.stats import kendalltau

    value = float(np.asarray(kendalltau(scores, scale))[0])
    return 0.0 if math.isnan(value) else value


def plcc(scores: Values, scale: Values) -> float:
    """Pearson's correlation after a logistic curve of four parameters, b1, b2 the ends, b3 the middle, b4 the width.

    The curve is q(x) = b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|)), fitted by least squares; where the fit does not
    converge, or is worse than the straight line, the line counts.

    Source: VQEG 2000, Final report from the Video Quality Experts Group on the validation of objective models of video
    quality assessment, phase I.
    """
    from scipy.optimize import least_squares

    straight = pearson(scores, scale)
    spread = float(scores.std())
    if not spread > 0:
        return 0.0
    x = (scores - scores.mean()) / spread
    ends = (scale.max(), scale.min()) if straight >= 0 else (scale.min(), scale.max())

    def curve(b: np.ndarray) -> np.ndarray:
        return b[1] + (b[0] - b[1]) / (1 + np.exp(np.clip(-(x - b[2]) / max(abs(b[3]), 1e-6), -500, 500)))

    fitted = least_squares(lambda b: curve(b) - scale, [*ends, 0.0, 1.0], method="lm", max_nfev=2000)
    bent = pearson(curve(fitted.x), scale)
    return bent if bent > straight else straight


def accuracy(scene: SceneResult, values: Values, weights: np.ndarray) -> tuple[float, float]:
    """Votes that the objective foretells, and decided votes, on images that it could score; by observers' weights."""
    table = scene.table
    gap = values[table.first] - values[table.second]
    counted = weights[table.observer] * (np.isfinite(gap) & (table.share != 0.5))
    right = np.where(gap == 0, 0.5, (gap > 0) == (table.share == 1))
    return float((counted * right).sum()), float(counted.sum())


def _aligned(scene: SceneResult, scores: Mapping[tuple[str, str], float]) -> Values:
    return np.array([scores.get((s.scene, s.condition), math.nan) for s in scene.stimuli], dtype=np.float64)


def _accuracy(parts: Sequence[tuple[SceneResult, Values]], draws: int, rng: np.random.Generator) -> Estimate:
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
