"""A run goes on with more budget."""

import pytest

from isptune.errors import RunFolderError
from isptune.runs.settings import RunSettings, read_settings
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from tests.tuning.test_run import REPRODUCIBLE, SETTINGS

pytestmark = pytest.mark.usefixtures("toys")


def bench(**changes):
    return Bench(
        RunSettings(**{**SETTINGS, "repeats": 1, "confirm": 2, "second_opinions": ("none",), **changes})
    )


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["cma", "es", "optuna"])
def test_a_finished_run_that_is_extended_is_the_run_with_that_budget_from_the_start(tmp_path, optimizer):
    run(bench(optimizer=optimizer, generations=3), tmp_path / "r")
    run(bench(optimizer=optimizer, generations=5), tmp_path / "r", extend=True)
    run(bench(optimizer=optimizer, generations=5), tmp_path / "whole")
    for name in REPRODUCIBLE:
        assert (tmp_path / "r" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_without_the_word_another_budget_is_another_run_and_less_is_refused(tmp_path):
    run(bench(generations=2), tmp_path / "r")
    with pytest.raises(RunFolderError, match="generations = 2 there, 3 now.*or go on with --extend"):
        run(bench(generations=3), tmp_path / "r")
    with pytest.raises(RunFolderError, match="has 2 generations; --extend takes more, not 1"):
        run(bench(generations=1), tmp_path / "r", extend=True)
    with pytest.raises(RunFolderError, match="holds another run .*seed = 0 there, 1 now"):
        run(bench(generations=3, seed=1), tmp_path / "r", extend=True)
    with pytest.raises(RunFolderError, match="holds no run that could go on"):
        run(bench(generations=3), tmp_path / "other", extend=True)
    assert read_settings(tmp_path / "r").generations == 2


def test_an_optimizer_that_plans_by_its_budget_says_so_and_the_run_stays_finished(tmp_path, monkeypatch):
    from isptune.optimizers import cma

    run(bench(generations=2), tmp_path / "r")
    real = cma.build
    monkeypatch.setattr(cma, "build", lambda *a, **given: real(*a, **{**given, "seed": given["budget"]}))
    before = (tmp_path / "r" / "recommended.json").read_bytes()
    with pytest.raises(RunFolderError, match="cma plans by its whole budget"):
        run(bench(generations=3), tmp_path / "r", extend=True)
    assert (tmp_path / "r" / "recommended.json").read_bytes() == before
    assert read_settings(tmp_path / "r").generations == 2
