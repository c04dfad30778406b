"""Distortions of colour, against kornia, OpenCV, scikit-image and closed forms."""

import cv2
import kornia
import numpy as np
import pytest
import scipy.ndimage
import skimage.color
import torch

from isptune.distortions import color
from isptune.distortions.color_8bit import _hsv_tensor, _ycrcb_tensor
from isptune.distortions.eight_bit import grey_bytes, hsv_bytes, rgb_bytes, rgb_bytes_of_ycrcb, ycrcb_bytes
from tests.distortions.photograph import as_array, assert_batch_is_its_images, generators, photograph, psnr

LEVELS = {
    "saturation": (-1.0, -0.4, 0.7, 3.0),
    "color_diffusion": (0.5, 1.0, 3.3, 12.0),
    "color_shift": (0.4, 1.0, 6.0, 20.0),
    "saturation_hsv": (-0.4, 0.0, 0.35, 64.0),
    "saturation_hsv_8bit": (0.0, 0.55, 3.0, 64.0),
    "saturation_lab": (0.0, 0.6, 2.0, 9.0),
    "saturation_ycrcb": (0.0, 0.4, 2.0, 16.0),
    "saturate": (0.6, 2.0, 3.5, 5.0),
}


def picture():
    return photograph(80, 128)


def to_rgb(planes):
    return torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32)).permute(2, 0, 1)[None]


def bytes_of(images):
    return (as_array(images) * 255).round().astype(np.uint8)


def swapped(function, image):
    """A function of images with red and blue exchanged before and after."""
    return function(image.flip(1)).flip(1)


