"""A run in an Optuna storage: of a file, of a database, of a real PostgreSQL; a storage that is away costs nothing."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest

from isptune.interfaces import RunWriter, WrittenEnd, WrittenRun, WrittenTrial
from isptune.library.writing import Writing
from isptune.runs.record import read_run
from isptune.space import Choice, Integer, Real
from isptune.tuning.status import Status
from isptune.writers.optuna_storage import build, opened
from tests.report.folders import write_run

PARAMS = (
    Real("blur.radius", 0.0, 4.0, default=1.0),
    Integer("steps", 1, 9, default=3),
    Choice("method", ("fast", "slow"), default="fast"),
)
SETTINGS = {"seed": 3, "scenes": ("a.png",), "holdout": None}
RUN = WrittenRun("mine", SETTINGS, PARAMS, {"ssim": "maximize", "tv": "minimize"})


def _trial(number, error=None):
    numbers = {} if error else {"ssim": number / 10, "tv": 2.0, "l1": 0.5}
    params = {"blur.radius": 0.1 * number, "steps": 2, "method": "slow"}
    times = (1.7e9, 1.7e9 + 2, 0.5)
    return WrittenTrial(number, number // 2, 0, params, numbers, error, *times, {"gaussian_blur": 0.25})


def _written(address, trials, run=RUN):
    writer = build(address)
    assert isinstance(writer, RunWriter)
    writer.begin(run)
    writer.trials(trials)
    return writer


def _studies(address):
    with opened(address) as storage:
        names = optuna.get_all_study_names(storage)
        studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
        return [
            SimpleNamespace(
                study_name=one.study_name, directions=one.directions, metric_names=one.metric_names,
                trials=one.trials, user_attrs=one.user_attrs,
            )
            for one in studies
        ]  # fmt: skip


@contextmanager
def postgresql(folder):
    """A server of our own on loopback. Yields its address."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    places = os.pathsep.join([os.environ.get("PATH", ""), *map(str, reversed(installed))])
    programs = [shutil.which(name, path=places) for name in ("initdb", "postgres")]
    if None in programs:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    as_somebody = []
    if os.getuid() == 0:  # it refuses to be root's
        shutil.chown(folder, "nobody")
        as_somebody = ["setpriv", "--reuid=nobody", "--clear-groups"]
    data, sockets = folder / "data", folder
    environment = {**os.environ, "LC_ALL": "C"}
    made = subprocess.run(
        [*as_somebody, programs[0], "-D", data, "-U", "isptune", "--auth=trust", "--no-sync"],
        capture_output=True, text=True, env=environment, cwd="/",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*as_somebody, programs[1], "-D", data, "-k", sockets, "-h", "127.0.0.1", "-p", str(port), "-F"]
    server = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment, cwd="/"
    )
    try:
        assert any("ready to accept connections" in line for line in server.stderr)
        yield f"postgresql+pg8000://isptune@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # end, whoever is connected
        server.communicate(timeout=30)


@pytest.fixture(params=["journal", "sqlite", "postgresql"])
def address(request, tmp_path_factory):
    if request.param != "postgresql":
        folder = tmp_path_factory.mktemp("storage")
        yield str(folder / "team.journal") if request.param == "journal" else f"sqlite:///{folder}/team.db"
        return
    pytest.importorskip("pg8000", reason="pg8000, a driver of PostgreSQL, is not installed")
    unowned = tempfile.TemporaryDirectory(prefix="isptune-pg-", ignore_cleanup_errors=True)
    with unowned as name, postgresql(Path(name)) as found:
        yield found


def test_a_run_and_its_going_on_are_one_study_with_scores_truth_and_times(address):
    _written(address, [_trial(0), _trial(1, error="dark")])
    writer = _written(
        address, [_trial(0), _trial(1, error="dark"), _trial(2)]
    )  # the run goes on: replayed first
    writer.end(WrittenEnd({"steps": 4}, {"ssim": 0.2}, {"ssim": 0.1}, {}, None, []))
    (study,) = _studies(address)
    assert study.study_name == "mine"
    assert [one.name for one in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.metric_names == ["ssim", "tv"]
    first, failed, last = study.trials
    assert first.values == [0.0, 2.0]
    assert failed.state.name == "FAIL"
    assert failed.user_attrs["error"] == "dark"
    assert last.params == {"blur.radius": pytest.approx(0.2), "steps": 2, "method": "slow"}
    assert last.user_attrs["l1"] == 0.5
    assert last.user_attrs["d_1 gaussian_blur"] == 0.25
    assert (last.datetime_complete - last.datetime_start).total_seconds() == 2
    recommended = study.user_attrs["recommended"]
    assert (recommended["params"], recommended["scores"], recommended["start"]) == (
        {"steps": 4},
        {"ssim": 0.2},
        {"ssim": 0.1},
    )


def test_another_run_of_the_same_name_is_a_study_of_its_own(tmp_path):
    address = f"sqlite:///{tmp_path}/team.db"
    _written(address, [_trial(0)])
    other = WrittenRun("mine", {**SETTINGS, "seed": 4}, PARAMS, RUN.objectives)
    _written(address, [_trial(0), _trial(1)], other)
    assert [(one.study_name, len(one.trials)) for one in _studies(address)] == [("mine", 1), ("mine (2)", 2)]


def test_a_storage_that_is_away_costs_a_warning_and_gets_all_when_it_is_there(tmp_path):
    generations, _ = write_run(tmp_path / "run", generations=3)
    read = read_run(tmp_path / "run")
    run = WrittenRun(read.name, read.config.as_dict(), read.params, {"ssim": "maximize"})
    address = f"sqlite:///{tmp_path}/away/team.db"
    said, now = [], [0.0]
    writing = Writing(tmp_path / "run", run, [], [f"optuna:{address}"], said.append, lambda: now[0])
    writing.begin()
    for number, generation in enumerate(generations):
        if number == 2:
            (tmp_path / "away").mkdir()
            now[0] = 100.0
        writing.update(Status(number + 1, 0, 0, None, None, 0, False, generation.trials))
    writing.end()
    assert len(said) == 1
    assert "unable to open database file" in said[0]
    (study,) = _studies(address)
    assert len(study.trials) == 24
    assert set(study.user_attrs["recommended"]["scores"]) == {"ssim"}


def test_what_is_no_address_is_told(tmp_path):
    from isptune.errors import ConfigError

    with pytest.raises(ConfigError, match="needs an address"):
        build(None)
    with pytest.raises(ConfigError, match="no such database"), opened("paper://shelf"):
        pass
