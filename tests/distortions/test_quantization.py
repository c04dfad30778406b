"""Fewer colours, against scikit-image, Pillow and searches through all possibilities."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.filters import threshold_multiotsu

from isptune.distortions import quantization
from isptune.distortions.eight_bit import _count_tensor, count_bytes
from isptune.distortions.palettes import median_cut, multi_otsu, variance_palette
from tests.distortions.photograph import as_array, assert_batch_is_its_images, photograph, psnr

LEVELS = torch.tensor([3.0, 7.4, 15.0, 28.0])


def picture():
    return photograph(80, 128)


def pixels(images):
    return (as_array(images) * 255).round().astype(np.uint8)


def truncated(images):
    return (images[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()


@pytest.mark.parametrize("one", quantization.DISTORTIONS, ids=lambda one: one.name)
def test_a_batch_is_its_images(one):
    images = torch.cat([photograph(60, 64, top) for top in (40, 100, 160, 220)])
    assert_batch_is_its_images(one, images, LEVELS)


@pytest.mark.parametrize("levels", [20, 16, 13, 10, 7, 3])
def test_quantization_has_equal_steps_and_full_range(levels):
    image = pixels(picture())
    thresholds = [0, *np.linspace(0, 255, levels + 1)[1:-1].astype(int), 256]
    index = np.searchsorted(thresholds, image, side="left").astype(float)
    expected = (index - index.min()) / (index.max() - index.min())
    mine = quantization.quantization(picture(), float(levels))
    np.testing.assert_allclose(as_array(mine), expected, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_otsu_thresholds_are_those_of_scikit_image(classes):
    image = pixels(picture()).astype(np.float32)
    expected = np.empty_like(image)
    for channel in range(3):
        plane = image[..., channel]
        thresholds = threshold_multiotsu(plane, classes=classes, nbins=30)
        step = (plane.max() - plane.min()) / classes
        expected[..., channel] = np.digitize(plane, thresholds) * step + plane.min()
    mine = quantization.otsu_quantization(picture(), float(classes))
    np.testing.assert_allclose(as_array(mine) * 255, expected, atol=1e-3)


def test_multi_otsu_is_the_maximum_over_all_thresholds():
    counts = np.random.default_rng(3).integers(0, 50, 14)
    counts[[2, 3, 9]] = 0

    def between(thresholds):
        parts = np.split(np.arange(14), np.array(thresholds) + 1)
        places = [np.maximum(part, 1) for part in parts]  # the quirk of scikit-image that is kept
        sums = [(counts[part] @ place, counts[part].sum()) for part, place in zip(parts, places, strict=True)]
        return sum(moment**2 / mass for moment, mass in sums if mass)

    for classes in (2, 4, 6):
        best = max(itertools.combinations(range(13), classes - 1), key=between)
        assert multi_otsu(counts, classes).tolist() == list(best)


@pytest.mark.parametrize("colours", [2, 3, 6, 10, 15, 20])
def test_median_cut_is_that_of_pillow(colours):
    image = pixels(picture())
    planes = [Image.fromarray(np.ascontiguousarray(image[..., channel])) for channel in range(3)]
    method = Image.Quantize.MEDIANCUT
    expected = [np.asarray(plane.quantize(colours, method).convert("L")) for plane in planes]
    mine = quantization.median_quantization(picture(), float(colours))
    assert np.array_equal(pixels(mine), np.stack(expected, 2))


def test_median_cut_keeps_images_of_few_levels():
    counts = np.zeros(256, dtype=np.int64)
    counts[[4, 90, 200]] = (1, 500, 30)
    assert median_cut(counts, 3)[[4, 90, 200]].tolist() == [4, 90, 200]
    assert median_cut(counts, 17)[[4, 90, 200]].tolist() == [4, 90, 200]


@pytest.mark.parametrize("bins", [24, 16, 8, 6, 4])
def test_histogram_quantization_is_the_published_equalisation(bins):
    image = pixels(picture())
    below = np.histogram(image, bins, (0, 255))[0].cumsum().astype(float)
    filled = below[below > 0]
    equalised = np.where(below > 0, (below - filled.min()) * 255 / (filled.max() - filled.min()), 0)
    expected = equalised.astype(np.uint8)[np.round(image / 255 * (bins - 1)).astype(int)]
    mine = quantization.histogram_quantization(picture(), float(bins))
    assert (truncated(mine) != expected).mean() < 0.01
    assert np.abs(truncated(mine).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("colours", [64, 16, 8])
def test_dither_keeps_the_number_of_colours_and_local_means(colours):
    mine = quantization.dither_quantization(picture(), float(colours))
    assert len(np.unique(pixels(mine).reshape(-1, 3), axis=0)) <= colours
    blocks = [torch.nn.functional.avg_pool2d(images, 16) for images in (mine, picture())]
    assert (blocks[0] - blocks[1]).abs().mean() < 0.02


@pytest.mark.parametrize("colours", [64, 16, 8])
def test_dither_is_about_as_close_as_pillows_palette_of_clusters(colours):
    original = Image.fromarray(pixels(picture()))
    palette = original.quantize(colours, Image.Quantize.MEDIANCUT, kmeans=10)
    theirs = original.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")
    mine = quantization.dither_quantization(picture(), float(colours))
    expected = psnr(np.asarray(theirs) / 255, as_array(picture()))
    assert psnr(mine, picture()) == pytest.approx(expected, abs=2)


def test_the_palette_of_separate_colours_is_these_colours():
    colours = np.array([[250, 10, 10], [10, 250, 10], [20, 20, 200], [128, 128, 128]], dtype=np.uint8)
    image = colours[np.random.default_rng(0).integers(0, 4, (20, 30))]
    found = variance_palette(image, 4)
    assert {tuple(colour) for colour in found.tolist()} == {tuple(colour) for colour in colours.tolist()}
    assert len(variance_palette(image, 100)) == 4


def test_a_flat_image_stays_as_it_is():
    flat = torch.full((1, 3, 8, 8), 51 / 255)
    for one in quantization.DISTORTIONS:
        torch.testing.assert_close(one(flat, 5.0), flat, rtol=0, atol=1e-6)


def test_bytes_are_counted_alike_on_every_device():
    images = torch.cat([photograph(40, 50), photograph(40, 50, 200)])
    assert np.array_equal(count_bytes(images), _count_tensor(images))
    assert count_bytes(images).sum(2).tolist() == [[2000] * 3] * 2
