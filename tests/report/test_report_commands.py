"""The commands that read a run folder: `report`, `show`, `dashboard`."""

import datetime
import json
import shlex
import shutil
import subprocess
import sys
import time

import optuna
import pytest
from click.testing import CliRunner

import isptune.report.dashboard
from isptune.commands.dashboard import dashboard
from isptune.commands.report import report
from isptune.commands.show import show
from isptune.errors import IsptuneError, MissingExtra, RunFolderError
from isptune.runs.times import Span, append_times
from isptune.writers.optuna_storage import journal_storage
from tests.report.folders import write_run


def _call(command, *arguments):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if result.exception:
        raise result.exception
    return result.output


def test_report_writes_the_page_and_says_where(tmp_path):
    write_run(tmp_path / "run", generations=2)
    output = _call(report, tmp_path / "run")
    assert output == f"report: {(tmp_path / 'run' / 'report.html').as_uri()}\n"
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000


def test_errors_reach_the_command_line_as_they_are(tmp_path):
    for command in (report, show, dashboard):
        with pytest.raises(RunFolderError, match="no such run folder"):
            _call(command, tmp_path / "nowhere")


def test_show_prints_the_answer_and_where_the_report_is(tmp_path):
    _, answer = write_run(tmp_path / "run", generations=3, warnings=["[red]gamed[/red]"])
    output = _call(show, tmp_path / "run")
    assert "finished: 3 of 3 generations, 24 trials" in output
    assert f"denoise.strength  0.9      {answer['params']['denoise.strength']:.4g}" in output
    assert f"{answer['l1_normalised']['recommended']:.4g}" in output
    assert "stopped: budget of 96 evaluations used" in output
    assert "warning: [red]gamed[/red]" in output
    assert "report: none yet" in output
    assert any(line.split() == ["brisque", "31.5", "31.4", "same"] for line in output.splitlines())


def test_show_of_an_unfinished_run_prints_the_progress(tmp_path):
    generations, _ = write_run(
        tmp_path / "run", generations=2, finished=False, failing=lambda g, n: "no <light>" if n == 3 else None,
        config={"generations": 50},
    )  # fmt: skip
    output = _call(show, tmp_path / "run")
    best = max(t.scores["ssim"] for g in generations for t in g.trials if t.scores)
    assert "not finished: 2 of 50 generations, 16 trials, 2 failed" in output
    assert "2 x no <light>" in output
    assert f"best ssim seen: {best:.4g}" in output


