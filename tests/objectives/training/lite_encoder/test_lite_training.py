"""The bank of features, pictures of cameras, and what becomes of them."""

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from objectives.encoders.efficientnet_lite import pretrained
from objectives.training.encoder.losses import order
from objectives.training.lite_encoder.bank import Groups, Maker, joined, kept
from objectives.training.lite_encoder.raw_walks import raw_walk
from objectives.training.pictures.camera_pictures import VERSIONS, Captures, costs
from objectives.training.pictures.photographs import Photograph
from objectives.training.pictures.spoilings import SIDE


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    path = tmp_path_factory.mktemp("photographs") / "coffee.png"
    pixels = skimage.data.coffee()
    Image.fromarray(pixels).save(path)
    return [Photograph("coffee", pixels, None, True, 1.0, path), Photograph("part", pixels, 0.6, False, 1.0)]


@pytest.mark.slow
def test_a_capture_is_drawn_again_from_its_seed_and_has_the_photograph_as_its_truth(photographs):
    captures = Captures(photographs)
    assert captures.pristine == [0]
    (number, scene), (_, again) = (captures.draw(np.random.default_rng(4)) for _ in range(2))
    assert number == 0
    assert scene.reference.shape == (1, 3, SIDE, SIDE)
    assert torch.equal(scene.raw.mosaic, again.raw.mosaic)
    settings = captures.settings(np.random.default_rng(4))
    assert len(settings) == VERSIONS
    for setting in settings:
        captures.isp.space.check(setting)
    pictures = captures.render(scene, settings)
    cost = costs(torch.cat([scene.reference, pictures]), scene.reference)
    assert cost[0] < 1e-3
    assert (cost[1:] > 0.02).all()


def test_costs_rise_with_what_was_done():
    picture = torch.from_numpy(skimage.data.coffee()[:96, :96].transpose(2, 0, 1) / 255.0).float()[None]
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    worse = torch.cat([(picture + sigma * noise).clamp(0, 1) for sigma in (0.0, 0.01, 0.03, 0.1)])
    found = costs(worse, picture)
    assert found[0] < 1e-3
    assert (np.diff(found) > 0.02).all()


def test_order_counts_versions_that_stand_the_wrong_way_round():
    cost = torch.tensor([[0.0, 0.3, 0.6]])
    right, wrong = torch.tensor([[0.9, 0.6, 0.3]]), torch.tensor([[0.3, 0.6, 0.9]])
    assert order(right, cost) < 0.01 < 5 < order(wrong, cost)
    assert order(wrong, torch.zeros(1, 3)) == 0


@pytest.mark.slow
def test_the_tuner_walks_where_the_score_rises(photographs):
    captures = Captures(photographs)
    _, scene = captures.draw(np.random.default_rng(2))
    images = raw_walk(
        captures, scene, lambda x: -(x[:, 1].mean((1, 2)) - 0.9).abs(), np.random.default_rng(3)
    )
    assert images.shape == (VERSIONS, 3, SIDE, SIDE)
    # Only brightness is asked for; what moves noise and detail alone can hardly give it, so the way may be short.
    assert (images[1, 1].mean() - 0.9).abs() <= (images[0, 1].mean() - 0.9).abs()


def test_what_was_made_is_kept_and_not_made_again(tmp_path):
    groups = Groups(
        np.ones((2, 4, 5), np.float16),
        np.ones((2, 4, 3), np.float32),
        np.zeros((2, 4), np.float32),
        np.full((2, 4, 6), np.nan, np.float32),
        np.array([3, 4]),
    )
    first = kept(tmp_path / "part.npz", Groups, lambda: groups)
    again = kept(tmp_path / "part.npz", Groups, lambda: pytest.fail("it was made again"))
    assert np.array_equal(first.features, again.features)
    assert len(joined([first, again])) == 4


@pytest.mark.slow
def test_rated_pictures_are_described_whole_and_in_part(photographs):
    maker = Maker(pretrained(), photographs, 0)
    rated = maker.rated(photographs[1:])
    assert rated.features.shape[:2] == (1, 3)
    assert rated.opinions == pytest.approx([0.6])
    assert not np.array_equal(rated.features[0, 0], rated.features[0, 1])
    whole = torch.from_numpy(photographs[1].pixels.transpose(2, 0, 1) / 255.0).float()[None]
    assert np.allclose(maker.features(whole)[0], rated.features[0, 0], atol=2e-3)
