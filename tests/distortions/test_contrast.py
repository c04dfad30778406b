"""Distortions of contrast, against scipy, Pillow and closed forms."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy.interpolate import CubicSpline

from isptune.distortions import contrast
from tests.distortions.photograph import as_array, assert_batch_is_its_images, photograph, psnr

LEVELS = {
    "contrast": (-1.0, -0.3, 0.5, 3.0),
    "tone_contrast": (-0.9, -0.4, 0.0, 0.9),
    "contrast_compression": (0.1, 0.2, 0.45, 0.5),
    "contrast_scale": (0.0, 0.6, 2.1, 6.0),
    "contrast_stretch": (0.4, 1.0, 2.0, 12.0),
    "contrast_mean": (0.0, 0.4, 1.5, 4.0),
}


def picture():
    return photograph(80, 128)


def pixels(images):
    return (as_array(images) * 255).round().astype(np.uint8)


def truncated(images):
    return (images[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()


@pytest.mark.parametrize("one", contrast.DISTORTIONS, ids=lambda one: one.name)
def test_a_batch_is_its_images(one):
    images = torch.cat([photograph(60, 64, top) for top in (40, 100, 160, 220)])
    assert_batch_is_its_images(one, images, torch.tensor(LEVELS[one.name]))


@pytest.mark.parametrize("level", [-1.0, -0.4, 0.5, 3.0])
def test_contrast_scales_the_distance_from_the_mean_luma(level):
    image = as_array(picture())
    mean = (image @ [0.299, 0.587, 0.114]).mean()
    expected = (mean + (1 + level) * (image - mean)).clip(0, 1)
    np.testing.assert_allclose(as_array(contrast.contrast(picture(), level)), expected, atol=2e-6)


@pytest.mark.parametrize("amount", [0.0, 0.15, -0.4, 0.3, -0.6, 0.9])
def test_tone_contrast_is_the_published_spline(amount):
    places, heights = [0, 0.3, 0.5, 0.7, 1], [0, 0.25 - amount / 4, 0.5, 0.75 + amount / 4, 1]
    spline = CubicSpline(places, heights, bc_type="not-a-knot")
    expected = spline(as_array(picture())).clip(0, 1)
    np.testing.assert_allclose(as_array(contrast.tone_contrast(picture(), amount)), expected, atol=2e-6)


def test_tone_contrast_is_the_identity_at_its_declared_level_and_not_at_the_published_zero():
    near = contrast.tone_contrast(picture(), -0.2 + 1e-5)
    torch.testing.assert_close(near, picture(), rtol=0, atol=1e-5)
    assert torch.equal(contrast.tone_contrast(picture(), -0.2), picture())
    assert psnr(contrast.tone_contrast(picture(), 0.0), picture()) < 32


@pytest.mark.parametrize("offset", [0.4, 0.2, 0.05])
def test_compression_leaves_the_published_range(offset):
    black_and_white = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    result = contrast.contrast_compression(black_and_white, 0.5 - offset)
    assert result[0, 0, 0].tolist() == pytest.approx([0.5 - offset, 0.5 + offset], abs=1e-6)
    middle = contrast.contrast_compression(torch.full((1, 3, 1, 1), 0.25), 0.5 - offset)
    assert middle.mean().item() == pytest.approx(0.5 - offset / 2, abs=1e-6)


@pytest.mark.parametrize("factor", [0.2, 0.6, 0.75, 1.4, 2.1, 4.0])
def test_scaling_is_that_of_pillow(factor):
    expected = np.asarray(ImageEnhance.Contrast(Image.fromarray(pixels(picture()))).enhance(factor))
    assert np.array_equal(truncated(contrast.contrast_scale(picture(), factor, eight_bit=True)), expected)
    smooth = truncated(contrast.contrast_scale(picture(), factor))
    assert np.abs(smooth.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("factor", [0.4, 1.0, 4.0, 10.0])
def test_stretching_is_the_published_sigmoid(factor):
    image = as_array(picture())
    expected = 1 / (1 + (image.mean((0, 1)) / (image + 1e-12)) ** factor)
    mine = contrast.contrast_stretch(picture(), factor)
    np.testing.assert_allclose(as_array(mine), expected, atol=2e-6)
    assert (truncated(mine) != (expected * 255).astype(np.uint8)).mean() < 0.01


def test_stretching_stays_finite_on_black():
    black = torch.zeros(1, 3, 8, 8)
    black[..., 4:] = 0.5
    for exponent in (0.4, 12.0):
        assert contrast.contrast_stretch(black, exponent).isfinite().all()


@pytest.mark.parametrize("factor", [0.05, 0.4, 2.0])
def test_contrast_about_channel_means(factor):
    image = as_array(picture())
    means = image.mean((0, 1))
    expected = (means + factor * (image - means)).clip(0, 1)
    np.testing.assert_allclose(as_array(contrast.contrast_mean(picture(), factor)), expected, atol=2e-6)
