"""Counts, lengths and features of a data set, against what they are by hand."""

import numpy as np
import pytest

from isptune.distortions.depictqa_recipes import parse_recipe
from objectives.training.dataset.features import features_of
from objectives.training.dataset.plan import Photograph, Plan
from objectives.training.dataset.statistics import count
from objectives.training.dataset.statistics_page import table_rows
from objectives.training.dataset.wording import (
    COUNTS,
    NO_DISTORTION,
    SHORT,
    SOME_DISTORTION,
    THE_BETTER,
    WHICH_DISTORTION,
    WHICH_IS_BETTER,
    ask_better,
    ask_distortions,
)


def flat(value, height=20, width=30):
    return np.full((height, width, 3), value, np.uint8)


def test_a_flat_grey_picture_has_its_brightness_and_nothing_else():
    found = features_of(flat(77))
    assert found.pop("brightness") == 77
    assert set(found.values()) == {0.0}


def test_colourfulness_is_that_of_hasler_and_suesstrunk():
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    red, green, blue = (pixels[..., k].astype(float).ravel() for k in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    expected = np.sqrt(np.var(rg) + np.var(yb)) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    assert features_of(pixels)["colourfulness"] == pytest.approx(expected, rel=1e-12)


def test_stripes_have_contrast_edges_and_texture():
    pixels = flat(50)
    pixels[:, 10:20] = 150
    found = features_of(pixels)
    assert found["contrast"] == pytest.approx(100 * np.sqrt(2 / 9))  # a third of the pixels, 100 apart
    assert 0.03 < found["edge_density"] < 0.15  # two edges of 30 columns
    assert 0 < found["texture_variance"] < found["contrast"] ** 2


def entry(part, kind, recipes, records):
    return {
        "part": part,
        "kind": kind,
        "recipes": recipes,
        "features": [features_of(flat(10 * (1 + len(rows)))) for rows in recipes],
        "records": records,
    }


def test_everything_is_counted_once():
    plan = Plan(("identification", "rating"), 2, 0, 64, 0.2, ("ssim",), (Photograph("a.png", "00", "train"),))
    blurred, noisy = [("blur_lens", 3)], [("blur_lens", 2), ("noise_impulse", 1)]
    said = {"conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "I see blur."}]}
    entries = [
        entry("train", "sd", [blurred], {"refA": said, "A": said}),
        entry("train", "md", [noisy], {"refA": {"answer": "Blur and noise"}}),
        entry("validation", "md", [[], noisy], {"refAB": {"answer": "Image A", "A_better_B": True}}),
    ]
    found = count(plan, entries)
    assert found.photographs == {"train": 1, "validation": 0}
    assert found.pictures == 4
    assert found.samples == {"train": {"A_sd": 1, "refA_md": 1, "refA_sd": 1}, "validation": {"refAB": 1}}
    assert (found.lengths["refA_sd"].words, found.lengths["refA_sd"].characters) == (3, 11)
    assert {name: number for name, number in found.categories.items() if number} == {
        "blur": 3,
        "noise": 2,
        "pristine": 1,
    }
    assert found.types == {"blur_lens": 3, "noise_impulse": 2}
    assert found.severities == {"one": [0, 0, 1, 0, 0], "two": [2, 2, 0, 0, 0]}
    assert len(found.pairs) == 78
    assert {pair for pair, number in found.pairs.items() if number} == {"blur + noise"}
    assert found.first_better == 1.0
    assert found.features["brightness"].mean == pytest.approx((20 + 30 + 10 + 30) / 4)
    assert sum(found.features["brightness"].counts) == 4
    rows = {row[0]: row[1:] for row in table_rows(plan, found)}
    assert rows["identification, reference, single"] == ("1", "0", "3.00 / 11.00")
    assert rows["rating, reference"] == ("0", "1", "2.00 / 7.00")
    assert rows["rating, none"] == ("0", "0", "none")


def test_there_are_twenty_of_each_sentence_and_none_twice():
    for sentences in (WHICH_DISTORTION, SOME_DISTORTION, WHICH_IS_BETTER, THE_BETTER):
        assert len(set(sentences)) == 20
    assert all(sentence.count("{}") == 1 for sentence in (*WHICH_DISTORTION, *SOME_DISTORTION, *THE_BETTER))
    assert all("Image A" in sentence and "Image B" in sentence for sentence in WHICH_IS_BETTER)


def test_half_of_the_training_questions_are_short_or_say_the_number_and_all_for_validation():
    rng, recipe = np.random.default_rng(0), parse_recipe([("blur_lens", 3), ("noise_impulse", 1)])
    asked = [ask_distortions(rng, recipe, 2, True, True) for _ in range(400)]
    short = [one for one in asked if one.question.endswith(SHORT)]
    numbered = [one for one in asked if COUNTS[2] in one.question]
    for some in (short, numbered):
        assert abs(len(some) - 200) < 4 * 10  # four standard deviations of a binomial count
    assert {one.answer for one in short} == {"Blur and noise"}
    long = {one.answer for one in asked if not one.question.endswith(SHORT)}
    assert long <= {sentence.format("blur and noise") for sentence in SOME_DISTORTION}
    assert len(long) == 20
    tested = [ask_distortions(rng, recipe, 2, False, False) for _ in range(40)]
    assert all(one.question.endswith(SHORT) and COUNTS[2] in one.question for one in tested)


def test_a_pristine_picture_is_said_to_be_that():
    rng = np.random.default_rng(0)
    answers = {ask_distortions(rng, parse_recipe([]), 1, True, True).answer for _ in range(200)}
    assert answers == {"None", *NO_DISTORTION}


def test_the_better_picture_is_named():
    rng = np.random.default_rng(0)
    for first, letter in ((True, "A"), (False, "B")):
        answers = {ask_better(rng, first, True).answer for _ in range(300)}
        assert answers == {f"Image {letter}", *(sentence.format(letter) for sentence in THE_BETTER)}
        assert ask_better(rng, first, False).answer == f"Image {letter}"
