"""Which parameters the scores depend on, estimated from the trials of a run.

A run's trials crowd around its optimum, which misleads estimators that compare the density of good trials
with that of all: PED-ANOVA (Watanabe et al. 2023), Optuna's default, gave a parameter without any effect
the largest share on traces of CMA-ES. A response surface does not mind where the trials lie, as long as
some explored. Ours is additive: one piecewise linear curve a parameter, smoothed by a penalty on its second
differences (Eilers and Marx 1996, Flexible smoothing with B-splines and penalties). A parameter's share is
the variance of its curve over the whole range, the first-order term of the functional analysis of variance
(Sobol' 1993, Sensitivity estimates for nonlinear mathematical models). What parameters do only together is
not in it; `explained` says how much that leaves out.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from isptune.runs.facts import ObjectiveRecord
from isptune.runs.log import Trial
from isptune.runs.record import RunRecord
from isptune.space import Choice, Param, unit_of

KNOTS = 5
"""Of each curve: enough for one optimum inside the range and a bend on either side of it."""
SMOOTHNESS = 1e-4
RIDGE = 1e-5
"""Strengths of the penalties, relative to the number of trials; the ridge only makes the fit unique."""
ABSURD = 3.0
"""Scores that lie further outside the middle 98 % than this many times its width are clipped: one absurd score
must not decide. Those of the first generations, from which most is learnt, lie within."""


@dataclass(frozen=True)
class Importance:
    """Shares by parameter, largest first; they sum to 1 unless no parameter has any effect.

    `explained` is the share of the scores' variance that the curves predict for a trial left out.
    """

    shares: dict[str, float]
    explained: float


def importance(record: RunRecord, objective: ObjectiveRecord) -> Importance | None:
    """The importance of each tuned parameter for one objective; None where there are too few trials."""
    trials = [trial for trial in record.trials() if objective.name in trial.scores]
    scores = np.array([trial.scores[objective.name] for trial in trials], dtype=np.float64)
    blocks = [_basis(param, trials) for param in record.params]
    if not blocks or len(trials) < 2 * sum(block.shape[1] for block in blocks):
        return None
    low, high = np.quantile(scores, [0.01, 0.99])
    scores = np.clip(scores, low - ABSURD * (high - low), high + ABSURD * (high - low))
    if np.ptp(scores) == 0:
        return Importance({param.name: 0.0 for param in record.params}, math.nan)
    curves, explained = _fit(blocks, (scores - scores.mean()) / scores.std(), record.params)
    variances = [_variance(curve, param) for curve, param in zip(curves, record.params, strict=True)]
    total = sum(variances) or 1.0
    shares = {param.name: v / total for param, v in zip(record.params, variances, strict=True)}
    return Importance(dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))), explained)


def _basis(param: Param, trials: list[Trial]) -> Float64[np.ndarray, "trials columns"]:
    if isinstance(param, Choice):
        return np.array([[float(t.params[param.name] == option) for option in param.options] for t in trials])
    return _hats(np.array([unit_of(param, float(trial.params[param.name])) for trial in trials]))


def _hats(unit: Float64[np.ndarray, " points"]) -> Float64[np.ndarray, "points knots"]:
    return np.clip(1 - np.abs(unit[:, None] * (KNOTS - 1) - np.arange(KNOTS)), 0, 1)


def _fit(
    blocks: list[np.ndarray], target: Float64[np.ndarray, " trials"], params: tuple[Param, ...]
) -> tuple[list[np.ndarray], float]:
    """The curves' values at the knots, and the explained variance by leaving one out (in closed form)."""
    design = np.concatenate([np.ones((len(target), 1)), *blocks], axis=1)
    penalty = np.zeros((design.shape[1], design.shape[1]))
    start, places = 1, []
    for block, param in zip(blocks, params, strict=True):
        place = slice(start, start + block.shape[1])
        penalty[place, place] = _penalty(param, block.shape[1]) * len(target)
        places.append(place)
        start = place.stop
    solve = np.linalg.solve(design.T @ design + penalty, design.T)
    coefficients = solve @ target
    leverage = np.einsum("ij,ji->i", design, solve)
    left_out = (target - design @ coefficients) / np.maximum(1 - leverage, 1e-9)
    return [coefficients[place] for place in places], float(1 - np.mean(left_out**2))


def _penalty(param: Param, columns: int) -> Float64[np.ndarray, "columns columns"]:
    if isinstance(param, Choice):
        return RIDGE * np.eye(columns)
    bend = np.diff(np.eye(columns), 2, axis=0)
    return SMOOTHNESS * bend.T @ bend + RIDGE * np.eye(columns)


def _variance(curve: Float64[np.ndarray, " columns"], param: Param) -> float:
    if isinstance(param, Choice):
        return float(curve.var())
    return float((_hats(np.linspace(0, 1, 201)) @ curve).var())
