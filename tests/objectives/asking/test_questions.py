"""DepictQA's words: prompts, what answers mean, and how sure they are."""

import numpy as np
import pytest

from isptune.distortions.depictqa_recipes import ANSWERS, answer_of, categories_of, draw_recipe
from isptune.errors import ScoreError
from objectives.asking.questions import (
    Place,
    Token,
    categories_in,
    choice_position,
    chosen,
    comparison_confidence,
    comparison_prompt,
    diagnose,
    identification_confidence,
    identification_prompt,
)


def spelled(prompt):
    return "".join(part if isinstance(part, str) else "*" for part in prompt)


def test_prompts_have_the_published_tags_and_order():
    with_reference = spelled(comparison_prompt(True, "depictqa"))
    for tag in ("<Img-Reference>*</Img-Reference>", "<Img-A>*</Img-A>", "<Img-B>*</Img-B>"):
        assert tag in with_reference
    assert with_reference.index("Reference Image: <") < with_reference.index("Image A: <")
    assert with_reference.index("Image A: <") < with_reference.index("Image B: <")
    assert with_reference.endswith("Image A or Image B? Answer the question using a single word or phrase.")
    without = spelled(comparison_prompt(False, "depictqa"))
    assert "Reference" not in without
    assert with_reference.startswith(without.partition("\n")[0])
    assert [part for part in identification_prompt(True, "depictqa") if isinstance(part, Place)] == [
        Place.REFERENCE,
        Place.IMAGE,
    ]
    assert "Image: <Img>*</Img>" in spelled(identification_prompt(False, "depictqa"))


def test_models_that_never_saw_the_answers_are_told_all_of_them():
    listed = spelled(identification_prompt(False, "listed"))
    assert all(phrase in listed for phrase in ANSWERS.values())
    assert not any(phrase in spelled(identification_prompt(False, "depictqa")) for phrase in ANSWERS.values())


@pytest.mark.parametrize(
    ("answer", "categories"),
    [
        ("Noise", ("noise",)),
        ("Noise and blur", ("noise", "blur")),
        ("None", ()),
        (" none.\n", ()),
        ("Overly high saturation and color quantization", ("saturate_strengthen", "quantization")),
        ("**Motion blur**, JPEG compression.", ("blur", "compression")),
        ("Colour quantisation and over-sharpening", ("quantization", "oversharpen")),
        ("The main distortions are noise and insufficient brightness.", ("noise", "darken")),
        ("blur and blur", ("blur",)),
        ("blur and rain", ("blur",)),
    ],
)
def test_answers_become_categories(answer, categories):
    assert categories_in(answer) == categories


@pytest.mark.parametrize("answer", ["", "A cat", "no noise at all", "unblur", "sandy", "None and nothing"])
def test_an_answer_that_names_nothing_known_is_refused(answer):
    with pytest.raises(ScoreError, match=r"names none that are known \(blur, .*, None\)"):
        categories_in(answer)


def test_the_brief_answers_of_a_data_set_are_read_back():
    random = np.random.default_rng(0)
    recipes = [draw_recipe(random, kind) for kind in ("single", "multi") for _ in range(200)]
    for recipe in recipes:
        assert categories_in(answer_of(recipe)) == categories_of(recipe)
    assert {len(categories_of(recipe)) for recipe in recipes} == {0, 1, 2}


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        *[(answer, "A") for answer in ("A", " A", "Image A", "image A.", "**Image A**", "'A'", "(A)")],
        *[(answer, "B") for answer in ("B", "Image B\n", "B.")],
        *[
            (answer, None)
            for answer in ("a", "", "Image", "AB", "A cat", "Both", "Image C", "Image A or Image B")
        ],
    ],
)
def test_a_choice_is_a_letter_and_no_more(answer, letter):
    assert chosen(answer) == letter


@pytest.mark.parametrize(
    ("tokens", "position"),
    [
        (["Image", " A"], 1),
        (["Image A"], 0),
        ([" A", "."], 0),
        (["**", "Image", " ", "B", "**"], 3),
        (["I", " prefer", " Image", " B"], 3),
        (["A", " cat"], None),
        (["Both"], None),
        ([], None),
    ],
)
def test_the_token_that_chooses_comes_after_image_or_stands_alone(tokens, position):
    assert choice_position(tokens) == position


def test_the_confidence_of_a_comparison_is_that_of_its_letter():
    assert comparison_confidence([Token("Image", 0.9), Token(" B", 0.7), Token("\n", 0.1)]) == 0.7
    assert comparison_confidence([Token("Both", 0.9)]) is None


def test_the_confidence_of_an_identification_leaves_out_and_and_ends_with_the_line():
    tokens = [Token("No", 0.9), Token("ise", 0.8), Token(" and", 0.1), Token(" blur", 0.4), Token(".", 0.2)]
    tail = [Token("\n", 0.3), Token(" More", 0.0)]
    assert identification_confidence([*tokens, *tail]) == pytest.approx((0.9 + 0.8 + 0.4) / 3)
    assert identification_confidence([Token("None", 0.6)]) == 0.6
    with pytest.raises(ScoreError, match="answered nothing"):
        identification_confidence([Token("\n", 0.5)])


def test_a_category_has_the_confidence_of_its_own_tokens():
    tokens = [Token("No", 0.9), Token("ise", 0.7), Token(" and", 0.1), Token(" bl", 0.4), Token("ur.", 0.6)]
    found = diagnose(tokens, "a test")
    assert [(f.category, f.severity) for f in found.findings] == [("noise", None), ("blur", None)]
    assert [f.confidence for f in found.findings] == pytest.approx([0.8, 0.5])
    assert found.confidence == pytest.approx((0.9 + 0.7 + 0.4 + 0.6) / 4)
    nothing = diagnose([Token("None", 0.6)], "a test")
    assert (nothing.findings, nothing.confidence) == ((), 0.6)
