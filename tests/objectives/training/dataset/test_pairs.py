"""Pairs: how they are drawn, and how it is settled which picture is better."""

import numpy as np
import pytest
import torch

from isptune.distortions.depictqa_recipes import (
    categories_of,
    noticed_without_reference,
    parse_recipe,
    recipe_rows,
    severities_of,
)
from isptune.errors import ConfigError
from isptune.facts import ObjectiveFacts
from objectives.training.dataset.pairs import draw_pair, opinions, order_by_severity, settled
from tests.toys import redness


def draw(count=300, **options):
    rng = np.random.default_rng(3)
    return [draw_pair(rng, **options) for _ in range(count)]


def order(first, second):
    return order_by_severity(parse_recipe(first), parse_recipe(second))


@pytest.mark.slow
def test_single_pairs_have_at_most_one_distortion_and_differ():
    for first, second in draw(kind="single"):
        assert max(len(first.steps), len(second.steps)) == 1
        assert (categories_of(first), severities_of(first)) != (categories_of(second), severities_of(second))


@pytest.mark.slow
def test_of_a_multi_pair_one_picture_has_two_distortions():
    lengths = [{len(recipe.steps) for recipe in pair} for pair in draw(kind="multi")]
    assert all(2 in pair for pair in lengths)
    assert {2, 1} in lengths
    assert {2, 0} in lengths


def test_a_fourth_of_the_pairs_or_more_have_the_same_types():
    pairs = draw(kind="single")
    same = [p for p in pairs if [n for n, _ in recipe_rows(p[0])] == [n for n, _ in recipe_rows(p[1])]]
    # 0.25 by design, less those that got equal severities again and were drawn anew.
    assert 0.12 < len(same) / len(pairs) < 0.35


@pytest.mark.slow
def test_without_a_reference_both_pictures_show_what_they_have():
    assert all(map(noticed_without_reference, sum(draw(kind="multi", reference=False), ())))


def test_another_kind_of_pair_is_refused():
    with pytest.raises(ConfigError, match="kind = 'mixed': pairs are single or multi"):
        draw(1, kind="mixed")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [("noise_impulse", 1)], 1),
        ([("noise_impulse", 2)], [("noise_impulse", 1)], -1),
        ([("noise_impulse", 2)], [("noise_impulse", 2)], 0),
        ([("noise_impulse", 2)], [("noise_impulse", 2), ("pixelate", 1)], 1),
        ([("pixelate", 1)], [("noise_impulse", 2), ("pixelate", 1)], 1),
        ([("pixelate", 2)], [("noise_impulse", 2), ("pixelate", 1)], 0),
        ([("blur_lens", 2)], [("noise_impulse", 3)], 0),
        ([("blur_lens", 2)], [("noise_impulse", 4)], 1),
        ([("blur_lens", 3), ("noise_impulse", 3)], [("pixelate", 3)], -1),
        ([("saturate_strengthen_HSV", 2)], [("saturate_strengthen_HSV", 5)], 0),
        ([("saturate_strengthen_HSV", 1)], [("saturate_strengthen_HSV", 5)], 1),
    ],
)
def test_severities_tell_which_is_better_only_where_they_can(first, second, expected):
    assert order(first, second) == expected
    assert order(second, first) == -expected


@pytest.mark.parametrize(
    ("severities", "said", "expected"),
    [
        (1, [1, 1], True),
        (-1, [-1, 0], False),
        (1, [1, -1], None),
        (1, [0, 0], None),
        (0, [1, 1], None),
    ],
)
def test_a_pair_is_settled_where_severities_and_objectives_agree(severities, said, expected):
    assert settled(severities, said) is expected


def test_objectives_speak_in_their_own_direction_and_abstain_from_ties():
    red, green = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    red[:, 0], green[:, 1] = 1.0, 1.0

    class Pale:
        facts = ObjectiveFacts("minimize")

        def score(self, images, scene):
            return images[:, 0].mean((1, 2))

    raters = {"redness": redness(None), "paleness": Pale()}
    assert opinions(raters, red, red, green) == [1, -1]
    assert opinions(raters, red, green, green) == [0, 0]
