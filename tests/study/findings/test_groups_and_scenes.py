"""What no vote connects is not compared: groups within a scene, and scenes with each other."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from isptune.study.findings.analysis import analyse
from isptune.study.findings.common_scale import _shared, common_scores, parts_of
from isptune.study.plan.folder import Stimulus, read_study

HEAD = "observer,session,scene,condition_A,condition_B,is_A_selected\n"


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def votes(scene, better, worse, seed, observers=8, odds=0.8):
    """Every observer on one pair: the first is preferred with the given odds."""
    rng = np.random.default_rng(seed)
    return "".join(f"o{o},1,{scene},{better},{worse},{int(rng.random() < odds)}\n" for o in range(observers))


def imported(isptune, text, *options):
    with open("votes.csv", "w") as file:
        file.write(HEAD + text)
    assert isptune("study", "import", "s", "votes.csv", *options)[0] == 0


@pytest.fixture
def apart(isptune):
    """Two groups, of which d and e are all but always preferred in the one order."""
    imported(
        isptune,
        votes("lake", "a", "b", 0) + votes("lake", "b", "c", 1) + votes("lake", "a", "c", 2)
        + votes("lake", "d", "e", 3, odds=1.0),
    )  # fmt: skip


@pytest.mark.slow
def test_between_groups_there_is_no_order_and_no_p_value_in_any_file(isptune, apart, tmp_path):
    status, out, err = isptune("study", "fit", "s", "--draws", "50")
    assert status == 0, err
    group = {row["condition"]: row["group"] for row in rows_of(tmp_path / "s" / "scale.csv")}
    assert group == {"a": "1", "b": "1", "c": "1", "d": "2", "e": "2"}
    pairs = {frozenset((row["better"], row["worse"])): row for row in rows_of(tmp_path / "s/differences.csv")}
    assert set(pairs) == {frozenset(pair) for pair in ("ab", "bc", "ac", "de")}
    assert all(row["group"] == group[row["better"]] for row in pairs.values())
    result = json.loads((tmp_path / "s" / "result.json").read_text())
    assert result["scenes"]["lake"]["pairs"] == 4
    assert result["scenes"]["lake"]["kendalls_w"] is None
    assert {image["condition"]: str(image["group"]) for image in result["images"]} == group
    page = (tmp_path / "s" / "report.html").read_text()
    assert page.count("which no vote connects with the others: its best is") == 2
    assert ">group</th>" in page
    assert out.count("which no vote connects") == 2
    assert "cannot be put on one scale" in err


def test_the_mean_of_every_group_is_0(isptune, apart, tmp_path):
    (scene,) = analyse(read_study(tmp_path / "s"), draws=50).scenes
    for members in scene.groups:
        assert scene.scale.scores[members].mean() == pytest.approx(0, abs=1e-9)


def test_a_share_of_wins_is_called_mos_only_where_pairs_are_drawn_as_in_dmc(isptune, apart, tmp_path):
    (scene,) = analyse(read_study(tmp_path / "s"), draws=50).scenes
    assert not scene.dmc
    assert isptune("study", "fit", "s", "--draws", "50")[0] == 0
    head = (tmp_path / "s" / "scale.csv").read_text().splitlines()[0]
    assert "win_share" in head
    assert "mos" not in head


def test_shared_conditions_put_scenes_on_one_scale(isptune, tmp_path):
    """In "good" the shared default is the worst, in "bad" the best: so all of good is better than all of bad."""
    imported(
        isptune,
        votes("good", "g", "default", 0, 30) + votes("good", "h", "default", 1, 30) + votes("good", "h", "g", 2, 30)
        + votes("bad", "default", "b", 3, 30) + votes("bad", "default", "c", 4, 30) + votes("bad", "b", "c", 5, 30),
    )  # fmt: skip
    analysis = analyse(read_study(tmp_path / "s"), draws=50)
    moved = common_scores(analysis)
    assert moved is not None
    found = {
        (part.scene.scene, part.scene.stimuli[image].condition): float(score)
        for part, scores in zip(parts_of(analysis), moved, strict=True)
        for image, score in zip(part.members, scores, strict=True)
    }
    assert found["good", "default"] == pytest.approx(found["bad", "default"])
    assert min(found["good", "g"], found["good", "h"]) > max(found["bad", "b"], found["bad", "c"])


@pytest.mark.slow
def test_scenes_that_share_nothing_are_handed_on_one_by_one(isptune, tmp_path):
    for scene, names in (("good", "gh"), ("bad", "bc")):
        for k, name in enumerate(names):
            (tmp_path / "in" / scene).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 12), (90 * k, 50, 50)).save(tmp_path / "in" / scene / f"{name}.png")
    imported(isptune, votes("good", "g", "h", 0) + votes("bad", "b", "c", 1), "--images", "in")
    status, _, err = isptune("study", "fit", "s", "--draws", "50")
    assert status == 0
    assert "prompt_bad.csv, prompt_good.csv" in err
    assert not (tmp_path / "s" / "prompt.csv").exists()
    assert [row["image"] for row in rows_of(tmp_path / "s" / "prompt_bad.csv")] == [
        "stimuli/bad/b.png",
        "stimuli/bad/c.png",
    ]


def test_a_condition_of_the_same_name_but_other_params_is_another_one():
    parts = [
        [Stimulus(scene, "001", params={"k": k}), Stimulus(scene, "default", params={"k": 0.0})]
        for scene, k in (("cat", 1.0), ("sky", 2.0))
    ]
    assert list(_shared(parts).values()) == [[(0, 1), (1, 1)]]
