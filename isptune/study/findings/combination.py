"""A weighted sum of objectives that agrees with the votes: its weights, and what it is worth on images left out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from isptune.errors import ConfigError
from isptune.study.findings.analysis import Analysis, SceneResult

FOLDS = 5
RIDGE = 1e-3
"""On weights of standardised objectives, a vote: it decides between objectives that say the same."""


@dataclass(frozen=True)
class Combination:
    """The fitted sum.

    Attributes:
        weights: by objective, never negative, in JOD for each unit of the objective; higher scores are better (those of
            an objective that is minimised are turned first).
        agreement: the share of decided votes on images left out of the fit that the sum foretells.
        alone: the same of each objective by itself, on the same votes.
        votes: how many votes these shares are of.
        folds: parts that were left out in turn: scenes where there are three or more, else images.
        better_alone: the objective that by itself foretells at least as much as the sum, with its weight; None where
            the sum is worth its parts.
    """

    weights: Mapping[str, float]
    agreement: float
    alone: Mapping[str, float]
    votes: int
    folds: int
    better_alone: tuple[str, float] | None = None

    @property
    def spec(self) -> str:
        """What to take, as `isptune run --objective` takes it: the sum, or the part that foretells as much alone."""
        parts = self.weights if self.better_alone is None else dict([self.better_alone])
        terms = [f"{weight:.6g}*{name}" for name, weight in parts.items() if weight > 0]
        return "weighted:" + "+".join(terms)


@dataclass(frozen=True, eq=False)
class _Votes:
    """Differences of the objectives' scores, first minus second; what was answered; which parts the images are in."""

    gaps: Float64[np.ndarray, "votes objectives"]
    share: Float64[np.ndarray, " votes"]
    first_part: np.ndarray
    second_part: np.ndarray


def fit_combination(
    analysis: Analysis, scores: Mapping[str, Mapping[tuple[str, str], float]], seed: int = 0
) -> Combination:
    """Fit the weights by logistic regression (Bradley-Terry) on all votes, and cross-validate.

    Args:
        analysis: of the study.
        scores: by objective, then by scene and condition; higher is better; NaN for what could not be scored.
        seed: of the folds.

    Raises:
        ConfigError: fewer than two objectives, no vote on images that all could score, or none agrees with the votes.
    """
    names = list(scores)
    if len(names) < 2:
        raise ConfigError("a combination takes two objectives or more")
    votes, folds = _votes(analysis, [scores[name] for name in names], np.random.default_rng([seed, 5]))
    if not len(votes.share):
        raise ConfigError("there is no vote on two images that all of these objectives could score")
    weights = _fit(votes.gaps, votes.share)
    if not (weights > 0).any():
        raise ConfigError(f"none of {', '.join(names)} agrees with the votes: there is nothing to combine")
    right, alone, seen = 0.0, np.zeros(len(names)), 0
    for fold in range(folds):
        inside = (votes.first_part == fold) | (votes.second_part == fold)
        tested = inside & (votes.share != 0.5)
        trained = _fit(votes.gaps[~inside], votes.share[~inside]) if (~inside).any() else weights
        right += _foretold(votes.gaps[tested] @ trained, votes.share[tested])
        alone += [_foretold(votes.gaps[tested, k], votes.share[tested]) for k in range(len(names))]
        seen += int(tested.sum())
    by_name = {name: float(weight) for name, weight in zip(names, weights, strict=True)}
    each = {name: float(value / seen) for name, value in zip(names, alone, strict=True)}
    better = better_alone(each, right / seen, [name for name in names if by_name[name] > 0])
    if better is None:
        return Combination(by_name, right / seen, each, seen, folds)
    weight = _fit(votes.gaps[:, [names.index(better)]], votes.share)[0]
    return Combination(by_name, right / seen, each, seen, folds, (better, float(weight)))


def better_alone(alone: Mapping[str, float], together: float, summed: Sequence[str]) -> str | None:
    """The objective that foretells at least as much as the sum, where the sum has several parts."""
    best = max(alone, key=lambda name: alone[name])
    return best if alone[best] >= together and list(summed) != [best] else None


def _votes(
    analysis: Analysis, scores: Sequence[Mapping[tuple[str, str], float]], rng: np.random.Generator
) -> tuple[_Votes, int]:
    by_scene = len(analysis.scenes) >= 3
    folds = len(analysis.scenes) if by_scene else FOLDS
    parts = []
    for number, scene in enumerate(analysis.scenes):
        values = _matrix(scene, scores)
        fold = np.full(len(values), number) if by_scene else rng.permutation(len(values)) % folds
        table = scene.table
        gaps = values[table.first] - values[table.second]
        keep = np.isfinite(gaps).all(1)
        parts.append((gaps[keep], table.share[keep], fold[table.first[keep]], fold[table.second[keep]]))
    return _Votes(*(np.concatenate(column) for column in zip(*parts, strict=True))), folds


def _matrix(
    scene: SceneResult, scores: Sequence[Mapping[tuple[str, str], float]]
) -> Float64[np.ndarray, "images objectives"]:
    rows = [[one.get((s.scene, s.condition), math.nan) for one in scores] for s in scene.stimuli]
    return np.array(rows, dtype=np.float64)


def _fit(gaps: Float64[np.ndarray, "votes objectives"], share: Float64[np.ndarray, " votes"]) -> np.ndarray:
    """Weights in JOD a unit, bounded at 0; a tie counts as half a vote for each."""
    from scipy.optimize import minimize
    from scipy.special import expit, log_expit

    spread = gaps.std(0)
    spread[spread == 0] = 1.0
    scaled = gaps / spread

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = math.log(3) * scaled @ w
        value = -(share * log_expit(z) + (1 - share) * log_expit(-z)).mean() + RIDGE * float(w @ w)
        slope = math.log(3) * scaled.T @ (expit(z) - share) / len(share) + 2 * RIDGE * w
        return float(value), slope

    start = np.full(scaled.shape[1], 0.1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * scaled.shape[1])
    return np.where(found.x > 1e-6, found.x, 0.0) / spread


def _foretold(gap: np.ndarray, share: np.ndarray) -> float:
    return float(np.where(gap == 0, 0.5, (gap > 0) == (share == 1)).sum())
