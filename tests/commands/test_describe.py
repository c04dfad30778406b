import json

import numpy as np
import pytest
import torch
from PIL import Image

from isptune.diagnosis.finding import Diagnosis
from isptune.diagnosis.in_words import in_words
from isptune.errors import ScoreError
from isptune.scenes.images import write_image


@pytest.fixture
def pictures(tmp_path):
    """Two even pictures, one with little red and one with about the best red, as the toy judges see it."""
    for name, red in (("pale.png", 0.2), ("red.png", 0.75)):
        image = torch.full((1, 3, 24, 32), 0.5)
        image[:, 0] = red
        write_image(tmp_path / name, image)
    return tmp_path


def test_what_is_wrong_is_said_in_a_sentence_and_a_table(isptune, pictures):
    status, out, _ = isptune("describe", "pale.png", "red.png", "--judge", "redder:critic")
    assert status == 0
    assert (
        "pale.png: The picture is noticeably noisy (70 % sure) and has clearly too pale colours (90 % sure), most of "
        "all at the top left."
    ) in out
    assert "red.png: Nothing is found wrong with the picture (80 % sure)." in out
    assert "severity 3 of 5" in out


def test_json_has_a_line_for_each_picture(isptune, pictures):
    status, out, _ = isptune("describe", "pale.png", "red.png", "--judge", "redder:critic", "--json")
    first, second = (json.loads(line) for line in out.splitlines())
    assert status == 0
    assert first["image"] == "pale.png"
    assert first["findings"][1] == {"category": "saturate_weaken", "severity": 3, "confidence": 0.9}
    assert first["heat_map"][0][0] == 0.9
    assert (second["findings"], second["heat_map"]) == ([], None)


def test_one_bad_picture_costs_only_itself(isptune, pictures):
    (pictures / "broken.png").write_bytes(b"no picture")
    status, out, err = isptune("describe", "broken.png", "red.png", "--judge", "redder:critic")
    assert status == 1
    assert "broken.png" in err
    assert "red.png: Nothing" in out


@pytest.mark.slow
@pytest.mark.drawn
def test_a_heat_map_is_written_once(isptune, pictures):
    arguments = ("describe", "pale.png", "--judge", "redder:critic", "--heat-map", "map.png")
    assert isptune(*arguments)[0] == 0
    with Image.open(pictures / "map.png") as written:
        width, height = written.size
    assert width > 2 * height
    status, _, err = isptune(*arguments)
    assert status == 2
    assert "map.png: exists already" in err
    assert isptune(*arguments, "--force")[0] == 0


def test_a_map_needs_one_picture_and_a_judge_that_tells_where(isptune, pictures):
    status, _, err = isptune(
        "describe", "pale.png", "red.png", "--judge", "redder:critic", "--heat-map", "m.png"
    )
    assert status == 2
    assert "there are 2" in err
    status, _, err = isptune("describe", "red.png", "--judge", "redder:critic", "--heat-map", "m.png")
    assert status == 2
    assert "does not say where" in err


def test_a_judge_that_only_compares_cannot_describe(isptune, pictures):
    status, _, err = isptune("describe", "pale.png", "--judge", "redder")
    assert status == 2
    assert "does not say what is wrong" in err


def test_the_better_picture_is_named_in_either_order_with_what_differs(isptune, pictures):
    status, out, _ = isptune("compare-images", "pale.png", "red.png", "--judge", "redder:critic")
    assert status == 0
    assert out.startswith("red.png is better (100 % sure)")
    assert "noise in A only" in out
    status, out, _ = isptune("compare-images", "red.png", "pale.png", "--judge", "redder:critic", "--json")
    answer = json.loads(out)
    assert answer["better"] == "red.png"
    assert answer["probability_a"] > 0.99
    assert answer["differences"] == ["noise in B only", "saturate_weaken in B only"]


def test_two_equal_pictures_are_not_told_apart(isptune, pictures):
    status, out, _ = isptune("compare-images", "red.png", "red.png", "--judge", "redder")
    assert status == 0
    assert out == "neither is clearly better (A with 50 %)\n"


def test_a_judge_that_cannot_describe_these_still_compares_them(isptune, pictures, monkeypatch):
    def refuses(self, images, scene):
        raise ScoreError("the answer names no distortion")

    monkeypatch.setattr("tests.toys.Critic.describe", refuses)
    status, out, err = isptune("compare-images", "pale.png", "red.png", "--judge", "redder:critic")
    assert status == 0
    assert out == "red.png is better (100 % sure)\n"
    assert "names no distortion" in err


def test_bad_parts_of_a_picture_that_is_well_as_a_whole_are_not_kept_back():
    corner = np.zeros((4, 4))
    corner[0, 0] = 0.8
    said = in_words(Diagnosis((), 0.7, "a toy", corner))
    assert said.startswith(
        "Nothing is found wrong with the picture as a whole (70 % sure), but parts of it look bad"
    )
    assert "6 % of it, up to 0.8 of 1, most of all at the top left." in said
    assert (
        in_words(Diagnosis((), 0.7, "a toy", corner / 2))
        == "Nothing is found wrong with the picture (70 % sure)."
    )


def test_a_preference_that_the_judge_has_no_words_for_is_not_left_unexplained(isptune, tmp_path):
    for name, red in (("a.png", 0.55), ("b.png", 0.78)):
        image = torch.full((1, 3, 24, 32), 0.5)
        image[:, 0] = red
        write_image(tmp_path / name, image)
    out = isptune("compare-images", "a.png", "b.png", "--judge", "redder:critic")[1]
    assert "b.png is better" in out
    assert out.count("Nothing is found wrong") == 2
    assert "why is not known" in out


def test_no_judge_is_surer_of_two_pictures_than_people_can_be(isptune, pictures):
    for name, red in (("a.png", 100), ("b.png", 101)):
        pixels = np.full((24, 32, 3), 128, np.uint8)
        pixels[..., 0] = red
        Image.fromarray(pixels).save(pictures / name)
    both = [("a.png", "b.png"), ("b.png", "a.png"), ("pale.png", "red.png")]
    forth, back, seen = (
        json.loads(isptune("compare-images", *pair, "--judge", "redder", "--json")[1]) for pair in both
    )
    assert forth["probability_a"] == pytest.approx(1 - back["probability_a"], abs=1e-6)
    assert forth["difference_seen"] < 0.2
    assert abs(forth["probability_a"] - 0.5) < 0.2 * abs(forth["probability_a_by_judge"] - 0.5)
    assert seen["probability_a"] == pytest.approx(seen["probability_a_by_judge"], abs=1e-6)
    assert (
        "hardly anybody tells them apart by eye"
        in isptune("compare-images", *both[0], "--judge", "redder")[1]
    )
    assert "by eye" not in isptune("compare-images", *both[2], "--judge", "redder")[1]
