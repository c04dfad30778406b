"""Slow pipelines: the time is told before the start, outcomes come in any order, and a time budget ends a run."""

import json
from dataclasses import replace

import pytest
from rich.console import Console

import isptune.tuning.live_pictures
import isptune.tuning.run
import isptune.tuning.unfinished
from isptune.errors import ConfigError, RunFolderError
from isptune.library import forecast, progress
from isptune.library.forecast import Plan, RunClock
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
    settings = replace(SETTINGS, budget_time="39s")
    folder = run(Bench(settings), tmp_path / "r")
    # Each generation of four takes 5 s by this clock. Four fit into 39 s, since the hand-over will take 15 s: two
    # contenders under four fields of noise, and two candidates under two. A fifth would end at 25 s.
    assert len(RunLog(folder).generations()) == 4
    recommended = json.loads((folder / "recommended.json").read_text())
    assert recommended["stop_reason"] == "time budget of 39s used"


def test_a_run_that_time_ended_ends_there_again(tmp_path, toys, ticking):
    settings = replace(SETTINGS, budget_time="39s")
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


class _Minutes:
    """A clock that stands still until it is set."""

    def __init__(self):
        self.minute = 0.0

    def monotonic(self):
        return 60.0 * self.minute


@pytest.fixture
def minutes(monkeypatch):
    clock = _Minutes()
    monkeypatch.setattr(forecast, "time", clock)
    monkeypatch.setattr(progress, "time", clock)
    return clock


PLAN = Plan(trials=100, hand_over=20, advice="--workers N renders N at a time")


def test_what_is_left_is_told_from_the_batches_that_are_done_and_holds_the_hand_over(minutes):
    clock = RunClock(PLAN)
    assert (clock.left_s, clock.in_words()) == (None, None)
    minutes.minute, clock.done = 5, 10
    assert clock.left_s == 110 * 30
    assert clock.in_words() == (
        "about 55 min to go: 90 trials and 20 evaluations of what they found, 30 s each "
        "(--workers N renders N at a time)"
    )
    minutes.minute, clock.done, clock.handed_over = 55, 100, 10
    assert clock.left_s == 10 * 30


def test_trials_of_earlier_sessions_say_nothing_of_the_pace(minutes):
    clock = RunClock(PLAN)
    clock.replayed(60)
    minutes.minute, clock.done = 10, 70
    assert (clock.pace_s, clock.left_s) == (60, 50 * 60)


def test_a_time_budget_ends_the_forecast(minutes):
    clock = RunClock(replace(PLAN, budget_time="1h"))
    minutes.minute, clock.done = 10, 10
    assert clock.left_s == 50 * 60
    assert clock.in_words().endswith("; the time budget of 1h is enough for about 30 trials")


@pytest.mark.slow
def test_a_long_run_is_announced_once_its_pace_is_known(isptune, minutes, monkeypatch):
    real = toys.Tint.render

    def slow(self, scene, params, seed):
        minutes.minute += 2
        return real(self, scene, params, seed)

    monkeypatch.setattr(toys.Tint, "render", slow)
    status, out, _ = isptune("run", *TOY, *SHORT, "--out", "r")
    assert status == 0
    assert len([line for line in out.splitlines() if " to go: " in line]) == 1


def test_progress_within_a_generation_is_told_where_it_takes_long(minutes, capsys):
    with progress.RunProgress(Console(), "x", PLAN) as shown:
        for minute, done in (0.1, 1), (0.6, 12), (0.9, 13), (1.5, 30):
            minutes.minute = minute
            shown.part(done, 30)
    # 108 more evaluations at 3 s are 324 s.
    assert capsys.readouterr().out.splitlines()[-1] == (
        "12 of 30 trials of this generation, about 5 min left"
    )


def test_what_follows_the_search_is_told_too(minutes, capsys):
    with progress.RunProgress(Console(), "x", PLAN) as shown:
        for minute, done in (0.1, 1), (0.7, 5), (2.0, 20):
            minutes.minute = minute
            shown.hand_over(done, 20)
    assert "5 of 20 evaluations to choose among the best" in capsys.readouterr().out


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


def bench_of(pipeline):
    return Bench(SETTINGS, at_hand=AtHand(pipeline))


@pytest.mark.slow
@pytest.mark.parametrize("torn", [b"", b'\n{"part": "a', b"\n\xff\xfe\n"])
def test_what_was_done_of_a_generation_is_not_done_again(tmp_path, toys, monkeypatch, torn):
    monkeypatch.setattr(isptune.tuning.unfinished, "WORTH_KEEPING_S", 0.0)
    # Pictures of the live page are rendered as there is time for them.
    monkeypatch.setattr(isptune.tuning.live_pictures, "SCENES_SHOWN", 0)
    whole = bench_of(_CutOff())
    run(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(bench_of(_CutOff(cut_off_at=7)), tmp_path / "cut")
    with open(tmp_path / "cut" / "unfinished.jsonl", "ab") as file:
        file.write(torn)
    again = bench_of(_CutOff())
    run(again, tmp_path / "cut")
    for name in ("trials.jsonl", "recommended.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert len(again.pipeline.batches) == len(whole.pipeline.batches) - 7
    assert not (tmp_path / "cut" / "unfinished.jsonl").exists()


def test_outcomes_of_quick_trials_are_not_kept(tmp_path, toys):
    with pytest.raises(KeyboardInterrupt):
        run(bench_of(_CutOff(cut_off_at=7)), tmp_path / "r")
    assert not (tmp_path / "r" / "unfinished.jsonl").exists()


class Versioned(toys.Tint):
    def __init__(self, version):
        super().__init__()
        self.facts = replace(toys.Tint.facts, uses_seed=False, versions={"developer": version})


def test_a_pipeline_that_ignores_seeds_is_confirmed_once_and_another_version_is_refused(tmp_path, toys):
    bench = bench_of(Versioned("1"))
    assert len(bench.seeds.to_confirm()) == 1
    folder = run(bench, tmp_path / "r")
    assert json.loads((folder / "provenance.json").read_text())["versions"] == {"developer": "1"}
    (folder / "recommended.json").unlink()
    other = bench_of(Versioned("2"))
    with pytest.raises(RunFolderError, match="developer changed since this run began"):
        run(other, folder)
