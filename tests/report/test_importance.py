"""Importances against the functional analysis of variance of known functions, done on a grid."""

from pathlib import Path

import numpy as np
import pytest

from isptune.report.importance import importance
from isptune.runs.facts import BenchRecord, ObjectiveRecord
from isptune.runs.log import Generation, Trial
from isptune.runs.provenance import Provenance
from isptune.runs.record import RunRecord
from isptune.runs.settings import RunSettings
from isptune.space import Choice, Integer, Param, Real

LOSS = ObjectiveRecord("loss", "minimize")


def _record(params: tuple[Param, ...], candidates, losses):
    trials = [
        Trial(
            0,
            candidate,
            {} if loss is None else {"loss": float(loss)},
            error="failed" if loss is None else None,
        )
        for candidate, loss in zip(candidates, losses, strict=True)
    ]
    settings, bench = RunSettings(), BenchRecord(())
    return RunRecord(
        Path(),
        settings,
        bench,
        Provenance(),
        None,
        params,
        (LOSS,),
        (),
        (Generation(0, 0, tuple(trials)),),
        None,
    )


def _unit(names):
    return tuple(Real(name, 0.0, 1.0, 0.5) for name in names)


def _shrinking(count, seed, function, centre):
    """Points that close in on the optimum as those of an evolution strategy do."""
    rng = np.random.default_rng(seed)
    widths = np.repeat(0.3 * 0.9 ** np.arange(count // 30), 30)
    points = np.clip(centre + widths[:, None] * rng.normal(size=(len(widths), 3)), 0, 1)
    return points, [function(point) + 0.01 * rng.normal() for point in points]


def _quadratic(point):
    return 3 * (point[0] - 0.6) ** 2 + (point[1] - 0.6) ** 2


def test_shares_are_the_main_effects_also_where_the_trials_crowd_around_the_optimum():
    points, losses = _shrinking(1500, 0, _quadratic, np.full(3, 0.6))
    candidates = [dict(zip("abc", map(float, point), strict=True)) for point in points]
    found = importance(_record(_unit("abc"), candidates, losses), LOSS)
    # The variance of w (x - 0.6)^2 over [0, 1] is proportional to w^2: 9 to 1, and nothing for c.
    assert found is not None
    assert list(found.shares) == ["a", "b", "c"]
    assert found.shares["a"] == pytest.approx(0.9, abs=0.05)
    assert found.shares["b"] == pytest.approx(0.1, abs=0.05)
    assert found.shares["c"] < 0.01
    assert found.explained > 0.9


def test_what_parameters_do_only_together_is_not_explained():
    points = np.random.default_rng(1).random((600, 2))
    candidates = [{"a": float(a), "b": float(b)} for a, b in points]
    losses = [(a - 0.5) * (b - 0.5) for a, b in points]
    found = importance(_record(_unit("ab"), candidates, losses), LOSS)
    assert found is not None
    assert found.explained < 0.1


def test_choices_integers_and_logarithmic_ranges_count_on_their_own_scale():
    params = (
        Choice("mode", ("x", "y"), "x"),
        Integer("points", 1, 4, 2),
        Real("radius", 0.01, 100.0, 1.0, log=True),
    )
    rng = np.random.default_rng(2)
    candidates = [
        {
            "mode": str(rng.choice(["x", "y"])),
            "points": int(rng.integers(1, 5)),
            "radius": float(10 ** rng.uniform(-2, 2)),
        }
        for _ in range(400)
    ]
    losses = [float(c["mode"] == "y") + 0.5 * np.log10(c["radius"]) for c in candidates]
    found = importance(_record(params, candidates, losses), LOSS)
    assert found is not None
    # A fair coin has variance 1/4; half a uniform on [-2, 2] has 16/12/4 = 1/3.
    assert found.shares["mode"] == pytest.approx(0.25 / (0.25 + 1 / 3), abs=0.03)
    assert found.shares["points"] < 0.005


def test_failed_trials_and_an_absurd_score_do_not_decide():
    rng = np.random.default_rng(3)
    candidates = [{"a": float(a), "b": float(b)} for a, b in rng.random((400, 2))]
    losses: list[float | None] = [candidate["a"] for candidate in candidates]
    losses[7], losses[30:60] = 1e9, [None] * 30
    found = importance(_record(_unit("ab"), candidates, losses), LOSS)
    assert found is not None
    assert found.shares["a"] > 0.95


def test_too_few_trials_give_nothing_and_equal_scores_give_zeros():
    candidates = [{"a": 0.1 * i, "b": 0.5} for i in range(10)]
    assert importance(_record(_unit("ab"), candidates, [1.0] * 10), LOSS) is None
    found = importance(_record(_unit("ab"), candidates * 4, [1.0] * 40), LOSS)
    assert found is not None
    assert found.shares == {"a": 0.0, "b": 0.0}