@pytest.mark.slow
def test_show_and_report_load_no_torch(tmp_path):
    write_run(tmp_path / "run", generations=1)
    code = (
        "import sys, pathlib; from isptune.report.console import print_run; from rich.console import Console; "
        "from isptune.report.run_report import write_report; import isptune.commands.dashboard; "
        f"folder = pathlib.Path({str(tmp_path / 'run')!r}); print_run(folder, Console()); "
        "assert not {'torch', 'matplotlib', 'optuna', 'jinja2'} & set(sys.modules), sorted(sys.modules); "
        "write_report(folder); assert 'torch' not in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=300)


@pytest.mark.slow
def test_the_journal_holds_every_trial_as_the_log_does(tmp_path):
    generations, _ = write_run(
        tmp_path / "run", objectives=("ssim", "tv"), generations=2, choice=True, repeats=2,
        failing=lambda generation, number: "too dark" if number == 5 else None,
    )  # fmt: skip
    for _ in range(2):  # written again, not appended to
        output = _call(dashboard, tmp_path / "run", "--no-serve", "--port", "9000")
    journal = tmp_path / "run" / "optuna_journal.log"
    command = shlex.split(output.splitlines()[-1])
    assert command[0] == "optuna-dashboard"
    assert command[-1] == str(journal)
    assert "9000" in command
    study = optuna.load_study(study_name="run", storage=journal_storage(journal))
    trials = [trial for generation in generations for trial in generation.trials]
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert len(study.trials) == len(trials) == 32
    for ours, theirs in zip(trials, study.trials, strict=True):
        assert theirs.params == ours.params
        assert theirs.user_attrs["repeat"] == ours.repeat
        if ours.error:
            assert theirs.state == optuna.trial.TrialState.FAIL
            assert theirs.user_attrs["error"] == "too dark"
        else:
            assert theirs.values == [ours.scores["ssim"], ours.scores["tv"]]
            assert theirs.user_attrs["d_1 gaussian_blur"] == ours.levels[0]
    radius = study.trials[0].distributions["sharpen.radius"]
    assert radius == optuna.distributions.FloatDistribution(0.1, 10.0, log=True)
    assert not list((tmp_path / "run").glob("*.part*"))


def test_the_journal_has_the_real_times_follows_a_run_and_brings_its_pictures(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    write_run(folder, generations=3)
    whole = (folder / "trials.jsonl").read_bytes()
    (folder / "trials.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:1]))
    (folder / "recommended.json").rename(tmp_path / "later.json")
    (folder / "images").rename(tmp_path / "later")
    append_times(folder, 0, [Span(1000.0 + k, 1010.0 + k, 2.5) for k in range(8)])
    monkeypatch.setattr(isptune.report.dashboard, "FOLLOW_EVERY_S", 0.05)
    seen = []

    def served(storage, host, port, artifact_store):
        before = optuna.load_study(study_name="run", storage=storage)
        seen.append(
            [len(before.trials), before.trials[1].datetime_start, before.trials[1].user_attrs["took_s"]]
        )
        (folder / "trials.jsonl").write_bytes(whole)
        shutil.move(tmp_path / "later", folder / "images")
        shutil.move(tmp_path / "later.json", folder / "recommended.json")
        for _ in range(200):
            study = optuna.load_study(study_name="run", storage=storage)
            found = optuna.artifacts.get_all_artifact_meta(study)
            if len(study.trials) == 24 and len(found) == 3:
                break
            time.sleep(0.05)
        seen.append([len(study.trials), sorted(one.filename for one in found)])

    monkeypatch.setitem(sys.modules, "optuna_dashboard", type(sys)("optuna_dashboard"))
    monkeypatch.setattr(sys.modules["optuna_dashboard"], "run_server", served, raising=False)
    _call(dashboard, folder)
    kinds = ["default", "recommended", "reference"]
    assert seen == [
        [8, datetime.datetime.fromtimestamp(1001.0), 2.5],
        [24, [f"astronaut_{kind}.png" for kind in kinds]],
    ]


def test_a_missing_dashboard_says_how_to_install_it(tmp_path, monkeypatch):
    write_run(tmp_path / "run", generations=1)
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    with pytest.raises(MissingExtra, match=r"pip install 'isptune\[dashboard\]'"):
        _call(dashboard, tmp_path / "run")


def test_a_port_that_is_taken_is_one_line_and_an_open_host_a_warning(tmp_path, monkeypatch):
    write_run(tmp_path / "run", generations=1)
    served = []

    def busy(storage, host, port, artifact_store):
        served.append((host, port))
        raise OSError("Address already in use")

    monkeypatch.setitem(sys.modules, "optuna_dashboard", type(sys)("optuna_dashboard"))
    monkeypatch.setattr(sys.modules["optuna_dashboard"], "run_server", busy, raising=False)
    with pytest.raises(IsptuneError, match="127.0.0.1:8080 cannot be used"):
        _call(dashboard, tmp_path / "run")
    result = CliRunner().invoke(dashboard, [str(tmp_path / "run"), "--host", "0.0.0.0"])
    assert "can be reached by others" in result.output
    assert served == [("127.0.0.1", 8080), ("0.0.0.0", 8080)]


def test_a_trial_outside_its_range_is_an_error_that_leaves_no_journal(tmp_path):
    write_run(tmp_path / "run", generations=1, finished=False)
    bench = json.loads((tmp_path / "run" / "bench.json").read_text())
    bench["space"][0] |= {"low": 0.89, "high": 0.9}
    (tmp_path / "run" / "bench.json").write_text(json.dumps(bench))
    with pytest.raises(RunFolderError, match="does not fit"):
        _call(dashboard, tmp_path / "run", "--no-serve")
    assert not list((tmp_path / "run").glob("optuna*"))