@pytest.mark.slow
@pytest.mark.parametrize("one", color.DISTORTIONS, ids=lambda one: one.name)
def test_a_batch_is_its_images(one):
    images = torch.cat([photograph(60, 64, top) for top in (40, 100, 160, 220)])
    assert_batch_is_its_images(one, images, torch.tensor(LEVELS[one.name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["color_diffusion", "saturation_lab"])
def test_published_variants_of_a_batch_are_their_images(name):
    images = torch.cat([photograph(60, 64, top) for top in (40, 100, 160, 220)])
    one = getattr(color, name)
    options = {"swap_red_blue": True, "eight_bit": True}
    assert_batch_is_its_images(one, images, torch.tensor(LEVELS[name]), **options)


@pytest.mark.parametrize("level", [-1.0, -0.3, 0.8, 3.0])
def test_saturation_scales_the_distance_from_luma(level):
    image = as_array(picture())
    grey = image @ [0.299, 0.587, 0.114]
    expected = (grey[..., None] + (1 + level) * (image - grey[..., None])).clip(0, 1)
    np.testing.assert_allclose(as_array(color.saturation(picture(), level)), expected, atol=1e-6)


@pytest.mark.parametrize("factor", [0.4, 0.1, 0.0, -0.4])
def test_hsv_saturation_is_a_product_in_hsv_whichever_channels_are_swapped(factor):
    def by_kornia(image):
        hsv = kornia.color.rgb_to_hsv(image)
        return kornia.color.hsv_to_rgb(hsv * torch.tensor([1, factor, 1]).view(3, 1, 1)).clamp(0, 1)

    mine = color.saturation_hsv(picture(), factor)
    torch.testing.assert_close(mine, by_kornia(picture()), rtol=0, atol=1e-5)
    torch.testing.assert_close(mine, swapped(by_kornia, picture()), rtol=0, atol=1e-5)


def test_hsv_saturation_stops_at_one():
    hsv = skimage.color.rgb2hsv(as_array(picture()))
    hsv[..., 1] = (hsv[..., 1] * 5).clip(0, 1)
    expected = skimage.color.hsv2rgb(hsv)
    np.testing.assert_allclose(as_array(color.saturation_hsv(picture(), 5.0)), expected, atol=2e-5)


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("factor", [0.5, 2.0, 9.0])
def test_lab_saturation_is_a_product_in_lab(factor, swap):
    def by_kornia(image):
        lab = kornia.color.rgb_to_lab(image)
        lab[:, 1:] *= factor
        return kornia.color.lab_to_rgb(lab)

    expected = swapped(by_kornia, picture()) if swap else by_kornia(picture())
    mine = color.saturation_lab(picture(), factor, swap_red_blue=swap)
    torch.testing.assert_close(mine, expected, rtol=0, atol=2e-5)
    truncated = color.saturation_lab(picture(), factor, swap_red_blue=swap, eight_bit=True)
    steps = (truncated * 255).round()
    assert ((steps - (expected * 255).trunc()).abs() > 0.5).float().mean() < 1e-3
    torch.testing.assert_close(truncated * 255, steps, rtol=0, atol=1e-4)


@pytest.mark.parametrize("amount", [1.0, 3.0, 8.0])
def test_colour_diffusion_blurs_and_multiplies_a_and_b(amount):
    sigma = 1.5 * amount + 2
    lab = kornia.color.rgb_to_lab(picture().flip(1).double())
    planes = as_array(lab)
    radius = int(np.ceil(2 * sigma))
    for plane in (1, 2):
        blurred = scipy.ndimage.gaussian_filter(planes[..., plane], sigma, mode="nearest", radius=radius)
        planes[..., plane] = amount * blurred
    expected = kornia.color.lab_to_rgb(torch.from_numpy(planes).permute(2, 0, 1)[None]).flip(1)
    mine = color.color_diffusion(picture(), amount, swap_red_blue=True)
    torch.testing.assert_close(mine.double(), expected, rtol=0, atol=1e-4)


def shifted_by_roll(image, rows, columns):
    """Green moved down and right and blended by edges, as KADID-10k describes it; [H, W, 3]."""
    grey = image @ [0.299, 0.587, 0.114]
    gradients = [
        scipy.ndimage.correlate1d(grey, [-0.5, 0, 0.5], axis=axis, mode="nearest") for axis in (0, 1)
    ]
    edges = scipy.ndimage.gaussian_filter(np.hypot(*gradients), 4, mode="nearest", radius=8)
    mask = (edges - edges.min()) / (edges.max() - edges.min())
    padded = np.pad(image[..., 1], 20, mode="edge")
    moved = np.roll(padded, (rows, columns), (0, 1))[20:-20, 20:-20]
    result = image.copy()
    result[..., 1] = moved * mask + image[..., 1] * (1 - mask)
    return result


def test_colour_shift_moves_green_along_the_drawn_direction():
    drawn = torch.rand(2, generator=generators(1, 5)[0]).double().numpy()
    rows, columns = np.round(drawn / np.hypot(*drawn) * 9).astype(int)
    expected = shifted_by_roll(as_array(picture()), rows, columns)
    mine = color.color_shift(picture(), 9.0, generators(1, 5))
    np.testing.assert_allclose(as_array(mine), expected, atol=1e-5)


@pytest.mark.slow
def test_colour_shift_is_as_strong_as_the_published_one_over_seeds():
    image, rng = as_array(picture()), np.random.default_rng(0)
    theirs, mine = [], []
    for seed in range(40):
        drawn = rng.random(2)
        rows, columns = np.round(drawn / np.hypot(*drawn) * 8).astype(int)
        theirs.append(psnr(shifted_by_roll(image, rows, columns), image))
        mine.append(psnr(as_array(color.color_shift(picture(), 8.0, generators(1, seed))), image))
    assert np.mean(mine) == pytest.approx(np.mean(theirs), abs=0.2)


def test_colour_shift_leaves_flat_images_and_the_other_channels_alone():
    flat = torch.full((1, 3, 20, 30), 0.3)
    torch.testing.assert_close(color.color_shift(flat, 7.0, generators(1)), flat)
    moved = color.color_shift(picture(), 7.0, generators(1))
    assert torch.equal(moved[:, ::2], picture()[:, ::2])
    assert not torch.equal(moved[:, 1], picture()[:, 1])


@pytest.mark.parametrize("scale", [0.7, 0.2, 0.0, 3.0, 64.0])
def test_8bit_hsv_saturation_is_that_of_opencv(scale):
    hsv = cv2.cvtColor(bytes_of(picture()), cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 1] = np.clip(hsv[..., 1] * scale, 0, 255)
    expected = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    mine = color.saturation_hsv_8bit(picture(), scale)
    assert np.array_equal(bytes_of(mine), expected)
    tensors = _hsv_tensor(picture(), torch.tensor([scale]))
    assert (np.abs(bytes_of(tensors).astype(int) - expected) > 0).mean() < 1e-3


@pytest.mark.parametrize("scale", [0.6, 0.1, 0.0, 2.0, 16.0])
def test_8bit_ycrcb_saturation_is_that_of_opencv(scale):
    ycrcb = cv2.cvtColor(bytes_of(picture()), cv2.COLOR_RGB2YCrCb).astype(np.float32)
    ycrcb[..., 1:] = np.clip(128 + (ycrcb[..., 1:] - 128) * scale, 0, 255)
    expected = cv2.cvtColor(ycrcb.astype(np.uint8), cv2.COLOR_YCrCb2RGB)
    assert np.array_equal(bytes_of(color.saturation_ycrcb(picture(), scale)), expected)
    assert np.array_equal(bytes_of(_ycrcb_tensor(picture(), torch.tensor([scale]))), expected)


def test_byte_colours_in_tensors_are_those_of_opencv_and_pillow():
    from PIL import Image

    drawn = torch.randint(0, 256, (1, 3, 160, 160), generator=generators(1)[0], dtype=torch.int32)
    drawn[:, :, :20] = drawn[:, :1, :20]  # greys
    pixels = drawn[0].permute(1, 2, 0).numpy().astype(np.uint8)

    def opencv(code):
        return torch.from_numpy(cv2.cvtColor(pixels, code)).permute(2, 0, 1)[None].int()

    assert torch.equal(hsv_bytes(drawn), opencv(cv2.COLOR_RGB2HSV))
    assert torch.equal(ycrcb_bytes(drawn), opencv(cv2.COLOR_RGB2YCrCb))
    assert torch.equal(rgb_bytes_of_ycrcb(drawn), opencv(cv2.COLOR_YCrCb2RGB))
    assert np.array_equal(grey_bytes(drawn)[0].numpy(), np.asarray(Image.fromarray(pixels).convert("L")))
    pixels[..., 0] %= 180
    drawn[:, 0] %= 180
    # The whole registers of a row: OpenCV rounds in what is left of it.
    different = rgb_bytes(drawn) != opencv(cv2.COLOR_HSV2RGB)
    assert different.float().mean() < 1e-3


@pytest.mark.parametrize(
    ("severity", "scale", "shift"), [(1, 0.3, 0), (2, 0.1, 0), (4, 5, 0.1), (5, 20, 0.2)]
)
def test_saturate_is_the_published_scale_and_shift(severity, scale, shift):
    hsv = skimage.color.rgb2hsv(as_array(picture()))
    hsv[..., 1] = (hsv[..., 1] * scale + shift).clip(0, 1)
    expected = skimage.color.hsv2rgb(hsv)
    np.testing.assert_allclose(as_array(color.saturate(picture(), severity)), expected, atol=2e-5)


@pytest.mark.slow
def test_saturate_is_continuous_in_severity_and_starts_at_the_image():
    levels = torch.linspace(0, 5, 501)
    images = photograph(24, 24).expand(501, 3, 24, 24)
    steps = (color.saturate(images, levels).diff(dim=0)).abs().amax((1, 2, 3))
    assert torch.equal(color.saturate(images[:1], 0.0), images[:1])
    assert steps.max() < 0.15  # 0.01 of a severity changes the factor by up to 0.15


@pytest.mark.parametrize("name", ["saturation", "saturation_hsv", "saturation_lab"])
def test_greys_stay_grey_and_levels_near_the_identity_are_near_the_image(name):
    one = getattr(color, name)
    grey = torch.linspace(0, 1, 64).view(1, 1, 8, 8).expand(1, 3, 8, 8)
    torch.testing.assert_close(one(grey, one.identity + 0.5), grey, rtol=0, atol=2e-4)
    near = one(picture(), one.identity + 1e-4)
    torch.testing.assert_close(near, picture(), rtol=0, atol=1e-3)
