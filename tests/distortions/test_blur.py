"""Blurs that draw nothing, against scipy, OpenCV and closed forms."""

import cv2
import numpy as np
import pytest
import scipy.ndimage
import skimage.data
import skimage.morphology
import torch

from isptune.distortions import blur
from isptune.distortions.kernels import (
    _convolve_tensor,
    convolve,
    convolve_separable,
    disk_by_area,
    disk_of_arniqa,
    gaussian_taps,
    hard_disk,
)
from isptune.errors import ConfigError

LEVELS = {
    "gaussian_blur": (0.1, 0.7, 2.0, 5.3),
    "lens_blur": (0.4, 1.0, 3.3, 8.0),
    "disk_blur": (0.5, 2.0, 6.4, 9.0),
    "defocus_blur": (0.2, 1.0, 3.5, 5.0),
    "zoom_blur": (0.5, 1.0, 3.3, 5.0),
    "masked_gaussian_blur": (0.2, 1.0, 2.6, 5.0),
}
ZOOMS = {
    "depictqa": [(1, 1.03, 0.02), (1, 1.06, 0.02), (1, 1.10, 0.02), (1, 1.15, 0.02), (1, 1.21, 0.02)],
    "imagenet_c": [(1, 1.11, 0.01), (1, 1.16, 0.01), (1, 1.21, 0.02), (1, 1.26, 0.02), (1, 1.31, 0.03)],
}


def photo(height=72, width=91):
    return skimage.data.astronaut()[80 : 80 + height, 170 : 170 + width] / 255.0


def as_images(pixels):
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float()[None]


def as_pixels(images):
    return images[0].permute(1, 2, 0).numpy()


def by_channel(function, pixels):
    return np.stack([function(pixels[:, :, c]) for c in range(3)], -1)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 0.8, 1.0, 2.0, 5.0])
def test_gaussian_blur_is_the_fspecial_kernel_over_repeated_edges(sigma):
    half = int(np.ceil(2 * sigma))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    kernel = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    expected = by_channel(lambda c: scipy.ndimage.correlate(c, kernel, mode="nearest"), photo())
    got = as_pixels(blur.gaussian_blur(as_images(photo()), sigma))
    assert np.abs(got - expected).max() < 3e-6


@pytest.mark.parametrize("sigma", [0.7, 1.0, 3.0, 5.0])
def test_gaussian_blur_with_scipys_radius_is_scipys(sigma):
    expected = by_channel(lambda c: scipy.ndimage.gaussian_filter(c, sigma, mode="nearest"), photo())
    got = as_pixels(blur.gaussian_blur(as_images(photo()), sigma, radius="scipy"))
    assert np.abs(got - expected).max() < 3e-6


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_white_areas_cut_to_8_bits_stay_with_scipys_float64(sigma):
    pixels = photo()
    pixels[:, :60] = 1.0
    expected = by_channel(lambda c: scipy.ndimage.gaussian_filter(c, sigma, mode="nearest"), pixels)
    got = as_pixels(blur.gaussian_blur(as_images(pixels), sigma, radius="scipy"))
    differing = np.floor(expected.clip(0, 1) * 255) != np.floor(got * np.float32(255))
    assert differing.mean() < 0.01


@pytest.mark.parametrize("radius", [0.3, 0.8, 1.0, 2.0, 3.4, 8.0])
def test_the_lens_disk_weighs_pixels_by_covered_area(radius):
    kernel = disk_by_area(radius)
    half, fine = kernel.shape[0] // 2, 100
    places = (np.arange((2 * half + 1) * fine) + 0.5) / fine - half - 0.5
    inside = (places[:, None] ** 2 + places**2 <= radius**2).astype(float)
    area = inside.reshape(2 * half + 1, fine, 2 * half + 1, fine).mean((1, 3))
    assert np.abs(kernel - area / area.sum()).max() < 2e-3 / area.sum()


def test_the_lens_disk_of_arniqa_has_its_published_negative_rim():
    # One quadrant each, as ARNIQA's own code returns them.
    two = [[0.08014064, 0.08014064, 0.03838471], [0.08014064, 0.11526475, -0.00191263]]
    four = [0.02241305, 0.02241305, 0.02241305, 0.03483382, -0.0294132]
    assert np.allclose(disk_of_arniqa(2)[2:4, 2:], two, atol=1e-7)
    assert np.allclose(disk_of_arniqa(4)[6, 4:], four, atol=1e-7)


@pytest.mark.parametrize(("kernel", "make"), [("matlab", disk_by_area), ("arniqa", disk_of_arniqa)])
@pytest.mark.parametrize("radius", [2, 6])
def test_lens_blur_repeats_edges(kernel, make, radius):
    weights = make(radius).astype(np.float64)
    expected = by_channel(lambda c: scipy.ndimage.correlate(c, weights, mode="nearest"), photo())
    got = as_pixels(blur.lens_blur(as_images(photo()), float(radius), kernel=kernel))
    assert np.abs(got - expected.clip(0, 1)).max() < 1e-5


@pytest.mark.parametrize("radius", [2, 3, 8, 9])
def test_disk_blur_is_the_mean_over_a_hard_disk_over_mirrored_edges(radius):
    weights = skimage.morphology.disk(radius).astype(np.float64)
    weights /= weights.sum()
    expected = by_channel(lambda c: scipy.ndimage.correlate(c, weights, mode="mirror"), photo())
    got = as_pixels(blur.disk_blur(as_images(photo()), float(radius)))
    assert np.abs(got - expected).max() < 3e-6


