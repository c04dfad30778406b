"""Writers are told of every trial once, in order, and cost the run nothing when they fail."""

import pytest

from isptune.interfaces import RunWriter, WrittenRun
from isptune.library.writing import AGAIN_AFTER_S, Writing
from isptune.runs.log import Trial
from isptune.runs.record import read_run
from isptune.runs.settings import RunSettings
from isptune.runs.times import Span, append_times
from isptune.tuning.status import Status
from tests.report.folders import write_run


class Notes:
    """A writer that keeps what it is told."""

    def __init__(self, fails_at=None):
        self.told, self.fails_at = [], fails_at

    def begin(self, run):
        self.told.append(("begin", run.name, run.settings["pipeline"]))

    def trials(self, trials):
        if self.fails_at == trials[0].generation:
            self.fails_at = None  # the server is back the next time
            raise OSError("no route to postgresql://me:secret@host/db")
        self.told += [(one.number, one.generation, one.numbers, one.error, one.ended) for one in trials]

    def end(self, end):
        self.told.append(
            ("end", sorted(end.params), sorted(end.scores), [path.name for path in end.pictures])
        )


def _run(folder):
    read = read_run(folder)
    objectives = {one.name: one.direction for one in read.objectives}
    return WrittenRun(read.name, RunSettings().as_dict(), read.params, objectives)


def _status(generation, trials, spans, replayed):
    return Status(generation + 1, 0, 0, None, None, 0, replayed, tuple(trials), tuple(spans))


@pytest.fixture
def writing(tmp_path, monkeypatch):
    write_run(tmp_path / "run", generations=2)
    writers = {"good": Notes(), "bad": Notes(fails_at=1)}
    assert all(isinstance(one, RunWriter) for one in writers.values())
    monkeypatch.setattr("isptune.library.writing.build", lambda kind, spec: writers[spec])
    said = []
    now = [0.0]
    made = Writing(
        tmp_path / "run", _run(tmp_path / "run"), ["blur"], ["bad", "good"], said.append, lambda: now[0]
    )
    return made, writers, said, now


def test_a_writer_that_fails_is_told_of_once_and_gets_what_it_missed_later(writing, tmp_path):
    writing, writers, said, now = writing
    append_times(tmp_path / "run", 0, [Span(1.0, 2.0, 0.5)])
    writing.begin()
    first = Trial(0, {"x": 1.0}, {"ssim": 0.5}, levels=(0.3,), l1=0.1, l1_normalised=0.2)
    writing.update(_status(0, [first], [], replayed=True))
    for generation in (1, 2):
        writing.update(
            _status(generation, [Trial(0, {"x": 2.0}, error="dark")], [Span(3.0, 4.0, 1.0)], replayed=False)
        )
    told_in_time = list(writers["bad"].told)
    now[0] = AGAIN_AFTER_S
    writing.update(_status(3, [Trial(0, {"x": 2.0}, error="dark")], [], replayed=False))
    writing.end()
    assert said == [
        "warning: bad does not write, and is tried again later: OSError: no route to postgresql://me:***@host/db"
    ]
    begin, *trials, end = writers["good"].told
    assert begin == ("begin", "run", "synthetic")
    assert trials[0] == (0, 0, {"ssim": 0.5, "l1": 0.1, "l1_normalised": 0.2}, None, 2.0)
    assert trials[1:3] == [(1, 1, {}, "dark", 4.0), (2, 2, {}, "dark", 4.0)]
    assert end[2] == ["ssim"]
    assert end[3] == [f"astronaut_{kind}.png" for kind in ("default", "recommended", "reference")]
    assert len(told_in_time) == 2
    assert writers["bad"].told == writers["good"].told


def test_a_writer_that_is_away_at_the_end_is_told_of(writing):
    writing, writers, said, _ = writing
    writers["bad"].fails_at = 0
    writing.begin()
    writing.update(_status(0, [Trial(0, {"x": 1.0}, {"ssim": 0.5})], [], replayed=False))
    writers["bad"].fails_at = 0
    writing.end()
    assert said[-1] == "warning: bad lacks 1 of 1 trials, and the end"


def test_tensorboard_gets_the_curves_at_the_times_of_the_trials_and_the_pictures(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "run"
    generations, answer = write_run(folder, generations=2)
    writing = Writing(folder, _run(folder), [], [f"tensorboard:{tmp_path / 'tb'}"], print)
    writing.begin()
    for generation in generations:
        spans = [Span(100.0, 200.0 + generation.generation, 1.0)] * 8
        writing.update(_status(generation.generation, generation.trials, spans, replayed=False))
    writing.end()
    read = EventAccumulator(str(tmp_path / "tb" / "run"), size_guidance={"scalars": 0, "images": 0})
    read.Reload()
    curve = read.Scalars("trials/ssim")
    trials = [trial for generation in generations for trial in generation.trials]
    assert [point.step for point in curve] == list(range(16))
    assert [point.value for point in curve] == pytest.approx([t.scores["ssim"] for t in trials], rel=1e-6)
    assert curve[-1].wall_time == 201.0
    assert read.Tags()["images"] == [f"astronaut_{kind}" for kind in ("default", "recommended", "reference")]
    recommended = read.Scalars("recommended/ssim")[0].value
    assert recommended == pytest.approx(answer["objectives"]["ssim"]["recommended"]["mean"], rel=1e-6)


@pytest.mark.filterwarnings("ignore")  # MLflow and what it stands on warn of each other
def test_mlflow_gets_settings_curves_and_pictures(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.chdir(tmp_path)  # MLflow puts artifacts into ./mlruns
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/ml.db")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/ml.db")
    generations, _ = write_run(tmp_path / "run", generations=2)
    writing = Writing(tmp_path / "run", _run(tmp_path / "run"), [], ["mlflow:mine"], print)
    writing.begin()
    for generation in generations:
        writing.update(_status(generation.generation, generation.trials, [], replayed=True))
    writing.end()
    client = mlflow.MlflowClient()
    (found,) = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert found.data.params["pipeline"] == "synthetic"
    assert len(client.get_metric_history(found.info.run_id, "ssim")) == 16
    assert len(client.list_artifacts(found.info.run_id, "images")) == 3
