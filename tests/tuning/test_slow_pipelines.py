"""Slow pipelines: the time is told before the start, outcomes come in any order, and a time budget ends a run."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

import isptune.tuning.run
import isptune.tuning.unfinished
from isptune.errors import ConfigError, RunFolderError
from isptune.library import expected, progress
from isptune.runs.log import RunLog
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import load_scenes
from isptune.system.durations import in_time_words, parse_duration
from isptune.tuning.bench import AtHand, Bench
from isptune.tuning.clock import SearchClock
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.run import run
from tests import toys
from tests.test_cli import SHORT, TOY

SETTINGS = RunSettings(
    pipeline="tint",
    objectives=("redness",),
    scenes=("cat",),
    resize="24",
    population=4,
    generations=6,
    confirm=2,
    second_opinions=("none",),
    device="cpu",
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45min", 2700), ("45 m", 2700), ("2h", 7200), ("1.5h", 5400), ("1h30m", 5400),
                          ("1d 2h", 93600)]
)  # fmt: skip
def test_times_are_read_as_people_write_them(text, seconds):
    assert parse_duration(text, "budget_time") == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "2 hours", "2h!", "0s", "1e3s"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ConfigError, match="budget_time = "):
        RunSettings(budget_time=text)


@pytest.mark.parametrize(
    ("seconds", "words"), [(3.21, "3.2 s"), (42.4, "42 s"), (720, "12 min"), (3599, "1 h"), (12000, "3 h 20 min"),
                           (7200, "2 h"), (86400, "1 d"), (190800, "2 d 5 h")]
)  # fmt: skip
def test_times_are_told_in_one_or_two_units(seconds, words):
    assert in_time_words(seconds) == words


def test_outcomes_in_any_order_give_the_same_scores():
    scenes = load_scenes(["cat", "rocket"], resize="24")
    evaluator = Evaluator(toys.Tint(), {"redness": toys.redness(None)}, scenes)
    candidates = [{"tint.red": 0.02 * i, "tint.green": 0.0} for i in range(20)]
    in_order = evaluator.evaluate(candidates, 1)
    seen = []
    backwards = evaluator.evaluate(
        candidates,
        1,
        on_part=lambda done, total: seen.append((done, total)),
        run_parts=lambda parts: reversed([(i, evaluator.evaluate_part(p)) for i, p in enumerate(parts)]),
    )
    assert backwards == in_order
    assert [total for _, total in seen] == [20] * len(seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (20, 20)


class _Ticking:
    """A clock that each generation moves on by ten seconds."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 5.0  # read at the beginning and at the end of a generation
        return self.now


@pytest.fixture
def ticking(monkeypatch):
    clock = _Ticking()
    monkeypatch.setattr(isptune.tuning.run, "time", clock)
    return clock


def test_a_time_budget_ends_a_run_before_a_generation_that_would_not_fit(tmp_path, toys, ticking):
    settings = replace(SETTINGS, budget_time="24s")
    folder = run(Bench(settings), tmp_path / "r")
    # Each generation takes 5 s by this clock: four fit into 24 s, a fifth would end at 25 s.
    assert len(RunLog(folder).generations()) == 4
    recommended = json.loads((folder / "recommended.json").read_text())
    assert recommended["stop_reason"] == "time budget of 24s used"


def test_a_run_that_time_ended_ends_there_again(tmp_path, toys, ticking):
    settings = replace(SETTINGS, budget_time="24s")
    folder = run(Bench(settings), tmp_path / "r")
    before = {name: (folder / name).read_bytes() for name in ("trials.jsonl", "recommended.json")}
    (folder / "recommended.json").unlink()  # killed while it handed over
    run(Bench(settings), folder)
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_time_that_earlier_sessions_used_counts(tmp_path):
    clock = SearchClock(tmp_path, "1min")
    assert clock.allows_another()
    clock.add(40.0)
    again = SearchClock(tmp_path, "1min")
    assert again.allows_another()  # no generation is known to take longer than the 20 s that are left
    again.add(15.0)
    assert not again.allows_another()
    assert SearchClock(tmp_path, "1min").stopped == "time budget of 1min used"


