"""Compositions: what the samplers draw, how often, and how batches are cooked."""

import functools
from collections import Counter

import numpy as np
import pytest
import torch

from isptune.distortions import Preset, preset, presets_of
from isptune.distortions.recipes import (
    DEPICTQA_SECOND,
    DEPICTQA_SUBTLE,
    Recipe,
    Step,
    apply_recipes,
    arniqa_severity_weights,
    sample_arniqa,
    sample_depictqa,
)
from isptune.errors import ConfigError
from tests.distortions import published
from tests.distortions.photograph import generators, photograph

DRAWS = 4000


@functools.cache  # several tests count the same draws
def draw(sampler, count=DRAWS, seed=0, **options):
    generator = np.random.default_rng(seed)
    return [sampler(generator, **options) for _ in range(count)]


def assert_shares(counts, expected):
    """Every share lies within four standard deviations of a binomial count."""
    total = sum(counts.values())
    assert set(counts) <= set(expected)
    for key, share in expected.items():
        assert abs(counts[key] / total - share) < 4 * (share * (1 - share) / total) ** 0.5, (key, counts[key])


@pytest.mark.slow
def test_arniqas_severities_have_the_published_probabilities():
    expected = [0.292907, 0.270387, 0.212694, 0.142573, 0.081439]
    assert arniqa_severity_weights() == pytest.approx(expected, abs=5e-7)
    drawn = Counter(step.severity for recipe in draw(sample_arniqa) for step in recipe.steps)
    assert_shares(drawn, dict(enumerate(expected, 1)))


def test_arniqa_draws_one_to_four_types_of_distinct_groups():
    recipes = draw(sample_arniqa)
    lengths = Counter(len(recipe.steps) for recipe in recipes)
    assert_shares(lengths, {0: 0.05} | dict.fromkeys((1, 2, 3, 4), 0.95 / 4))
    for recipe in recipes:
        groups = [step.preset.group for step in recipe.steps]
        assert len(set(groups)) == len(groups)
        assert all(step.preset.set == "arniqa" for step in recipe.steps)


@pytest.mark.slow
def test_arniqas_groups_are_uniform_at_every_place_and_types_within_groups():
    recipes = draw(sample_arniqa, most=7, pristine_share=0.0)
    for place in (0, 1, 4):
        groups = Counter(r.steps[place].preset.group for r in recipes if len(r.steps) > place)
        assert_shares(groups, dict.fromkeys(published.ARNIQA_GROUPS, 1 / 7))
    for group, names in published.ARNIQA_GROUPS.items():
        types = Counter(s.preset.name for r in recipes for s in r.steps if s.preset.group == group)
        assert_shares(types, dict.fromkeys(names, 1 / len(names)))


def test_depictqas_pairs_are_78_of_which_eight_go_in_one_order_only():
    pairs = {(first, second) for first, seconds in DEPICTQA_SECOND.items() for second in seconds}
    assert len(pairs) == 78
    assert {pair for pair in pairs if pair[::-1] not in pairs} == published.DEPICTQA_ASYMMETRIC
    assert set(DEPICTQA_SECOND) == set(published.DEPICTQA_CATEGORIES)
    assert not any(first == second for first, second in pairs)


@pytest.mark.slow
def test_depictqas_single_distortions_are_uniform_over_categories_then_types_then_severities():
    recipes = draw(sample_depictqa)
    assert_shares(Counter(len(recipe.steps) for recipe in recipes), {0: 0.05, 1: 0.95})
    steps = [recipe.steps[0] for recipe in recipes if recipe.steps]
    assert_shares(
        Counter(step.preset.group for step in steps), dict.fromkeys(published.DEPICTQA_CATEGORIES, 1 / 12)
    )
    assert_shares(Counter(step.severity for step in steps), dict.fromkeys((1, 2, 3, 4, 5), 1 / 5))
    blurs = Counter(step.preset.name for step in steps if step.preset.group == "blur")
    used = [one.name for one in presets_of("depictqa").values() if one.group == "blur" and one.part == "main"]
    assert_shares(blurs, dict.fromkeys(used, 1 / 6))


@pytest.mark.slow
def test_depictqas_pairs_are_uniform_with_severities_one_to_three():
    recipes = [recipe for recipe in draw(sample_depictqa, distortions=2) if recipe.steps]
    drawn = Counter((r.steps[0].preset.group, r.steps[1].preset.group) for r in recipes)
    allowed = [(first, second) for first, seconds in DEPICTQA_SECOND.items() for second in seconds]
    assert_shares(drawn, dict.fromkeys(allowed, 1 / 78))
    severities = Counter(step.severity for recipe in recipes for step in recipe.steps)
    assert_shares(severities, dict.fromkeys((1, 2, 3), 1 / 3))


