import dataclasses
import json

import pytest

from isptune.runs.answer import write_answer
from isptune.runs.log import Trial
from isptune.runs.settings import RunSettings
from isptune.tuning.bench import Bench
from isptune.tuning.handover import hand_over
from tests.toys import SHORT, TOY

pytestmark = pytest.mark.usefixtures("toys")

SETTINGS = RunSettings(
    pipeline="tint",
    pipeline_options={"noise": 0.02},
    objectives=("redness",),
    scenes=("cat",),
    resize="24",
    population=6,
    generations=50,
    confirm=3,
    second_opinions=("none",),
    device="cpu",
)
"""Redness is the distance from a mean red of 0.8: the cat has 0.5, so that 0.3 more is about right."""


class Sure:
    """Recommends one candidate, whatever it is told."""

    stop_reason = "is sure"

    def __init__(self, red):
        self.red = red

    def ask(self):
        return []

    def tell(self, population, losses):
        pass

    def recommend(self):
        return {"tint.red": self.red, "tint.green": 0.0}


def _handed_over(folder, own, seen):
    """What is handed over when the optimizer recommends `own` and the log has `seen`: red and score."""
    trials = [Trial(0, {"tint.red": red, "tint.green": 0.0}, {"redness": score}) for red, score in seen]
    folder.mkdir()
    write_answer(folder, hand_over(Bench(SETTINGS), folder, [Sure(own)], ["is sure"], trials))
    return json.loads((folder / "recommended.json").read_text())


def test_a_trial_that_is_better_than_the_optimizers_estimate_is_handed_over(tmp_path):
    answer = _handed_over(tmp_path / "run", 0.0, [(-0.4, 0.7), (0.25, 0.05), (0.1, 0.2)])
    assert answer["params"]["tint.red"] == 0.25
    assert answer["repeats"][0]["from"] == "best trials"
    assert answer["objectives"]["redness"]["gain"]["high"] < 0


def test_a_trial_that_was_only_lucky_is_not_handed_over(tmp_path):
    answer = _handed_over(tmp_path / "run", 0.25, [(-0.4, 0.0), (0.0, 0.001), (0.1, 0.002)])
    assert answer["params"]["tint.red"] == 0.25
    assert answer["repeats"][0]["from"] == "optimizer"


def test_what_a_trial_was_chosen_by_is_not_what_confirms_it():
    bench = Bench(SETTINGS)
    searched = {bench.seeds.of_generation(index) for index in range(SETTINGS.generations)}
    assert searched.isdisjoint(bench.seeds.to_select())
    assert set(bench.seeds.to_confirm()).isdisjoint([*bench.seeds.to_select(), *searched])


@pytest.mark.slow
def test_what_judges_find_wrong_is_kept_for_both_pictures_and_shown(tmp_path, isptune):
    status, out, _ = isptune("run", *TOY, *SHORT, "--second-opinion", "greenness", "--out", "run")
    assert status == 0
    (row,) = json.loads((tmp_path / "run" / "recommended.json").read_text())["diagnoses"]
    assert (row["judge"], row["scene"]) == ("critic", "cat")
    assert "critic on cat, recommended: " + row["recommended"]["text"] in out
    page = (tmp_path / "run" / "report.html").read_text()
    assert "What is still wrong" in page
    assert row["default"]["text"] in page


def test_a_judge_that_breaks_costs_its_diagnosis_only(tmp_path, monkeypatch):
    def broken(self, images, scene):
        raise ValueError("too red\nfor me")

    monkeypatch.setattr("tests.toys.Critic.describe", broken)
    bench = Bench(dataclasses.replace(SETTINGS, second_opinions=("greenness",)))
    write_answer(tmp_path, hand_over(bench, tmp_path, [Sure(0.2)], ["is sure"], []))
    answer = json.loads((tmp_path / "recommended.json").read_text())
    assert "too red" in answer["diagnoses"][0]["default"]["error"]
    assert answer["params"]["tint.red"] == 0.2


def test_nobody_is_asked_where_no_second_opinion_is_wanted(tmp_path):
    assert _handed_over(tmp_path / "run", 0.2, [])["diagnoses"] == []


@pytest.mark.slow
def test_a_default_that_cannot_be_rendered_costs_its_picture_alone(tmp_path, isptune):
    moody = ["--pipeline", "moody", "--start", "tint.red=0.21", "--objective", "redness", "--seed", "2"]
    status, _, err = isptune(
        "run",
        *moody,
        "--scene",
        "cat",
        "--resize",
        "24",
        *SHORT,
        "--second-opinion",
        "greenness",
        "--out",
        "run",
    )
    assert status == 0, err
    told = json.loads((tmp_path / "run" / "recommended.json").read_text())
    assert any("the default could not be rendered" in warning for warning in told["warnings"])
    assert told["diagnoses"][0]["default"] == {"error": "red is above 0.2"}
    assert told["diagnoses"][0]["recommended"]["text"]
    assert sorted(path.name for path in (tmp_path / "run" / "images").iterdir()) == [
        "cat_recommended.png",
        "cat_reference.png",
    ]