def test_without_a_time_budget_nothing_is_kept(tmp_path):
    clock = SearchClock(tmp_path, None)
    clock.add(1e9)
    assert clock.allows_another()
    assert not list(tmp_path.iterdir())


class _TwoHours:
    """A clock by which every trial takes two hours."""

    def __init__(self):
        self.calls = 0

    def perf_counter(self):
        self.calls += 1
        return 7200.0 * (self.calls // 2)


def test_a_slow_trial_is_announced_with_what_all_of_them_take(isptune, monkeypatch):
    monkeypatch.setattr(expected, "time", _TwoHours())
    status, out, _ = isptune("run", *TOY, *SHORT, "--out", "r", "--budget-time", "8h")
    assert status == 0
    assert "a trial takes about 2 h: 18 trials, 1 at a time, about 1 d 12 h" in out
    assert "the time budget of 8h is enough for about 4" in out


def test_progress_within_a_generation_is_told_where_it_takes_long(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.RunProgress(Console(), "x") as shown:
        shown.part(1, 30)
        now[0] = 31.0
        shown.part(12, 30)
        now[0] = 33.0
        shown.part(13, 30)
        now[0] = 90.0
        shown.part(30, 30)
    assert capsys.readouterr().out == "12 of 30 trials of this generation\n"


class _CutOff(toys.Tint):
    """Renders one candidate at a time, and is cut off at the given one."""

    facts = replace(toys.Tint.facts, max_batch=1)

    def __init__(self, cut_off_at=None):
        super().__init__()
        self.cut_off_at = cut_off_at

    def render(self, scene, params, seed):
        if len(self.batches) == self.cut_off_at:
            raise KeyboardInterrupt
        return super().render(scene, params, seed)


def _bench_of(pipeline):
    return Bench(SETTINGS, at_hand=AtHand(pipeline))


@pytest.mark.parametrize("torn", [b"", b'\n{"part": "a', b"\n\xff\xfe\n"])
def test_what_was_done_of_a_generation_is_not_done_again(tmp_path, toys, monkeypatch, torn):
    monkeypatch.setattr(isptune.tuning.unfinished, "WORTH_KEEPING_S", 0.0)
    whole = _bench_of(_CutOff())
    run(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(_bench_of(_CutOff(cut_off_at=7)), tmp_path / "cut")
    with open(tmp_path / "cut" / "unfinished.jsonl", "ab") as file:
        file.write(torn)
    again = _bench_of(_CutOff())
    run(again, tmp_path / "cut")
    for name in ("trials.jsonl", "recommended.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert len(again.pipeline.batches) == len(whole.pipeline.batches) - 7
    assert not (tmp_path / "cut" / "unfinished.jsonl").exists()


def test_outcomes_of_quick_trials_are_not_kept(tmp_path, toys):
    with pytest.raises(KeyboardInterrupt):
        run(_bench_of(_CutOff(cut_off_at=7)), tmp_path / "r")
    assert not (tmp_path / "r" / "unfinished.jsonl").exists()


class _Versioned(toys.Tint):
    def __init__(self, version):
        super().__init__()
        self.facts = replace(toys.Tint.facts, uses_seed=False, versions={"developer": version})


def test_a_pipeline_that_ignores_seeds_is_confirmed_once_and_another_version_is_refused(tmp_path, toys):
    bench = _bench_of(_Versioned("1"))
    assert len(bench.seeds.to_confirm()) == 1
    folder = run(bench, tmp_path / "r")
    assert json.loads((folder / "provenance.json").read_text())["versions"] == {"developer": "1"}
    (folder / "recommended.json").unlink()
    other = _bench_of(_Versioned("2"))
    with pytest.raises(RunFolderError, match="developer changed since this run began"):
        run(other, folder)
