"""Sums of objectives: how they are read, turned, scaled, and what they promise."""

import math

import pytest
import torch

from isptune.errors import ConfigError
from isptune.interfaces import Objective
from isptune.scenes.scene import photograph
from objectives.full_reference.gmsd import gmsd
from objectives.full_reference.psnr import psnr
from objectives.full_reference.ssim import ssim
from objectives.weighted import build, parse


@pytest.fixture
def scene():
    return photograph("noise", torch.rand(1, 3, 40, 44, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def images(scene):
    return torch.cat([scene.image, 0.8 * scene.image, scene.image.flip(1)])


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("ssim", [(1, "ssim")]),
        ("0.7*ssim+0.3*niqe", [(0.7, "ssim"), (0.3, "niqe")]),
        (" 0.7 * ssim + .3*niqe ", [(0.7, "ssim"), (0.3, "niqe")]),
        ("ssim + niqe", [(1, "ssim"), (1, "niqe")]),
        ("1e-2*psnr+2*iqa_pytorch:musiq", [(0.01, "psnr"), (2, "iqa_pytorch:musiq")]),
        (
            "0.5*iqa_pytorch:clipiqa+_rn50_512+0.5*ssim",
            [(0.5, "iqa_pytorch:clipiqa+_rn50_512"), (0.5, "ssim")],
        ),
        ("iqa_pytorch:topiq_nr-face+1*tv", [(1, "iqa_pytorch:topiq_nr-face"), (1, "tv")]),
        ("0.5*unit(psnr)+0.5*ssim", [(0.5, "unit(psnr)"), (0.5, "ssim")]),
    ],
)
def test_sum_is_read_as_it_is_meant(text, terms):
    assert parse(text) == terms


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "needs a sum"),
        ("  ", "needs a sum"),
        ("0.7*ssim-0.3*niqe", "has a minus; weights are positive"),
        ("ssim - niqe", "has a minus"),
        ("0*ssim", "the weight of ssim is 0"),
        ("1e999*ssim", "the weight of ssim is inf"),
        ("0.7*", "'0.7\\*' is not WEIGHT\\*OBJECTIVE"),
        ("-1*ssim", "is not WEIGHT\\*OBJECTIVE|has a minus"),
        ("0.5*ssim gmsd", "is not WEIGHT\\*OBJECTIVE"),
        ("ssim+gmsd", "no objective is called 'ssim\\+gmsd'"),
        ("0.5*nosuch", "no objective is called 'nosuch'; there are: .*ssim"),
        ("0.5*weighted:ssim", "a sum inside a sum"),
        ("0.5*unit(vif)", "the range of vif is 0 to inf; unit\\(\\) needs a finite one"),
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(text, reason):
    with pytest.raises(ConfigError, match=reason) as caught:
        build(text)
    assert "weighted:0.7*ssim+0.3*niqe" in str(caught.value) or "unit()" in str(caught.value)


def test_components_are_turned_so_that_higher_is_better(scene, images):
    together = build("0.7*ssim + 0.3*gmsd")
    assert together.facts.direction == "maximize"
    expected = 0.7 * ssim().score(images, scene) - 0.3 * gmsd().score(images, scene)
    torch.testing.assert_close(together.score(images, scene), expected)
    assert together.facts.range == pytest.approx((-0.7 - 0.15, 0.7))


def test_unit_brings_a_finite_range_to_one(scene, images):
    together = build("0.25*unit(psnr)+0.75*unit(gmsd)")
    expected = 0.25 * psnr().score(images, scene) / 100 + 0.75 * (1 - gmsd().score(images, scene) / 0.5)
    torch.testing.assert_close(together.score(images, scene), expected)
    assert together.facts.range == pytest.approx((0, 1))
    assert together.score(scene.image, scene).item() == pytest.approx(1)


def test_infinite_range_of_a_component_is_that_of_the_sum():
    assert build("1*ssim+1*vif").facts.range == (-1, math.inf)


def test_score_in_a_batch_is_the_score_alone(scene, images):
    together = build("0.5*ssim+2*gmsd")
    alone = torch.cat([together.score(image[None], scene) for image in images])
    assert torch.equal(together.score(images, scene), alone)


def test_nan_of_a_component_is_nan_of_the_sum(scene, images):
    images[1, 0, 20, 20] = math.nan
    assert build("0.5*ssim+0.5*gmsd").score(images, scene).isnan().tolist() == [False, True, False]


def test_sum_uses_a_reference_only_if_a_component_does(toys):
    with_reference, without = build("0.5*ssim+0.5*redness"), build("0.5*greenness+0.5*redness")
    for objective in (with_reference, without):
        assert isinstance(objective, Objective)
    assert with_reference.facts.uses_reference
    assert not without.facts.uses_reference
    assert "Wang" in with_reference.facts.source
    assert "a toy" in with_reference.facts.source
