import numpy as np
import pytest
import torch

from objectives.encoders.quality_words import words_of
from objectives.no_reference.texture_shares import TEXTURE_FEATURES, texture_shares
from objectives.training.encoder.against_the_tuner import mean_ends, walk, walk_all
from objectives.training.pictures.captions import (
    AXES,
    OPPOSITES,
    QUALITY_TEMPLATES,
    caption,
    phrase,
    vocabulary,
)
from objectives.training.pictures.photographs import KEPT_OUT, Photograph
from objectives.training.pictures.spoilings import (
    CHAIN,
    SIDE,
    VARIANTS,
    WAYS,
    around_end,
    draw_chain_group,
    draw_cut,
    draw_mixed_group,
    draw_preset_group,
    render,
    spoiling_of,
)


@pytest.fixture
def photograph() -> Photograph:
    pixels = np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    return Photograph("a", pixels, None, True, 1.0)


def test_every_prompt_of_training_is_in_the_vocabulary():
    known = set(vocabulary())
    random = np.random.default_rng(0)
    texts = [phrase(wording, "photo") for axis in AXES.values() for grade in axis.grades for wording in grade]
    texts += [template.format("fair") for template in QUALITY_TEMPLATES]
    texts += [wording for pair in OPPOSITES for wording in pair]
    texts += [
        caption(dict.fromkeys(AXES, amount), quality, random)[0]
        for amount in (-1.0, -0.2, 0.0, 0.5)
        for quality in (None, 0.0, 0.5, 1.0)
    ]
    assert {word for text in texts for word in words_of(text)} <= known


@pytest.mark.parametrize("name", AXES)
def test_grades_begin_at_neutral_and_end_at_the_last(name: str):
    axis = AXES[name]
    assert axis.place(0.0) == axis.neutral
    assert axis.place(1.0) == len(axis.grades) - 1
    if axis.neutral:
        assert axis.place(-1.0) == 0
    places = [axis.place(amount) for amount in np.linspace(0, 1, 20)]
    assert places == sorted(places)


def test_captions_with_equal_keys_speak_of_the_same():
    random = np.random.default_rng(0)
    keys = {caption({"noise": 0.9, "contrast": -0.5, "saturation": 0.01}, 0.1, random)[1] for _ in range(20)}
    assert len(keys) == 1
    assert caption({"noise": 0.9}, 0.1, random)[1] != caption({"noise": 0.05}, 0.1, random)[1]
    assert caption({}, 1.0, random)[0].split()[1] in ("pristine", "undistorted", "perfect", "untouched")


def test_the_first_five_ways_are_the_synthetic_isp():
    from pipelines.synthetic.knobs import DEFAULT_CHAIN

    said = [part.split(":") for part in DEFAULT_CHAIN.split(",")]
    assert [(way.distortion, way.reach) for way in CHAIN] == [(name, float(reach)) for name, reach in said]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.distortion)
def test_an_amount_of_zero_leaves_a_picture_as_it_is(way):
    picture = torch.rand(1, 3, 32, 32)
    from isptune.distortions import get

    assert way.level(0.0) == get(way.distortion).identity
    assert torch.equal(render(picture, [spoiling_of([(way, 0.0)])], 0), picture)
    ends = (-1.0, 1.0) if way.two_sided else (1.0,)
    for end in ends:
        spoilt = render(picture, [spoiling_of([(way, end)])], 0)
        assert not torch.equal(spoilt, picture)
        assert spoilt.min() >= 0
        assert spoilt.max() <= 1


@pytest.mark.parametrize("draw", [draw_chain_group, draw_mixed_group, draw_preset_group])
def test_groups_are_rendered_row_by_row_as_they_say(draw):
    for seed in range(4):
        group = draw(np.random.default_rng(seed))
        assert len(group) == VARIANTS
        pictures = torch.rand(VARIANTS, 3, 40, 48)
        spoilt = render(pictures, group, seed)
        for row, one in enumerate(group):
            if not one.steps:
                assert one.cost == 0
                assert torch.equal(spoilt[row], pictures[row])


def test_costs_add_up_the_magnitudes_of_amounts():
    one = spoiling_of([(CHAIN[0], 0.2), (CHAIN[2], -0.3), (CHAIN[3], 0.1)])
    assert one.cost == pytest.approx(0.6)
    assert one.amounts["sharpness"] == pytest.approx(-0.2)
    assert one.amounts["contrast"] == pytest.approx(-0.3)


def test_a_cut_is_the_same_every_time_and_inside_its_photograph(photograph: Photograph):
    for seed in range(5):
        cut = draw_cut(0, photograph, np.random.default_rng(seed))
        pixels = cut.pixels([photograph])
        assert pixels.shape == (3, SIDE, SIDE)
        assert torch.equal(pixels, cut.pixels([photograph]))


@pytest.mark.slow
def test_the_tuner_ends_where_a_score_is_best():
    picture = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25
    ways = (CHAIN[2], CHAIN[3])

    def score(images):
        return -(images - picture).square().mean((1, 2, 3))

    end = walk(score, picture, ways, seed=3)
    assert np.abs(end).max() < 0.1
    walks = walk_all(score, [picture], [CHAIN], seed=3)
    assert set(mean_ends(walks)) == {*(way.distortion for way in CHAIN), "l1"}


def test_around_an_end_are_the_untouched_picture_and_the_end():
    group = around_end(CHAIN, (0.1, 0.2, -0.3, 0.4, 0.5), np.random.default_rng(0))
    assert group[0].cost == 0
    assert group[1].cost == pytest.approx(1.5)
    assert 0 < group[2].cost < 1.5


def test_no_photograph_that_is_kept_out_is_twice_in_the_list():
    for names in KEPT_OUT.values():
        assert len(set(names)) == len(names)


def test_texture_tells_noise_blur_and_blocks_from_a_clean_picture():
    from isptune.distortions import get
    from isptune.scenes.scene import bundled

    picture = bundled("coffee")[0].image[..., :256, :256].contiguous()
    clean = texture_shares(picture)[0]
    assert clean.shape == (TEXTURE_FEATURES,)
    noisy = texture_shares(get("white_noise")(picture, 0.01, torch.Generator().manual_seed(0)))[0]
    blurred = texture_shares(get("gaussian_blur")(picture, 2.0))[0]
    blocky = texture_shares(get("jpeg")(picture, 90.0))[0]
    # The first twelve are the energies of luma at full size, gradient and noise mask; the last six the blocks.
    assert (noisy[:12] > clean[:12]).all()
    assert (blurred[:12] < clean[:12]).all()
    assert blocky[-6] > clean[-6] + 0.3
    assert blocky[-3] > clean[-3] + 0.3


@pytest.mark.parametrize("size", [(32, 32), (33, 40), (100, 61)])
def test_texture_of_small_and_flat_pictures_is_finite(size: tuple[int, int]):
    flat = torch.stack([torch.zeros(3, *size), torch.ones(3, *size), torch.rand(3, *size)])
    features = texture_shares(flat)
    assert features.isfinite().all()
    assert torch.allclose(features[2:], texture_shares(flat[2:]), atol=1e-5)
