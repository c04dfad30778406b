import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from isptune.errors import ConfigError
from isptune.interfaces import KnownLevels, Pipeline
from isptune.scenes.scene import load_scenes
from pipelines.synthetic.hidden_map import FAMILIES, hidden_map
from pipelines.synthetic.synthetic import build

SCENE = load_scenes(["cat"], resize="48")[0]


def _params(isp, points):
    points = np.atleast_2d(points)
    return {name: torch.tensor(points[:, i]) for i, name in enumerate(isp.space.names)}


@pytest.mark.parametrize("family", FAMILIES)
def test_at_the_optimum_the_picture_is_the_pristine_one(family):
    isp = build(family)
    params = _params(isp, list(isp.optimum.values()))
    assert torch.equal(isp.levels(params), torch.zeros(1, 5, dtype=torch.float64))
    assert torch.equal(isp.render(SCENE, params, seed=3), SCENE.image)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(20))
def test_the_optimum_lies_inside_the_cube_and_away_from_the_start(family, seed):
    optimum = hidden_map(family, 5, seed).optimum
    assert ((optimum >= 0.2) & (optimum <= 0.8)).all()
    assert (np.abs(optimum - 0.5) >= 0.1).all()


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=5, max_size=5), st.integers(0, 50))
def test_relative_levels_stay_within_one_and_vanish_only_at_the_optimum(family, x, seed):
    hidden = hidden_map(family, 5, seed)
    t = hidden.relative(torch.tensor([x], dtype=torch.float64))
    assert t.abs().max() <= 1 + 1e-9
    distance = np.abs(np.array(x) - hidden.optimum).max()
    if distance > 1e-6:
        assert t.abs().max() > 0


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_local_search_over_the_levels_ends_at_the_one_optimum(family):
    hidden = hidden_map(family, 5, 1)

    def distance(x):
        return float(hidden.relative(torch.tensor(x)[None]).square().sum())

    for start in np.random.default_rng(0).random((5, 5)):
        found = minimize(
            distance, start, method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-14, "xatol": 1e-8}
        )
        np.testing.assert_allclose(found.x, hidden.optimum, atol=1e-3)


def test_a_warped_level_is_monotone_in_its_own_parameter_and_bent():
    hidden = hidden_map("warped", 5, 0)
    x = torch.full((101, 5), 0.5, dtype=torch.float64)
    x[:, 2] = torch.linspace(0, 1, 101, dtype=torch.float64)
    t = hidden.relative(x)
    steps = t[1:, 2] - t[:-1, 2]
    assert (steps > 0).all()
    assert steps.max() > 1.5 * steps.min()
    assert torch.equal(t[:, 1], t[:1, 1].expand(101))


def test_coupling_moves_several_levels_with_one_knob():
    hidden = hidden_map("coupled", 5, 0)
    x = torch.tensor(hidden.optimum)[None].repeat(2, 1)
    x[1, 0] += 0.1
    assert (hidden.relative(x)[1].abs() > 1e-3).sum() >= 3


def test_levels_are_signed_only_where_the_distortion_is():
    isp = build("warped")
    points = np.random.default_rng(0).random((200, 5))
    levels = isp.levels(_params(isp, points))
    assert (levels[:, [0, 1, 4]] >= 0).all()
    assert (levels[:, [2, 3]] < 0).any(0).all()
    assert (levels[:, [2, 3]] > 0).any(0).all()
    assert (levels.abs() <= torch.tensor([level.limit for level in isp.facts.levels]) * (1 + 1e-9)).all()


def test_a_batch_renders_as_its_images_alone_under_common_noise():
    isp = build("coupled")
    points = np.random.default_rng(1).random((4, 5))
    together = isp.render(SCENE, _params(isp, points), seed=7)
    for i, point in enumerate(points):
        alone = isp.render(SCENE, _params(isp, point), seed=7)
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-6, rtol=0)
    assert not torch.equal(isp.render(SCENE, _params(isp, points), seed=8), together)


def test_rendering_leaves_the_scene_as_it_was():
    isp = build(None)
    before = SCENE.image.clone()
    isp.render(SCENE, _params(isp, np.full((2, 5), 0.9)), seed=0)
    assert torch.equal(SCENE.image, before)


def test_any_distortion_of_the_catalogue_can_be_a_stage_even_twice():
    isp = build(None, chain="pixelate_box:0.5,gaussian_blur:2,gaussian_blur:3", map="identity")
    assert [level.name for level in isp.facts.levels] == [
        "pixelate_box",
        "gaussian_blur_1",
        "gaussian_blur_2",
    ]
    images = isp.render(SCENE, _params(isp, np.random.default_rng(0).random((3, 3))), seed=0)
    assert images.shape == (3, *SCENE.image.shape[1:])
    tables = [{"distortion": "jpeg", "range": 50}]
    assert [level.limit for level in build(None, chain=tables).facts.levels] == [50]


def test_it_is_a_pipeline_whose_levels_are_known():
    assert isinstance(build(None), Pipeline)
    assert isinstance(build(None), KnownLevels)


@pytest.mark.parametrize(
    ("argument", "options", "message"),
    [
        ("bent", {}, "map 'bent' is none of identity, warped, coupled"),
        ("warped", {"map": "coupled"}, "contradict"),
        (
            None,
            {"maps": "coupled"},
            r"no option 'maps'; did you mean 'map'\? there are: map, map_seed, chain",
        ),
        (None, {"map_seed": -1}, "map_seed = -1"),
        (None, {"chain": ""}, "no distortion is called ''"),
        (None, {"chain": "jpeg"}, "its range must be a number"),
        (None, {"chain": "jpeg:101"}, r"range 101 is not in \(0, 100\]"),
        (None, {"chain": "jpeg:0"}, "range 0 is not in"),
        (None, {"chain": [{"distortion": "jpeg", "level": 3}]}, "keys 'distortion' and 'range'"),
        (None, {"chain": [{"distortion": "jpeg", "range": [96]}]}, "its range must be a number"),
        (None, {"chain": 5}, "neither"),
        (None, {"chain": []}, "empty"),
    ],
)
def test_wrong_options_are_refused_in_words(argument, options, message):
    with pytest.raises(ConfigError, match=message):
        build(argument, **options)
