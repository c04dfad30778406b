"""Runs of folders and of storages in one table: the best first, and only what compares in one group."""

import csv
import io
import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from isptune.commands.leaderboard import leaderboard
from isptune.errors import ConfigError, IsptuneError
from isptune.interfaces import WrittenEnd, WrittenRun
from isptune.report.leaderboard import read_leaderboard
from isptune.runs.settings import RunSettings
from isptune.space import Real
from isptune.writers.optuna_storage import build
from tests.report.folders import write_run


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    for seed in (0, 1, 2):
        write_run(folder / f"ssim-{seed}", generations=3, seed=seed)
    write_run(folder / "team" / "tv", objectives=("tv",), generations=2)
    write_run(folder / "cut", generations=1, finished=False)
    (folder / "broken").mkdir()
    for name in ("config.json", "bench.json"):
        (folder / "broken" / name).write_text("{")
    return folder


def test_runs_that_compare_stand_together_the_best_first_and_the_rest_is_told(runs):
    board = read_leaderboard(str(runs))
    first, second = board.groups
    assert [one.run for one in second.runs] == ["team/tv"]
    *finished, cut = first.runs
    assert (cut.run, cut.state, cut.start) == ("cut", "stopped", None)
    assert sorted(one.run for one in finished) == ["ssim-0", "ssim-1", "ssim-2"]
    scores = [one.score for one in finished]
    assert scores == sorted(scores, reverse=True)
    assert all(one.gain == one.score - one.start for one in finished)
    assert second.runs[0].gain == second.runs[0].start - second.runs[0].score  # tv is better lower
    assert [line.split(":")[0] for line in board.left_out] == ["broken"]


def test_it_is_printed_as_a_table_json_csv_and_a_page(runs, tmp_path):
    def said(*options):
        result = CliRunner().invoke(leaderboard, [str(runs), *options], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        return result.stdout

    table = said("--out", str(tmp_path / "board.html"))
    assert "ssim on synthetic" in table
    assert "left out: broken" in table
    page = (tmp_path / "board.html").read_text()
    assert page.index(">ssim-") < page.index(">cut")
    assert "<script" not in page
    rows = list(csv.DictReader(io.StringIO(said("--csv"))))
    found = json.loads(said("--json"))
    assert len(rows) == sum(len(group["runs"]) for group in found["groups"]) == 5
    assert float(rows[0]["score"]) == found["groups"][0]["runs"][0]["score"]


def test_a_storage_gives_the_same_kind_of_table(tmp_path):
    address = f"sqlite:///{tmp_path}/team.db"
    space = (Real("x", 0.0, 1.0, default=0.5),)
    for seed, score in ((0, 0.7), (1, 0.9), (2, None)):
        settings = RunSettings(seed=seed).as_dict()
        writer = build(address)
        writer.begin(WrittenRun(f"run-{seed}", settings, space, {"ssim": "maximize"}))
        if score is not None:
            writer.end(WrittenEnd({"x": 0.1}, {"ssim": score}, {"ssim": 0.5}, {"ssim": score - 0.5}, 0.2, []))
    (group,) = read_leaderboard(address).groups
    assert group.by_held_out
    assert [(one.run, one.score, one.held_out, one.state) for one in group.runs] == [
        ("run-1", 0.9, 0.9 - 0.5, "finished"),
        ("run-0", 0.7, 0.7 - 0.5, "finished"),
        ("run-2", None, None, "open"),
    ]
    assert all(one.by for one in group.runs)


def test_what_is_no_place_of_runs_is_told(tmp_path):
    with pytest.raises(ConfigError, match="is no folder of runs"):
        read_leaderboard(str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match="holds no run"):
        read_leaderboard(str(tmp_path))
    with pytest.raises(ConfigError, match="no such file"):
        read_leaderboard(f"sqlite:///{tmp_path}/team.db")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_storage_is_told_and_left_as_it_is(tmp_path):
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as made:
        made.execute("create table mine (x)")
    before = other.read_bytes()
    with pytest.raises(IsptuneError, match="cannot be read"):
        read_leaderboard(f"sqlite:///{other}")
    assert other.read_bytes() == before
    (tmp_path / "notes.txt").write_text("no journal\n")
    with pytest.raises(IsptuneError, match="cannot be read|holds no run"):
        read_leaderboard(str(tmp_path / "notes.txt"))