@pytest.mark.slow
@pytest.mark.parametrize("distortions", [1, 2])
def test_without_a_reference_subtle_categories_are_never_at_severity_one(distortions):
    recipes = draw(sample_depictqa, distortions=distortions, with_reference=False)
    seen = {(step.preset.group, step.severity) for recipe in recipes for step in recipe.steps}
    assert len(DEPICTQA_SUBTLE) == 8
    assert not seen & {(group, 1) for group in DEPICTQA_SUBTLE}
    assert {("blur", 1), ("noise", 1), ("compression", 1), ("pixelate", 1)} <= seen
    # What is drawn anew may come out pristine: kept are 1 of 20 pristine ones and the rest in part.
    kept = 1 - 8 / 12 / 5 if distortions == 1 else None
    if kept:
        pristine = Counter(not recipe.steps for recipe in recipes)
        share = 0.05 / (0.05 + 0.95 * kept)
        assert_shares(pristine, {True: share, False: 1 - share})


def test_the_same_seed_draws_the_same_recipes():
    assert draw(sample_arniqa, 20, seed=4) == draw.__wrapped__(sample_arniqa, 20, seed=4)
    assert draw(sample_arniqa, 20, seed=4) != draw(sample_arniqa, 20, seed=5)


@pytest.mark.parametrize(
    ("sampler", "options", "message"),
    [
        (sample_arniqa, {"most": 8}, "most = 8: ARNIQA composes 1 to 7"),
        (sample_arniqa, {"most": 0}, "most = 0"),
        (sample_depictqa, {"distortions": 3}, "distortions = 3: DepictQA's images have 1 or 2"),
        (sample_depictqa, {"pristine_share": 1.5}, "pristine_share = 1.5"),
    ],
)
def test_samplers_refuse_what_the_sets_do_not_have(sampler, options, message):
    with pytest.raises(ConfigError, match=message):
        sampler(np.random.default_rng(0), **options)


def test_recipes_are_readable():
    blur, noise = preset("arniqa", "gaublur"), preset("arniqa", "whitenoise")
    assert str(Recipe((Step(blur, 3), Step(noise, 1)))) == "gaublur 3 + whitenoise 1"
    assert str(Recipe()) == "pristine"


@pytest.mark.slow
def test_a_batch_of_recipes_gives_what_each_image_gives_alone():
    images = photograph(48, 64).expand(12, -1, -1, -1)
    recipes = draw(sample_arniqa, 6, seed=1) + draw(sample_depictqa, 5, seed=2, distortions=2) + [Recipe()]
    together = apply_recipes(images, recipes, generators(12))
    for i, recipe in enumerate(recipes):
        alone = images[i : i + 1]
        stream = generators(1, i)
        for step in recipe.steps:
            alone = step.preset.apply(alone, step.severity, generator=stream)
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1.01 / 255)
        assert float((together[i : i + 1] - alone).abs().mean()) < 1e-4
    assert torch.equal(together[11], images[11])


def test_images_with_the_same_type_at_one_place_are_distorted_together(monkeypatch):
    calls = []
    apply = Preset.apply
    monkeypatch.setattr(
        Preset,
        "apply",
        lambda self, images, severity, **rest: (
            calls.append((self.name, severity)) or apply(self, images, severity, **rest)
        ),
    )
    blur, noise = preset("arniqa", "gaublur"), preset("arniqa", "whitenoise")
    recipes = [Recipe((Step(blur, 2), Step(noise, 3))), Recipe((Step(blur, 5),)), Recipe((Step(noise, 1),))]
    apply_recipes(photograph(20, 20).expand(3, -1, -1, -1), recipes, torch.Generator().manual_seed(0))
    assert calls == [("gaublur", [2, 5]), ("whitenoise", [1]), ("whitenoise", [3])]


def test_recipes_and_generators_must_match_the_batch():
    images = photograph(20, 20).expand(3, -1, -1, -1)
    with pytest.raises(ConfigError, match="2 recipes for a batch of 3"):
        apply_recipes(images, [Recipe()] * 2, generators(3))
    with pytest.raises(ConfigError, match="2 generators for a batch of 3"):
        apply_recipes(images, [Recipe()] * 3, generators(2))
