"""Distortions of brightness, against kornia, scikit-image, OpenCV and closed forms."""

import cv2
import kornia
import numpy as np
import pytest
import skimage.color
import torch

from isptune.distortions import brightness
from isptune.distortions.brightness import _gamma_tables, _shift_value_tensor, _value_gamma_tensor
from tests.distortions.photograph import as_array, assert_batch_is_its_images, photograph

LEVELS = {
    "brighten": (0.1, 0.4, 1.1, 1.5),
    "darken": (0.05, 0.3, 0.8, 1.2),
    "mean_shift": (-1.0, -0.15, 0.08, 0.6),
    "value_shift": (-0.5, -0.1, 0.2, 1.0),
    "value_gamma": (0.25, 0.7, 1.8, 3.5),
    "gamma": (0.3, 0.8, 1.7, 6.0),
    "vignette": (0.5, 0.875, 2.0, 3.0),
}


def picture():
    return photograph(80, 128)


def bytes_of(images):
    """Truncated, as the published code stores its results."""
    return (images[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()


def curve(values, middle):
    """The parabola through (0, 0), (0.5, middle), (1, 1), clipped."""
    return np.polyval(np.polyfit([0, 0.5, 1], [0, middle, 1], 2), values).clip(0, 1)


def share_of_other_bytes(images, expected):
    difference = np.abs(bytes_of(images).astype(int) - expected.astype(np.uint8).astype(int))
    assert difference.max() <= 1
    return (difference > 0).mean()


@pytest.mark.slow
@pytest.mark.parametrize("one", brightness.DISTORTIONS, ids=lambda one: one.name)
def test_a_batch_is_its_images(one):
    images = torch.cat([photograph(60, 64, top) for top in (40, 100, 160, 220)])
    assert_batch_is_its_images(one, images, torch.tensor(LEVELS[one.name]))


@pytest.mark.parametrize("amount", [0.1, 0.4, 1.1])
def test_brighten_is_two_thirds_of_a_curve_on_rgb_and_one_third_on_lightness(amount):
    image = picture().flip(1)
    lab = kornia.color.rgb_to_lab(image)
    lab[:, 0] = torch.from_numpy(curve(lab[:, 0].double().numpy() / 100, 0.5 + amount / 2) * 100)
    light = kornia.color.lab_to_rgb(lab)
    mixed = (2 * torch.from_numpy(curve(image.double().numpy(), 0.5 + amount / 2)) + light) / 3
    mine = brightness.brighten(picture(), amount, swap_red_blue=True)
    torch.testing.assert_close(mine.double(), mixed.flip(1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("amount", [0.05, 0.2, 0.8])
def test_darken_is_a_curve_on_rgb(amount):
    expected = curve(as_array(picture()), 0.5 - amount / 2)
    np.testing.assert_allclose(as_array(brightness.darken(picture(), amount)), expected, atol=1e-6)


@pytest.mark.parametrize("shift", [0.08, -0.15, 0.35])
def test_mean_shift_adds_and_clips(shift):
    expected = (as_array(picture()) + shift).clip(0, 1)
    np.testing.assert_allclose(as_array(brightness.mean_shift(picture(), shift)), expected, atol=1e-6)


@pytest.mark.parametrize("shift", [0.1, 0.2, 0.5, -0.2, -0.4])
def test_value_shift_is_that_of_opencvs_float_hsv(shift):
    hsv = cv2.cvtColor(as_array(picture()).astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 2] += np.float32(shift)
    expected = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).clip(0, 1)
    mine = brightness.value_shift(picture(), shift)
    assert share_of_other_bytes(mine, expected * 255) < 0.01
    tensors = _shift_value_tensor(picture(), torch.tensor([shift]), False).clamp(0, 1)
    torch.testing.assert_close(tensors, mine, rtol=0, atol=3e-5)


@pytest.mark.parametrize("shift", [0.1, 0.5, -0.3])
def test_value_shift_with_clipped_value_keeps_the_saturation_of_highlights(shift):
    hsv = skimage.color.rgb2hsv(as_array(picture()))
    hsv[..., 2] = (hsv[..., 2] + shift).clip(0, 1)
    expected = skimage.color.hsv2rgb(hsv)
    mine = brightness.value_shift(picture(), shift, clip_value=True)
    np.testing.assert_allclose(as_array(mine), expected, atol=3e-5)
    tensors = _shift_value_tensor(picture(), torch.tensor([shift]), True)
    torch.testing.assert_close(tensors, mine, rtol=0, atol=3e-5)


@pytest.mark.parametrize("power", [0.25, 0.7, 1.5, 3.5])
def test_8bit_value_gamma_is_that_of_opencvs_byte_hsv(power):
    hsv = cv2.cvtColor(bytes_of(picture()), cv2.COLOR_RGB2HSV)
    hsv[..., 2] = (hsv[..., 2] / 255) ** power * 255
    expected = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    mine = brightness.value_gamma(picture(), power, eight_bit=True)
    assert share_of_other_bytes(mine, expected) == 0
    tables = torch.from_numpy(_gamma_tables(torch.tensor([power])))
    tensors = _value_gamma_tensor(picture(), tables)
    assert (bytes_of(tensors) != expected).mean() < 1e-3


@pytest.mark.parametrize("power", [0.36, 2.2])
def test_value_gamma_bends_the_value_and_keeps_hue_and_saturation(power):
    hsv = skimage.color.rgb2hsv(as_array(picture()))
    hsv[..., 2] **= power
    expected = skimage.color.hsv2rgb(hsv)
    np.testing.assert_allclose(as_array(brightness.value_gamma(picture(), power)), expected, atol=5e-6)


@pytest.mark.parametrize("power", [0.3, 0.45, 0.8, 1.4, 3.2])
def test_gamma_is_a_power(power):
    expected = as_array(picture()) ** power
    np.testing.assert_allclose(as_array(brightness.gamma(picture(), power)), expected, atol=2e-6)
    truncated = brightness.gamma(picture(), power, eight_bit=True)
    levels = (as_array(picture()) * 255).round() / 255
    assert share_of_other_bytes(truncated, levels**power * 255) == 0


@pytest.mark.parametrize(("height", "width"), [(48, 64), (49, 63)])
def test_vignette_falls_to_zero_towards_the_first_corner(height, width):
    white = torch.ones(1, 3, height, width)
    rows, columns = np.mgrid[:height, :width]
    distance = np.sqrt((rows - height // 2) ** 2 + (columns - width // 2) ** 2)
    expected = (1 - distance / np.sqrt((height**2 + width**2) / 4)) ** 1.25
    mine = as_array(brightness.vignette(white, 1.25))
    np.testing.assert_allclose(mine[..., 0], expected, atol=1e-6)
    assert mine[height // 2, width // 2, 2] == 1


def test_black_has_no_hue_to_keep():
    black = torch.zeros(1, 3, 4, 4)
    torch.testing.assert_close(brightness.value_shift(black, 0.3), torch.full_like(black, 0.3))
    torch.testing.assert_close(brightness.value_gamma(black, 0.5), black)
