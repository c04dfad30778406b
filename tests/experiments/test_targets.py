"""Objectives as targets: what a search came to is read from its log, and tables are what the committed figures give."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.scorenet import as_target as older
from experiments.targets import run as running
from experiments.targets.comparing import by_photograph, pairs, relations, standings
from experiments.targets.correlates import Correlates, read_correlates, write_correlates
from experiments.targets.ends import End, curve, read_ends, write_ends
from experiments.targets.gallery import liked_most
from experiments.targets.protocol import CHAINS, GROUPS, MARKS, PHOTOGRAPHS, Budget, Case, in_turn
from experiments.targets.tables import written
from isptune.distortions import get
from isptune.errors import ConfigError, RunFolderError
from isptune.registry import build, installed
from isptune.runs.log import Generation, Trial

FOLDER = Path(running.__file__).parent
SMALL = Budget(population=4, generations=2, seeds=2, crop="128x128", resize="48", confirm=1)


def end(objective="a", scene="kodak/3", l1=0.1, **others):
    facts = {"group": "learned", "chain": "default", "family": "warped", "seed": 0, "evaluations": 300}
    facts |= {"levels": (l1, -l1, l1, -l1, l1), "start": 0.24, "psnr": 30.0, "score": 1.0, "pristine": 0.5}
    facts |= {
        "spread": 0.25,
        "curve": (0.2,) + (math.nan,) * (len(MARKS) - 1),
        "render_ms": 1.0,
        "score_ms": 2.0,
    }
    return End(objective=objective, scene=scene, l1=l1, params=(0.5,) * 5, **(facts | others))


def test_the_chains_are_what_they_are_called():
    kinds = {
        name: [get(part.partition(":")[0]).group for part in text.split(",")] for name, text in CHAINS.items()
    }
    assert kinds["functions"] == kinds["default"]
    names = {name: {part.partition(":")[0] for part in text.split(",")} for name, text in CHAINS.items()}
    assert names["functions"] & names["default"] == {
        "jpeg"
    }  # the one other codec takes ten times as long as all else
    assert not names["kinds"] & (names["default"] | names["functions"])
    for text in CHAINS.values():
        assert len(build("pipeline", "synthetic", chain=text).space.names) == 5


def test_all_objectives_that_come_with_the_package_and_need_nothing_more_are_compared():
    ours = {name.partition(":")[0] for names in GROUPS.values() for name in names}
    elsewhere = {
        "mtf50", "overshoot", "snr", "visual_noise", "acutance", "colorchecker",  # charts
        "camera", "task", "study", "command", "weighted", "arniqa", "iqa_pytorch",  # raw, labels, or another's
        "brisque", "scorenet-align",  # brisque-refit, and scorenet, by other names
    }  # fmt: skip
    assert ours == set(installed("objective")) - elsewhere


def test_every_beginning_of_the_photographs_is_of_both_folders():
    order = in_turn(PHOTOGRAPHS)
    assert sorted(order) == sorted(PHOTOGRAPHS)
    assert {Path(one).parent.name for one in order[:2]} == {"kodak", "cid22"}
    assert in_turn([]) == []


def test_the_curve_is_that_of_the_best_trial_so_far_by_its_own_score():
    scores = np.random.default_rng(0).normal(size=120)
    trials = [
        Trial(i % 2, {}, {"x": float(s)}, levels=(0.0,), l1_normalised=i / 120) for i, s in enumerate(scores)
    ]
    generations = [Generation(g, 0, tuple(trials[g * 12 : g * 12 + 12])) for g in range(10)]
    for repeat in (0, 1):
        own = np.arange(repeat, 120, 2)[:50]
        for sign in (1.0, -1.0):
            found = curve(generations, repeat, "x", sign)
            assert found[0] == own[np.argmax(sign * scores[own])] / 120
            assert all(math.isnan(value) for value in found[1:])
        last = own[48:50]  # the ninth generation of six has two of the first fifty
        assert curve(generations, repeat, "x", 1.0, relative=True)[0] == last[np.argmax(scores[last])] / 120


@pytest.mark.slow
def test_a_search_goes_on_with_a_larger_budget_and_is_not_done_twice(tmp_path, monkeypatch):
    case = Case("tv", "default", "warped", ("bundled:coffee",))
    first = running.Leading(None, tmp_path, SMALL).ends(case)
    assert [one.seed for one in first] == [0, 1]
    assert {one.evaluations for one in first} == {8}
    more = running.Leading(None, tmp_path, replace(SMALL, generations=4))
    longer = more.ends(case)
    assert {one.evaluations for one in longer} == {16}
    assert [one.start for one in longer] == [one.start for one in first]
    monkeypatch.setattr(running, "run", None)  # would be called
    again = more.ends(case)
    np.testing.assert_allclose([one.levels for one in again], [one.levels for one in longer], atol=1e-4)
    assert repr(running.collected(tmp_path)) == repr(again)  # NaN is no other NaN
    monkeypatch.undo()
    with pytest.raises(RunFolderError, match="takes more"):
        running.Leading(None, tmp_path, SMALL).ends(case)


@pytest.mark.slow
def test_gaming_says_whether_the_end_lies_above_the_pristine_picture(tmp_path):
    leading = running.Leading(None, tmp_path, replace(SMALL, generations=3))
    gamed, kept = (
        leading.ends(Case(name, "default", "warped", ("bundled:coffee",))) for name in ("tv", "ssim")
    )
    assert all(one.gaming > 0 and one.score > one.pristine for one in gamed)
    assert all(one.gaming < 0 for one in kept)
    assert [one.pristine for one in kept] == pytest.approx([1, 1])
    assert all(one.l1 == pytest.approx(np.abs(one.levels).mean(), abs=1e-4) for one in (*gamed, *kept))
    # The first generation is the same candidates for all, so that spreads are of the same pictures.
    logs = [
        next(tmp_path.glob(f"{name}/*/trials.csv")).read_text().splitlines()[1:9] for name in ("tv", "ssim")
    ]
    params = [[line.split(",")[3:8] for line in log] for log in logs]
    assert params[0] == params[1]


@pytest.mark.slow
def test_an_objective_that_compares_within_a_generation_has_no_pristine_score(tmp_path):
    case = Case("judge:depictqa", "kinds", "identity", ("bundled:cat",))
    (found,) = running.Leading(None, tmp_path, replace(SMALL, seeds=1, generations=1)).ends(case)
    assert math.isnan(found.gaming)
    assert found.group == "judge"


def test_a_search_that_fails_is_told_and_the_others_go_on(tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"1 searches failed:\nnothing default"):
        running.main([
            "--photograph", "bundled:coffee", "--runs", str(tmp_path), "--out", str(tmp_path / "out"), "--only",
            "nothing", "entropy", "--chains", "default", "--maps", "warped", "--crop", "64x64", "--resize", "32",
            "--population", "3", "--generations", "1", "--seeds", "1",
        ])  # fmt: skip
    assert [one.objective for one in read_ends(tmp_path / "out" / "ends.csv")] == ["entropy"]
    assert "2/2 entropy" in capsys.readouterr().out


def test_ends_are_read_as_they_were_written(tmp_path):
    one = end(pristine=math.nan, curve=tuple(float(f"{0.5 / (i + 1):.4f}") for i in range(len(MARKS))))
    write_ends(tmp_path / "ends.csv", [one])
    (found,) = read_ends(tmp_path / "ends.csv")
    assert math.isnan(found.pristine)
    assert replace(found, pristine=0.0) == replace(one, pristine=0.0)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="no table of ends"):
        read_ends(tmp_path / "other.csv")


def test_a_photograph_counts_once_however_many_seeds_and_chains_it_has():
    own = [end(l1=0.1, seed=0), end(l1=0.3, seed=1), end(l1=0.6, chain="kinds"), end(scene="kodak/5", l1=0.9)]
    assert by_photograph(own, lambda one: one.l1) == pytest.approx({"kodak/3": 0.4, "kodak/5": 0.9})


def test_differences_are_paired_over_photographs_and_corrected_for_all_pairs():
    random = np.random.default_rng(3)
    scenes = [f"kodak/{i}" for i in range(12)]
    hard = random.uniform(0, 0.5, 12)
    ends = [
        end(name, scene, l1=float(h + step))
        for name, step in (("a", 0.0), ("b", 0.02))
        for scene, h in zip(scenes, hard, strict=True)
    ]
    ends += [
        end("c", scene, l1=float(h))
        for scene, h in zip(scenes, hard + random.choice([-0.3, 0.3], 12), strict=True)
    ]
    found = {(pair.first, pair.second): pair for pair in pairs(ends)}
    assert found["a", "b"].real
    assert found["a", "b"].difference.mean == pytest.approx(-0.02)
    assert found["a", "b"].p_holm == pytest.approx(3 * 2 / 2**12)  # Holm: the smallest of three
    assert not found["a", "c"].real
    stood = {one.objective: one for one in standings(ends, list(found.values()))}
    assert (stood["a"].beats, stood["b"].beats) == (1, 0)
    assert stood["a"].best is None  # one seed
    two = [*ends, *(replace(one, seed=1, score=2.0, l1=0.0) for one in ends)]
    best = {one.objective: one.best for one in standings(two, [])}
    assert best["a"].mean == 0  # the seed that its own score finds better


def test_nearness_is_related_to_what_is_asked_of_metrics():
    ends = [end(f"m{i}", scene, l1=0.1 * i) for i in range(6) for scene in ("kodak/3", "kodak/5")]
    known = {f"m{i}": Correlates(f"m{i}", 0.9 - 0.1 * i, 0, 1, 350, 0.1 * i, 0.5, 0.9, 4) for i in range(6)}
    known["m5"] = replace(known["m5"], people=math.nan)
    found = {(one.what, one.among): one for one in relations(standings(ends, []), known)}
    assert found["SROCC with people", "without a reference"].value.value == pytest.approx(1)
    assert found["SROCC with people", "without a reference"].objectives == 5
    assert found["SROCC with severity", "all"].value.value == pytest.approx(-1)


def test_what_was_correlated_is_kept(tmp_path):
    row = Correlates("a", math.nan, math.nan, math.nan, 0, 0.9, 0.8, 1.0, 4)
    assert read_correlates(tmp_path / "c.csv") == {}
    write_correlates(tmp_path / "c.csv", {"a": row})
    found = read_correlates(tmp_path / "c.csv")["a"]
    assert math.isnan(found.people)
    assert (found.severity, found.pictures, found.objective) == (0.9, 0, "a")


def test_the_gallery_shows_what_is_clearly_preferred_to_the_pristine_picture():
    ends = [end("a", score=0.6), end("a", score=0.9), end("b", score=0.4), end("c", "cid22/1", score=9.0)]
    assert [(one.objective, one.score) for one in liked_most(ends)] == [("a", 0.9)]


def test_the_tables_are_what_the_committed_figures_give():
    for name, text in written(FOLDER).items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, (
            f"python -m experiments.targets.tables writes {name}"
        )


def test_the_older_tables_are_what_their_figures_give():
    for name in ("as_target", "as_target_others"):
        text = older.written(FOLDER.parent / "scorenet" / f"{name}.csv")
        assert (FOLDER.parent / "scorenet" / f"{name}.md").read_text() == text
