"""`isptune verify` and `--holdout`: what a set is worth on scenes that its search never saw."""

import json
from xml.etree import ElementTree

import pytest

from isptune.runs.answer import HeldOut, Interval, ScorePair
from isptune.tuning.verification import Verified
from tests.toys import SHORT

pytestmark = pytest.mark.usefixtures("toys")

SCENES = [part for name in ("astronaut", "cat", "coffee", "rocket") for part in ("--scene", name)]
QUICK = ["--pipeline", "tint", "--objective", "redness", "--resize", "24", "--second-opinion", "none", *SHORT]
OTHERS = [part for name in ("astronaut", "coffee", "rocket") for part in ("--scene", name)]
"""Redness is the distance from a mean red of 0.8, which all of them are below."""


def _set(path, red):
    path.write_text(f'pipeline = "tint"\n[values]\ntint.red = {red}\ntint.green = 0.0\n')
    return str(path)


def _verify(isptune, *arguments):
    status, out, err = isptune("verify", *arguments, "--objective", "redness", "--resize", "24")
    return status, out, err


@pytest.mark.slow
def test_a_better_set_passes_and_a_worse_one_does_not(tmp_path, isptune):
    good, bad = _set(tmp_path / "good.toml", 0.2), _set(tmp_path / "bad.toml", -0.2)
    status, out, _ = _verify(isptune, good, "--against", bad, *OTHERS)
    assert (status, out.splitlines()[-1]) == (0, "passes: good may replace bad")
    status, out, _ = _verify(isptune, bad, "--against", good, *OTHERS)
    assert status == 1
    assert "worse on rocket: redness loses" in out
    assert "does not pass: redness does not call bad better than good" in out
    status, _, _ = _verify(isptune, good, *OTHERS)  # against the defaults, 0
    assert status == 0


@pytest.mark.slow
def test_the_verdict_is_written_for_people_and_for_machines(tmp_path, isptune):
    good, bad = _set(tmp_path / "good.toml", 0.2), _set(tmp_path / "bad<&.toml", -0.2)
    status, out, _ = _verify(isptune, bad, "--against", good, *OTHERS, "--out", "v", "--json")
    assert status == 1
    told = json.loads(out)
    assert told == json.loads((tmp_path / "v" / "verify.json").read_text())
    assert (told["passed"], told["objectives"]["redness"]["verdict"]) == (False, "worse")
    assert told["objectives"]["redness"]["gain"]["n"] == 3  # over scenes
    suite = ElementTree.fromstring((tmp_path / "v" / "junit.xml").read_bytes())
    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    assert [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None] == [
        "redness"
    ]
    page = (tmp_path / "v" / "report.html").read_text()
    assert "Does not pass" in page
    assert "bad&lt;&amp;" in page
    assert len(list((tmp_path / "v" / "images").glob("*.png"))) == 9
    status, _, err = _verify(isptune, good, *OTHERS, "--out", "v")
    assert (status, err.strip()) == (2, "isptune: v: exists; choose another --out")


@pytest.mark.slow
def test_a_run_holds_scenes_out_and_says_first_what_its_set_is_worth_there(tmp_path, isptune):
    status, out, err = isptune("run", *QUICK, *SCENES, "--holdout", "0.5", "--out", "r")
    assert status == 0, err
    answer = json.loads((tmp_path / "r" / "recommended.json").read_text())
    held_out = set(answer["held_out"]["scenes"])
    assert len(held_out) == 2
    assert held_out.isdisjoint(answer["scenes"])
    assert "on 2 scenes that the search never saw: redness" in out
    assert "Scenes that the search never saw" in (tmp_path / "r" / "report.html").read_text()
    status, out, _ = isptune("verify", "r", "--json")
    told = json.loads(out)
    assert set(told["scenes"]) == held_out
    assert (status == 0) == told["passed"]
    seen = next(iter(answer["scenes"]))
    status, _, err = _verify(isptune, "r", "--scene", seen)
    assert status == 2
    assert f"{seen}: is a scene of the search in r" in err


@pytest.mark.slow
def test_which_scenes_are_held_out_depends_on_the_seed_and_not_on_the_order(tmp_path, isptune):
    parts = []
    for number, (scenes, seed) in enumerate(
        [(SCENES, "0"), ([*SCENES[4:], *SCENES[:4]], "0"), (SCENES, "1")]
    ):
        status, _, err = isptune(
            "run", *QUICK, *scenes, "--holdout", "0.25", "--seed", seed, "--out", str(number)
        )
        assert status == 0, err
        answer = json.loads((tmp_path / str(number) / "recommended.json").read_text())
        parts.append(set(answer["scenes"]))
    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--holdout", "1"], "holdout = 1 is no share: above 0 and below 1"),
        (["--holdout", "0.5"], "of 1 scene none would be left"),
        (["--holdout", "cat"], "holdout: cat is the scene cat of the search"),
        (["--holdout", "0.5", "--holdout", "rocket"], "is one share, or scenes"),
        (["--holdout", "no.png"], "no.png: no such file"),
    ],
)
def test_what_cannot_be_held_out_is_refused_before_there_is_a_folder(tmp_path, isptune, arguments, message):
    status, _, err = isptune("run", *QUICK, "--scene", "cat", *arguments, "--out", "r")
    assert status == 2
    assert message in err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "held no scene out; give scenes that took no part in the search"),
        (["--scene", "cat", "--against", "no.toml"], "no.toml: no such file or run folder"),
        (["--scene", "no.png"], "no.png: no such file"),
    ],
)
def test_what_cannot_be_verified_is_one_line(tmp_path, isptune, arguments, message):
    status, _, err = _verify(isptune, _set(tmp_path / "a.toml", 0.1), *arguments)
    assert status == 2
    assert message in err


def _pair(*gains):
    gain = Interval.of(gains)
    return ScorePair(gain, Interval(0, 0, 0, len(gains)), gain)


def test_one_scene_that_loses_too_much_fails_a_set_that_gains_on_average():
    scenes = {
        "a": {"ssim": _pair(0.5, 0.5)},
        "b": {"ssim": _pair(0.4, 0.4)},
        "c": {"ssim": _pair(-0.1, -0.1)},
    }
    measured = HeldOut({"ssim": _pair(0.5, 0.4, 0.45)}, scenes)
    assert Verified("old", "new", measured, {"ssim": "maximize"}).passed
    found = Verified("old", "new", measured, {"ssim": "maximize"}, max_loss=0.05)
    assert found.failures == {("scene", "c"): "c loses 0.1 by ssim, more than 0.05"}
    assert Verified("old", "new", measured, {"ssim": "maximize"}, max_loss=0.2).passed


def test_an_objective_that_calls_it_worse_fails_it_and_one_that_is_not_sure_does_not():
    measured = HeldOut({"ssim": _pair(0.5, 0.5), "tv": _pair(0.5, 0.5), "niqe": _pair(-1.0, 1.0)}, {})
    directions = {"ssim": "maximize", "tv": "minimize", "niqe": "minimize"}
    found = Verified("old", "new", measured, directions)
    assert found.failures == {("objective", "tv"): "tv calls new worse than old"}


def test_a_verdict_without_an_interval_says_so():
    for gains, told in (((0.5,), True), ((0.5, 0.4), False)):
        found = Verified("old", "new", HeldOut({"ssim": _pair(*gains)}, {}), {"ssim": "maximize"})
        assert ("too few pictures for an interval" in (found.doubt or "")) == told