def test_one_opinion_that_cannot_score_costs_no_other(tmp_path):
    bench = Bench(dataclasses.replace(SETTINGS, second_opinions=("greenness", "picky:hopeless")))
    (tmp_path / "run").mkdir()
    write_answer(tmp_path / "run", hand_over(bench, tmp_path / "run", [Sure(0.25)], ["is sure"], []))
    told = json.loads((tmp_path / "run" / "recommended.json").read_text())["second_opinions"]
    green, hopeless = sorted(told, key=lambda opinion: opinion["objective"])
    assert green["says"] is not None
    assert green["default"] == pytest.approx(green["recommended"], abs=0.01)
    assert (hopeless["says"], hopeless["error"]) == (None, "cat: picky:hopeless gave nan")


def test_all_opinions_see_the_same_pictures_which_are_rendered_once(tmp_path):
    counts = []
    for names in (("greenness",), ("greenness", "picky:calm")):
        bench = Bench(dataclasses.replace(SETTINGS, second_opinions=names))
        (folder := tmp_path / str(len(names))).mkdir()
        write_answer(folder, hand_over(bench, folder, [Sure(0.25)], ["is sure"], []))
        counts.append(sum(bench.pipeline.batches))
    assert counts[0] == counts[1]


def test_the_start_stays_where_nothing_is_better(tmp_path):
    answer = _handed_over(
        tmp_path / "run", -0.3, [(-0.4, 0.0)]
    )  # 0.6 and 0.7 from the aim, and the start 0.3
    assert answer["params"] == answer["default"] == {"tint.red": 0.0, "tint.green": 0.0}
    assert answer["rejected"]["params"]["tint.red"] == -0.3
    assert answer["rejected"]["objectives"]["redness"]["gain"]["low"] > 0
    assert answer["objectives"]["redness"]["gain"]["mean"] == 0
    assert answer["second_opinions"] == []
    assert "so that the start is recommended: the best that was found is worse by" in answer["warnings"][-1]


def test_a_gain_that_costs_more_than_it_is_worth_is_not_handed_over(tmp_path):
    bench = Bench(dataclasses.replace(SETTINGS, stay_near=100.0))
    write_answer(tmp_path, hand_over(bench, tmp_path, [Sure(0.3)], ["is sure"], []))
    answer = json.loads((tmp_path / "recommended.json").read_text())
    assert answer["params"] == answer["default"]
    assert (answer["cost"], answer["distance"]) == (0, 0)


@pytest.mark.slow
def test_that_the_start_stays_is_said_wherever_the_set_goes(tmp_path, isptune):
    start = ["--start", "tint.red=0.3", "--seed", "3"]
    status, out, _ = isptune("run", *TOY, *SHORT, *start, "--tune", "tint.green", "--out", "run")
    assert status == 0
    answer = json.loads((tmp_path / "run" / "recommended.json").read_text())
    assert answer["rejected"]
    assert "redness calls nothing that was found better than the start" in out
    assert "the recommended set is the start" in out
    page = (tmp_path / "run" / "report.html").read_text()
    assert "The start, which is recommended" in page
    assert "<h2>What was found</h2>" in page
    _, text, err = isptune("export", "run")
    assert "note: this run found nothing better than what it started from" in err
    assert text.startswith("# this run found nothing better")
    _, text, _ = isptune("diff", "run")
    assert "note: run: this run found nothing better" in text


@pytest.mark.slow
def test_without_noise_the_interval_is_over_crops_and_is_called_so(tmp_path, isptune):
    quick = ["--pipeline", "raw", "--scene", "unprocessed:cat?iso=3200", "--tune", "exposure.*", *SHORT]
    status, out, _ = isptune("run", *quick, "--objective", "psnr", "--second-opinion", "none", "--out", "run")
    assert status == 0
    answer = json.loads((tmp_path / "run" / "recommended.json").read_text())
    assert (answer["over"], len(answer["seeds"])) == ("crops", 1)
    pair = answer["objectives"]["psnr"]
    assert pair["default"]["low"] < pair["default"]["mean"] < pair["default"]["high"]
    assert pair["default"]["n"] in (4, 9, 16)
    assert f"over {pair['default']['n']} crops (the pipeline draws no noise)" in out
    assert "noise seeds" not in out
