"""Too much sharpening, against kornia, scipy and OpenCV."""

import cv2
import kornia
import numpy as np
import pytest
import scipy.ndimage
import torch

from isptune.distortions import sharpness
from isptune.distortions.sharpness import _oversharpen_tensor
from tests.distortions.photograph import as_array, assert_batch_is_its_images, photograph

LEVELS = torch.tensor([0.5, 2.0, 2.8, 8.0])


def picture():
    return photograph(80, 128)


def pixels(images):
    return (as_array(images) * 255).round().astype(np.uint8)


@pytest.mark.parametrize("one", sharpness.DISTORTIONS, ids=lambda one: one.name)
def test_a_batch_is_its_images(one):
    images = torch.cat([photograph(60, 64, top) for top in (40, 100, 160, 220)])
    assert_batch_is_its_images(one, images, LEVELS)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("amount", [1.0, 3.0, 12.0])
def test_unsharp_masking_of_lightness_has_a_13x13_kernel_of_sigma_6(amount, swap):
    lab = as_array(kornia.color.rgb_to_lab(picture().flip(1) if swap else picture()))
    offsets = np.arange(-6, 7)
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 6**2))
    blurred = scipy.ndimage.correlate(lab[..., 0], kernel / kernel.sum(), mode="nearest")
    lab[..., 0] += amount * (lab[..., 0] - blurred)
    expected = kornia.color.lab_to_rgb(torch.from_numpy(lab).permute(2, 0, 1)[None])
    mine = sharpness.unsharp_lab(picture(), amount, swap_red_blue=swap)
    torch.testing.assert_close(mine.double(), expected.flip(1) if swap else expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("amount", [2.0, 2.8, 8.0])
def test_8bit_oversharpening_is_that_of_opencv(amount):
    image = pixels(picture())
    blurred = cv2.GaussianBlur(image, (5, 5), 0)
    expected = cv2.addWeighted(image, 1 + amount, blurred, -amount, 0)
    mine = sharpness.oversharpen(picture(), amount, eight_bit=True)
    assert np.array_equal(pixels(mine), expected)
    assert np.array_equal(pixels(_oversharpen_tensor(picture(), torch.tensor([amount]))), expected)


def test_oversharpening_uses_the_binomial_kernel():
    image = as_array(picture())
    taps = np.array([1, 4, 6, 4, 1]) / 16
    blurred = scipy.ndimage.correlate1d(image, taps, axis=0, mode="mirror")
    blurred = scipy.ndimage.correlate1d(blurred, taps, axis=1, mode="mirror")
    expected = (image + 4 * (image - blurred)).clip(0, 1)
    np.testing.assert_allclose(as_array(sharpness.oversharpen(picture(), 4.0)), expected, atol=1e-5)
