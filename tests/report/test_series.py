"""What the plots draw: numbers per generation, against sums done by hand."""

from pathlib import Path

import numpy as np
import pytest

from isptune.errors import RunFolderError
from isptune.report import series
from isptune.runs.facts import BenchRecord, ObjectiveRecord
from isptune.runs.log import Generation, Trial
from isptune.runs.provenance import Provenance
from isptune.runs.record import RunRecord, read_run
from isptune.runs.settings import RunSettings
from tests.report.folders import write_run

UP, DOWN = ObjectiveRecord("a", "maximize"), ObjectiveRecord("a", "minimize")


def _record(*generations):
    """Each generation a list of (repeat, score or None)."""
    made = tuple(
        Generation(i, i, tuple(Trial(r, {"x": s or 0.0}, {} if s is None else {"a": s}) for r, s in trials))
        for i, trials in enumerate(generations)
    )
    return _with(made)


def _with(generations):
    return RunRecord(
        Path(), RunSettings(), BenchRecord(()), Provenance(), None, (), (UP,), (), generations, None
    )


def test_best_so_far_follows_the_direction_and_skips_failures():
    record = _record(
        [(0, None), (0, None)], [(0, 2.0), (0, 5.0)], [(0, 3.0), (0, None)], [(0, 1.0), (0, 6.0)]
    )
    np.testing.assert_equal(series.best_so_far(record, UP, 0), [np.nan, 5, 5, 6])
    np.testing.assert_equal(series.best_so_far(record, DOWN, 0), [np.nan, 2, 2, 1])


def test_a_repeat_that_stopped_keeps_its_best():
    record = _record([(0, 1.0), (1, 2.0)], [(0, 4.0)], [(0, 3.0)])
    np.testing.assert_equal(series.best_so_far(record, UP, 1), [2, 2, 2])
    curves = [series.best_so_far(record, UP, repeat) for repeat in record.repeats]
    np.testing.assert_equal(series.median_over(curves), [1.5, 3, 3])


def test_the_spread_is_the_quantiles_of_what_succeeded():
    record = _record([(0, v) for v in (1.0, 2.0, 3.0, 4.0, 5.0, None)], [(0, None)])
    each = series.spread(record, lambda trial: trial.scores.get("a"))
    np.testing.assert_equal([each.low, each.median, each.high], [[2, np.nan], [3, np.nan], [4, np.nan]])


def test_a_measure_of_the_best_trial_is_read_off_the_best_not_averaged():
    record = _record([(0, 1.0), (0, 9.0), (1, 20.0)], [(0, None)])
    np.testing.assert_equal(
        series.of_best(record, UP, lambda trial: float(trial.params["x"]) * 10, 0), [90, np.nan]
    )
    np.testing.assert_equal(
        series.of_best(record, DOWN, lambda trial: float(trial.params["x"]) * 10, 0), [10, np.nan]
    )


def test_failures_are_sorted_by_how_often_they_occur():
    trials = tuple(Trial(0, {}, error=error) for error in ("b", "a", "a", None))
    record = _with((Generation(4, 0, trials), Generation(5, 0, trials[:1])))
    assert series.failures(record) == {"a": [4, 4], "b": [4, 5]}


def test_the_shares_of_a_choice_sum_to_one_and_count_the_trials(tmp_path):
    generations, _ = write_run(tmp_path / "run", generations=3, choice=True, finished=False)
    table = series.shares(read_run(tmp_path / "run"), "demosaic.method", ["fast", "careful", "slow"])
    np.testing.assert_allclose(table.sum(axis=0), 1)
    careful = [trial.params["demosaic.method"] for trial in generations[1].trials].count("careful")
    assert table[1, 1] == careful / 8


def test_a_record_knows_what_was_tuned_what_was_fixed_and_the_best_trial(tmp_path):
    generations, _ = write_run(tmp_path / "run", objectives=("tv",), generations=3)
    record = read_run(tmp_path / "run")
    assert [param.name for param in record.params] == ["denoise.strength", "sharpen.radius", "tone.points"]
    lowest = min(trial.scores["tv"] for generation in generations for trial in generation.trials)
    best = record.best_trial(record.objectives[0])
    assert best is not None
    assert best.scores["tv"] == lowest
    assert record.single == record.objectives[0]


def test_before_the_first_generation_the_tuned_parameters_are_those_of_the_patterns(tmp_path):
    write_run(tmp_path / "run", generations=0, finished=False, config={"tune": ["tone.*"]})
    assert [param.name for param in read_run(tmp_path / "run").params] == ["tone.points"]


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(RunFolderError, match="nowhere: no such run folder"):
        read_run(tmp_path / "nowhere")
