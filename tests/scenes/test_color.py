"""Colour spaces, against OpenCV, scikit-image, kornia, colorsys and closed forms."""

import colorsys

import cv2
import kornia
import numpy as np
import pytest
import skimage.color
import skimage.data
import torch

from isptune.scenes.color import (
    hsv_to_rgb,
    lab_to_rgb,
    linear_to_srgb,
    luma,
    rgb_to_hsv,
    rgb_to_lab,
    rgb_to_ycbcr,
    rgb_to_ycrcb,
    srgb_to_linear,
    ycbcr_to_rgb,
    ycrcb_to_rgb,
)


def pictures():
    crops = [picture[40:100, 60:130] for picture in (skimage.data.astronaut(), skimage.data.chelsea())]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255


def corners():
    """Black, white, the six pure colours and some greys, each a pixel."""
    cube = [[r, g, b] for r in (0.0, 1.0) for g in (0.0, 1.0) for b in (0.0, 1.0)]
    return torch.tensor([*cube, [0.5] * 3, [0.1] * 3]).T.reshape(1, 3, 2, 5)


def pixels(images):
    return images[0].permute(1, 2, 0).double().numpy()


@pytest.mark.parametrize("images", [pictures(), corners()], ids=["photographs", "corners"])
@pytest.mark.parametrize(
    ("there", "back", "tolerance"),
    [
        (srgb_to_linear, linear_to_srgb, 2e-6),
        (rgb_to_hsv, hsv_to_rgb, 1e-6),
        (rgb_to_lab, lab_to_rgb, 5e-5),
        (rgb_to_ycbcr, ycbcr_to_rgb, 1e-6),
        (rgb_to_ycrcb, ycrcb_to_rgb, 1e-3),
    ],
)
def test_every_space_leads_back(images, there, back, tolerance):
    torch.testing.assert_close(back(there(images)), images, rtol=0, atol=tolerance)


def test_lab_is_that_of_kornia_and_close_to_scikit_image():
    torch.testing.assert_close(rgb_to_lab(pictures()), kornia.color.rgb_to_lab(pictures()), rtol=0, atol=1e-4)
    expected = skimage.color.rgb2lab(pixels(pictures()))
    assert np.abs(pixels(rgb_to_lab(pictures())) - expected).max() < 0.02  # other digits of the matrix


def test_lab_of_white_and_primaries_is_as_tabulated():
    # Lindbloom's calculator, sRGB, D65.
    known = {7: (100, 0, 0), 4: (53.24, 80.09, 67.20), 2: (87.73, -86.18, 83.18), 1: (32.30, 79.19, -107.86)}
    lab = rgb_to_lab(corners())[0].flatten(1).T
    for place, expected in known.items():
        assert lab[place].tolist() == pytest.approx(expected, abs=0.02)


def test_light_is_the_standard_curve():
    encoded = torch.tensor([0.0, 0.04045, 0.5, 1.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    expected = [0.0, 0.04045 / 12.92, ((0.5 + 0.055) / 1.055) ** 2.4, 1.0]
    assert srgb_to_linear(encoded)[0, 0, 0].tolist() == pytest.approx(expected, rel=1e-5)


def test_hsv_is_that_of_the_standard_library():
    for images in (pictures()[:, :, :8, :8], corners()):
        mine, rgb = pixels(rgb_to_hsv(images)).reshape(-1, 3), pixels(images).reshape(-1, 3)
        np.testing.assert_allclose(mine, [colorsys.rgb_to_hsv(*pixel) for pixel in rgb], atol=2e-6)


def test_luma_and_ycrcb_are_those_of_opencv():
    planes = pixels(pictures()).astype(np.float32)
    expected = cv2.cvtColor(planes, cv2.COLOR_RGB2YCrCb)
    np.testing.assert_allclose(pixels(rgb_to_ycrcb(pictures())), expected, atol=1e-5)
    np.testing.assert_allclose(pixels(luma(pictures()))[..., 0], expected[..., 0], atol=1e-6)
    back = cv2.cvtColor(expected, cv2.COLOR_YCrCb2RGB)
    np.testing.assert_allclose(pixels(ycrcb_to_rgb(rgb_to_ycrcb(pictures()))), back, atol=1e-5)


def test_ycbcr_has_full_range():
    ycbcr = rgb_to_ycbcr(corners())[0].flatten(1).T
    assert ycbcr[4].tolist() == pytest.approx([0.299, 0.5 - 0.299 / 1.772, 1.0], abs=1e-6)
    assert ycbcr[1].tolist() == pytest.approx([0.114, 1.0, 0.5 - 0.114 / 1.402], abs=1e-6)


@pytest.mark.parametrize("space", [rgb_to_hsv, rgb_to_lab, rgb_to_ycbcr, rgb_to_ycrcb, srgb_to_linear])
def test_gradients_are_finite_also_at_black_white_and_grey(space):
    images = corners().requires_grad_()
    space(images).sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert images.grad.abs().sum() > 0


def test_gradients_through_lab_and_back_are_those_of_the_identity():
    images = pictures().clamp(0.05, 0.95).requires_grad_()
    lab_to_rgb(rgb_to_lab(images)).sum().backward()
    assert images.grad is not None
    torch.testing.assert_close(images.grad, torch.ones_like(images), rtol=0, atol=2e-3)
