"""Noise against numpy, scipy, OpenCV and scikit-image versions of the published definitions."""

import math

import cv2
import numpy as np
import pytest
import scipy.stats
import skimage.util
import torch

from isptune.distortions import noise
from isptune.distortions.draws import Draws
from tests.distortions.photograph import as_array, assert_batch_is_its_images, generators, photograph, psnr

RANDOM = np.random.default_rng(7)
PHOTO = photograph()
PIXELS = as_array(PHOTO)


def eight_bits(pixels):
    return np.uint8(np.clip(pixels, 0, 1) * 255.0) / 255


def gaussian(sigma):
    return RANDOM.normal(0, sigma, PIXELS.shape)


def impulses(density):
    result, count = PIXELS.copy(), int(density * PIXELS.size)
    places = [RANDOM.integers(0, side, count) for side in PIXELS.shape]
    result[tuple(part[: count // 2] for part in places)] = 1
    result[tuple(part[count // 2 :] for part in places)] = 0
    return result


def in_ycrcb(sigma_luma, multiple):
    image = cv2.cvtColor(PIXELS.astype(np.float32), cv2.COLOR_RGB2YCrCb)
    spoiled = image + gaussian(1) * np.array([sigma_luma, sigma_luma * multiple, sigma_luma * multiple])
    return eight_bits(cv2.cvtColor(spoiled.astype(np.float32), cv2.COLOR_YCrCb2RGB))


def in_ycbcr(variance):
    forward = np.array([[0.299, 0.587, 0.114], [0, 0, 0.564], [0.713, 0, 0]])
    forward[1] -= 0.564 * forward[0]
    forward[2] -= 0.713 * forward[0]
    spoiled = PIXELS @ forward.T + gaussian(math.sqrt(variance))
    return np.clip(spoiled @ np.linalg.inv(forward).T, 0, 1)


PUBLISHED = [
    (noise.white_noise, 0.001, lambda: np.clip(PIXELS + gaussian(0.001**0.5), 0, 1)),
    (noise.white_noise, 0.38**2, lambda: np.clip(PIXELS + gaussian(0.38), 0, 1)),
    (noise.white_noise_ycbcr, 0.0001, lambda: in_ycbcr(0.0001)),
    (noise.white_noise_ycbcr, 0.003, lambda: in_ycbcr(0.003)),
    (noise.gaussian_noise_ycrcb, 1, lambda: in_ycrcb(0.05, 1)),
    (noise.gaussian_noise_ycrcb, 5, lambda: in_ycrcb(0.09, 2.8)),
    (noise.impulse_noise, 0.005, lambda: impulses(0.005)),
    (noise.impulse_noise, 0.4, lambda: impulses(0.4)),
    (noise.salt_and_pepper, 0.03, lambda: skimage.util.random_noise(PIXELS, "s&p", RANDOM, amount=0.03)),
    (noise.salt_and_pepper, 0.27, lambda: skimage.util.random_noise(PIXELS, "s&p", RANDOM, amount=0.27)),
    (noise.speckle_noise, 0.001, lambda: np.clip(PIXELS * (1 + gaussian(0.001**0.5)), 0, 1)),
    (noise.speckle_noise, 0.36, lambda: np.clip(PIXELS * (1 + gaussian(0.6)), 0, 1)),
    (noise.correlated_noise, 0.08, lambda: eight_bits(cv2.blur(PIXELS + gaussian(0.08), (3, 3)))),
    (noise.correlated_noise, 0.22, lambda: eight_bits(cv2.blur(PIXELS + gaussian(0.22), (3, 3)))),
    (noise.poisson_noise, 1 / 80, lambda: eight_bits(RANDOM.poisson(PIXELS * 80) / 80)),
    (noise.poisson_noise, 1 / 12, lambda: eight_bits(RANDOM.poisson(PIXELS * 12) / 12)),
    (noise.poisson_noise, 1 / 3, lambda: eight_bits(RANDOM.poisson(PIXELS * 3) / 3)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("function", "level", "reference"), PUBLISHED)
def test_psnr_is_that_of_the_published_definition(function, level, reference):
    ours = [psnr(function(PHOTO, level, generator), PHOTO) for generator in generators(10)]
    theirs = [psnr(reference(), PIXELS) for _ in range(10)]
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.2)


@pytest.mark.parametrize("function", noise.DISTORTIONS, ids=lambda entry: entry.name)
def test_a_batch_is_its_images_one_by_one(function):
    images = torch.cat([photograph(37, 51), photograph(37, 51, 0, 0), photograph(37, 51, 200, 300)])
    levels = function.low + (function.high - function.low) * torch.tensor([0.05, 0.4, 1.0])
    assert_batch_is_its_images(function, images, levels)


@pytest.mark.parametrize("function", noise.DISTORTIONS, ids=lambda entry: entry.name)
def test_a_shared_field_spoils_more_at_every_higher_level(function):
    images = PHOTO[:, :, :64, :64].expand(6, -1, -1, -1)
    levels = function.high * torch.tensor([0.0, 0.02, 0.1, 0.3, 0.6, 1.0])
    spoiled = function(images, levels, generators(1)[0], shared=True)
    assert torch.equal(spoiled[0], images[0])
    errors = (spoiled - images).square().mean((1, 2, 3))
    assert (errors.diff() > 0).all()


@pytest.mark.parametrize("function", noise.DISTORTIONS, ids=lambda entry: entry.name)
def test_a_hair_more_level_changes_the_image_by_a_hair(function):
    images = PHOTO[:, :, :128, :128].expand(2, -1, -1, -1)
    level = 0.3 * function.high
    pair = function(images, torch.tensor([level, level * 1.0005]), generators(1)[0], shared=True)
    whole = (pair[0] - images[0]).square().mean()
    assert (pair[1] - pair[0]).square().mean() < 0.01 * whole


@pytest.mark.parametrize("function", noise.DISTORTIONS, ids=lambda entry: entry.name)
def test_levels_do_not_change_what_is_drawn(function):
    images = PHOTO[:, :, :20, :20]
    first, second = generators(2)
    second.manual_seed(0)
    function(images, 0.1 * function.high, first)
    function(images, 0.9 * function.high, second)
    assert torch.equal(torch.rand(5, generator=first), torch.rand(5, generator=second))


@pytest.mark.parametrize("function", [noise.impulse_noise, noise.salt_and_pepper])
def test_samples_hit_at_a_low_level_are_hit_the_same_way_at_a_higher_one(function):
    grey = torch.full((2, 3, 100, 100), 0.5)
    low, high = function(grey, torch.tensor([0.1, 0.45]), generators(1)[0], shared=True)
    assert torch.equal(high[low != 0.5], low[low != 0.5])


def test_impulses_overwrite_each_other_as_draws_with_replacement_do():
    grey = torch.full((1, 3, 400, 400), 0.5)
    spoiled = noise.impulse_noise(grey, 0.5, generators(1)[0])
    # Of n samples and n * d draws, a share exp(-d / 2) survives each half of the draws.
    assert (spoiled == 0).float().mean().item() == pytest.approx(1 - math.exp(-0.25), abs=0.003)
    assert (spoiled == 1).float().mean().item() == pytest.approx(math.exp(-0.25) - math.exp(-0.5), abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.01, 0.7, 2.0, 3.99])
def test_few_photons_follow_the_poisson_distribution_exactly(rate):
    normal = torch.randn(50_000, generator=generators(1)[0])
    ours = noise._poisson_quantile(torch.full_like(normal, rate), normal).numpy()
    theirs = scipy.stats.poisson.ppf(scipy.stats.norm.cdf(normal.double()), np.float32(rate))
    assert (ours != theirs).mean() <= 1e-4  # single precision decides ties


@pytest.mark.slow
@pytest.mark.parametrize("rate", [4.0, 10.0, 100.0, 10_000.0])
def test_many_photons_are_at_most_one_off(rate):
    normal = torch.randn(50_000, generator=generators(1)[0])
    ours = noise._poisson_quantile(torch.full_like(normal, rate), normal).numpy()
    theirs = scipy.stats.poisson.ppf(scipy.stats.norm.cdf(normal.double()), rate)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() <= 0.003


def test_photons_counted_in_chunks_are_those_counted_at_once():
    images, level = torch.cat([PHOTO, PHOTO.flip(3)]), torch.tensor([0.3, 0.02])
    field = Draws(generators(1), 2).normal(*images.shape[1:])
    at_once = noise._shot(images, level.view(-1, 1, 1, 1), field.expand_as(images)).clamp(0, 1)
    in_chunks = noise.poisson_noise(images, level, generators(1)[0], shared=True)
    torch.testing.assert_close(in_chunks, at_once, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(192, 256), (5, 7), (2, 2), (1, 3)])
def test_the_box_of_tensors_is_the_box_of_opencv(size):
    images = torch.rand(2, 3, *size, generator=generators(1)[0])
    torch.testing.assert_close(noise._box_tensor(images), noise._box(images), rtol=0, atol=1e-6)


def test_correlated_noise_jumps_from_the_identity_to_the_blurred_image():
    blurred = np.clip(cv2.blur(PIXELS, (3, 3)), 0, 1)
    spoiled = noise.correlated_noise(PHOTO, 1e-6, generators(1)[0])
    assert np.abs(as_array(spoiled) - blurred).max() < 1e-4
    assert torch.equal(noise.correlated_noise(PHOTO, 0.0, generators(1)[0]), PHOTO)
