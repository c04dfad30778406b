"""What is drawn for a data set's pictures, how often, and what it is called."""

from collections import Counter

import numpy as np
import pytest
import torch

from isptune.distortions.depictqa_recipes import (
    ANSWERS,
    CATEGORIES,
    OUT_OF_DISTRIBUTION,
    TYPES,
    Recipe,
    allowed_pairs,
    answer_of,
    categories_of,
    draw_recipe,
    noticed_without_reference,
    parse_recipe,
    recipe_rows,
    severities_of,
    spoil,
)
from isptune.distortions.recipes import DEPICTQA_SUBTLE
from isptune.errors import ConfigError


def draw(count=700, seed=0, **options):
    rng = np.random.default_rng(seed)
    return [draw_recipe(rng, **options) for _ in range(count)]


def test_the_library_is_that_of_table_1():
    printed = {"blur": 6, "noise": 6, "compression": 2, "brighten": 4, "darken": 4, "contrast_strengthen": 2,
               "contrast_weaken": 2, "saturate_strengthen": 2, "saturate_weaken": 2, "oversharpen": 1,
               "pixelate": 1, "quantization": 3}  # fmt: skip
    assert {category: len(types) for category, types in TYPES.items()} == printed
    assert set(CATEGORIES) == set(ANSWERS) == set(printed)


def test_there_are_78_ordered_pairs_and_eight_in_one_order_only():
    pairs = set(allowed_pairs())
    assert len(pairs) == len(allowed_pairs()) == 78
    assert sum((second, first) not in pairs for first, second in pairs) == 8
    assert ("blur", "quantization") in pairs
    assert ("quantization", "blur") not in pairs
    assert not any({"brighten", "darken"} == set(pair) for pair in pairs)


@pytest.mark.slow
def test_multi_draws_allowed_pairs_at_severities_up_to_three():
    recipes = [recipe for recipe in draw(1500, kind="multi") if recipe.steps]
    assert {categories_of(recipe) for recipe in recipes} == set(allowed_pairs())
    assert {severity for recipe in recipes for severity in severities_of(recipe)} == {1, 2, 3}


@pytest.mark.slow
def test_mixed_draws_one_as_often_as_two_and_five_percent_pristine():
    lengths = Counter(len(recipe.steps) for recipe in draw(1500, kind="mixed"))
    for length, share in ((0, 0.05), (1, 0.475), (2, 0.475)):
        assert abs(lengths[length] / 1500 - share) < 4 * (share * (1 - share) / 1500) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["single", "multi"])
def test_without_a_reference_nothing_slight_and_subtle_is_drawn(kind):
    recipes = draw(kind=kind, reference=False)
    assert all(map(noticed_without_reference, recipes))
    steps = [step for recipe in recipes for step in recipe.steps]
    assert not any(step.severity == 1 and step.preset.group in DEPICTQA_SUBTLE for step in steps)
    assert any(step.severity == 1 and step.preset.group == "noise" for step in steps)
    assert not all(map(noticed_without_reference, draw(kind=kind)))


@pytest.mark.slow
def test_only_the_types_that_are_asked_for_are_drawn():
    for kind in ("single", "multi"):
        recipes = draw(kind=kind, types=OUT_OF_DISTRIBUTION, pristine_share=0.0)
        assert {name for recipe in recipes for name, _ in recipe_rows(recipe)} == OUT_OF_DISTRIBUTION
    trained = {name for names in TYPES.values() for name in names} - OUT_OF_DISTRIBUTION
    assert len(trained) == 23
    assert set(CATEGORIES) == {c for recipe in draw(types=trained) for c in categories_of(recipe)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "triple"}, "kind = 'triple' is none of single, multi, mixed"),
        ({"types": ["fog"]}, "fog: none of DepictQA's 35 types"),
        ({"types": ["pixelate"], "kind": "multi"}, "no pair of categories can be made of them"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        draw(1, **options)


def test_answers_are_the_published_phrases_in_order_of_application():
    assert answer_of(Recipe()) == "None"
    assert answer_of(parse_recipe([("quantization_otsu", 2)])) == "Color quantization"
    both = parse_recipe([("blur_lens", 3), ("brightness_darken_gamma_HSV", 1)])
    assert answer_of(both) == "Blur and insufficient brightness"
    assert parse_recipe(recipe_rows(both)) == both


def test_the_same_seed_spoils_the_same_way_and_pristine_is_a_copy():
    image = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(1))
    before = image.clone()
    recipe = parse_recipe([("noise_gaussian_RGB", 3), ("compression_jpeg", 2)])
    first, again, other = (spoil(image, recipe, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(spoil(image, Recipe(), 1), image)
    assert torch.equal(image, before)