def test_a_disk_mean_that_is_a_whole_grey_level_is_cut_as_in_the_source():
    pixels = photo(120, 160)
    for radius in (2, 3, 4, 6, 8):
        source = by_channel(lambda c, r=radius: cv2.filter2D(c, -1, hard_disk(r)), pixels).clip(0, 1)
        got = as_pixels(blur.disk_blur(as_images(pixels), float(radius)))
        assert (np.floor(source * 255) != np.floor(got * np.float32(255))).mean() < 0.01


@pytest.mark.parametrize(("severity", "radius", "sigma"), [(1, 3, 0.1), (3, 6, 0.5), (5, 10, 0.5)])
def test_defocus_blur_blurs_its_disk(severity, radius, sigma):
    room = max(8 - radius, 0)
    disk = np.pad(skimage.morphology.disk(radius).astype(np.float64), room)
    side = 3 if radius <= 8 else 5
    disk = cv2.GaussianBlur(disk / disk.sum(), (side, side), sigma)
    expected = by_channel(lambda c: scipy.ndimage.correlate(c, disk, mode="mirror"), photo())
    got = as_pixels(blur.defocus_blur(as_images(photo()), float(severity)))
    assert np.abs(got - expected.clip(0, 1)).max() < 1e-5


@pytest.mark.parametrize("steps", ["depictqa", "imagenet_c"])
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_zoom_blur_is_the_mean_of_scipys_zooms(steps, severity):
    pixels = photo()
    height, width = pixels.shape[:2]
    factors = np.arange(*ZOOMS[steps][severity - 1])
    total = pixels.copy()
    for factor in factors:
        rows, columns = int(np.ceil(height / factor)), int(np.ceil(width / factor))
        top, left = (height - rows) // 2, (width - columns) // 2
        centre = pixels[top : top + rows, left : left + columns]
        total += scipy.ndimage.zoom(centre, (factor, factor, 1), order=1)[:height, :width]
    got = as_pixels(blur.zoom_blur(as_images(pixels), float(severity), steps=steps))
    assert np.abs(got - total / (len(factors) + 1)).max() < 5e-6


@pytest.mark.parametrize(("severity", "gamma", "sigma"), [(1, 2.0, 2), (4, 3.8, 8)])
def test_masked_gaussian_blur_grows_from_the_centre(severity, gamma, sigma):
    pixels = photo()
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height // 2, x - width // 2) / np.sqrt((height**2 + width**2) / 4)
    mask = ((1 - distance) ** gamma)[:, :, None]
    blurred = by_channel(lambda c: scipy.ndimage.gaussian_filter(c, sigma, mode="nearest"), pixels)
    got = as_pixels(blur.masked_gaussian_blur(as_images(pixels), float(severity)))
    assert np.abs(got - (mask * pixels + (1 - mask) * blurred)).max() < 3e-6


@pytest.mark.parametrize("entry", blur.DISTORTIONS, ids=lambda d: d.name)
def test_each_image_of_a_batch_is_as_if_alone(entry):
    images = torch.cat([as_images(photo()), as_images(photo()[::-1])] * 2)
    levels = torch.tensor(LEVELS[entry.name])
    together = entry(images, levels)
    alone = torch.cat([entry(images[i : i + 1], levels[i : i + 1]) for i in range(4)])
    assert (together - alone).abs().max() <= 1e-6
    assert (together - images).abs().amax((1, 2, 3))[1:].min() > 1e-3


@pytest.mark.parametrize("entry", blur.DISTORTIONS[1:], ids=lambda d: d.name)
def test_a_small_step_of_the_level_is_a_small_step_of_the_image(entry):
    images = as_images(photo())
    for level in (0.0, 1.0, 2.0, 3.0):
        before, after = entry(images, max(level - 2e-4, 0.0)), entry(images, level + 2e-4)
        assert (before - after).abs().max() < 2e-3


@pytest.mark.parametrize("border", ["edge", "reflect"])
def test_the_tensor_convolution_equals_opencvs(border):
    images = torch.rand(3, 3, 19, 23, generator=torch.Generator().manual_seed(1))
    kernels = [disk_by_area(1.7), disk_of_arniqa(4), np.full((1, 5), 0.2, np.float32)]
    expected = convolve(images, kernels, border)
    assert (_convolve_tensor(images, kernels, border) - expected).abs().max() < 1e-6


def test_the_tensor_convolution_of_rows_and_columns_equals_opencvs():
    images = torch.rand(2, 3, 19, 23, generator=torch.Generator().manual_seed(1))
    taps = [gaussian_taps(1.5, 3), gaussian_taps(4.0, 16)]
    rows = _convolve_tensor(images, [t[None] for t in taps], "edge")
    both = _convolve_tensor(rows, [t[:, None] for t in taps], "edge")
    assert (both - convolve_separable(images, taps)).abs().max() < 1e-6


def test_the_tensor_zoom_equals_the_image_by_image_one():
    images = torch.cat([as_images(photo())] * 4)
    mixes = [blur._zoom_weights(blur.ZOOMS["imagenet_c"], severity) for severity in (0.5, 1.0, 3.3, 5.0)]
    difference = blur._zoom_tensor(images, mixes) - blur._zoom_images(images, mixes)
    assert difference.abs().max() < 2e-5


@pytest.mark.parametrize("entry", blur.DISTORTIONS, ids=lambda d: d.name)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 3)])
def test_images_smaller_than_the_kernel_are_blurred_too(entry, size):
    flat = torch.full((1, 3, *size), 0.25)
    assert (entry(flat, entry.high) - flat).abs().max() < 1e-2


@pytest.mark.parametrize(
    ("entry", "option"),
    [(blur.gaussian_blur, "radius"), (blur.lens_blur, "kernel"), (blur.zoom_blur, "steps")],
)
def test_an_unknown_variant_is_refused_with_the_known_ones(entry, option):
    with pytest.raises(ConfigError, match=r"there are \w+, \w+"):
        entry(as_images(photo()), 1.0, **{option: "other"})
