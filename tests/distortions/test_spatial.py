"""Spatial distortions against scipy, Pillow, torch and plain loops over patches."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from PIL import Image

from isptune.distortions import sampling, spatial
from isptune.errors import ConfigError
from tests.distortions.photograph import as_array, assert_batch_is_its_images, generators, photograph
from tests.operations import Operations

PHOTO = photograph()
HEIGHT, WIDTH = PHOTO.shape[-2:]


def eight_bits(images):
    return np.rint(as_array(images) * 255).astype(np.uint8)


def sampled(pixels, down, right, mode):
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    places = [rows + down, columns + right]
    planes = [
        scipy.ndimage.map_coordinates(plane, places, order=1, mode=mode) for plane in pixels.T.swapaxes(1, 2)
    ]
    return np.stack(planes, -1)


@pytest.mark.parametrize("function", spatial.DISTORTIONS, ids=lambda entry: entry.name)
def test_a_batch_is_its_images_one_by_one(function):
    images = torch.cat([photograph(67, 91), photograph(67, 91, 0, 0), photograph(67, 91, 200, 300)])
    levels = function.low + (function.high - function.low) * torch.tensor([0.05, 0.4, 1.0])
    assert_batch_is_its_images(function, images, levels)


@pytest.mark.parametrize("function", spatial.DISTORTIONS, ids=lambda entry: entry.name)
@pytest.mark.parametrize("size", [(20, 33), (3, 2), (1, 1)])
def test_small_images_are_taken(function, size):
    images = torch.rand(2, 3, *size, generator=generators(1)[0])
    levels = torch.tensor(
        [function.low + 0.1 * (function.high - function.low), function.low or function.high]
    )
    spoiled = function(images, levels, generators(1)[0] if function.stochastic else None)
    assert spoiled.shape == images.shape
    assert torch.isfinite(spoiled).all()


@pytest.mark.parametrize("level", [0.05, 0.2, 1.0])
def test_jitter_is_five_bilinear_displacements(level):
    steps = torch.randn(5, 2, HEIGHT, WIDTH, generator=generators(1)[0]).double().numpy()
    expected = as_array(PHOTO)
    for down, right in steps:
        expected = sampled(expected, -level * down, -level * right, "nearest")
    spoiled = as_array(spatial.jitter(PHOTO, level, generators(1)[0], shared=True))
    assert np.abs(spoiled - expected).max() < 1e-3


def test_drift_moves_the_picture_where_the_largest_shifts_round_up_differently():
    steps = torch.zeros(1, 5, 2, 40, 50)
    steps[0, 0, 0, 0, 0], steps[0, 0, 1, 0, 0] = 1.5, 0.5  # down: padding 2, right: padding 1
    images = torch.rand(1, 3, 40, 50, generator=generators(1)[0])
    moved = spatial._drifted(images, steps, torch.tensor([1.0]))
    torch.testing.assert_close(moved[..., 2:-2, 2:-2], images[..., 3:-1, 1:-3], rtol=0, atol=1e-5)


def copied(pixels, numbers, count, rows_at_once):
    """ARNIQA's loop over patches, with its places from the given numbers."""
    pixels = pixels.copy()
    height, width = pixels.shape[:2]
    for place_x, place_y, shift_x, shift_y in numbers[:count]:
        x, y = round(place_x * (width - 48)) + 16, round(place_y * (height - 48)) + 16
        to_x, to_y = round((shift_x - 0.5) * 16 + x), round((shift_y - 0.5) * 16 + y)
        for row in range(0, 16, rows_at_once):
            patch = pixels[y + row : y + row + rows_at_once, x : x + 16].copy()
            pixels[to_y + row : to_y + row + rows_at_once, to_x : to_x + 16] = patch
    return pixels


@pytest.mark.parametrize(("smear", "rows_at_once"), [(False, 16), (True, 1)])
def test_patches_are_copied_one_after_another(smear, rows_at_once):
    numbers = torch.rand(400, 4, generator=generators(1)[0]).tolist()
    for level, count in ((20, 20), (99.6, 100), (400, 400)):
        spoiled = spatial.patch_shift(PHOTO, level, generators(1)[0], shared=True, smear=smear)
        expected = copied(as_array(PHOTO), numbers, count, rows_at_once)
        assert np.array_equal(as_array(spoiled), expected)


def test_blocks_cover_the_picture_one_over_another():
    numbers = torch.rand(100, 5, generator=generators(1)[0])
    for level, count in ((2, 2), (9.7, 10), (100, 100)):
        expected = as_array(PHOTO)
        for red, green, blue, down, right in numbers[:count].tolist():
            y, x = int(down * (HEIGHT - 32)), int(right * (WIDTH - 32))
            expected[y : y + 32, x : x + 32] = red, green, blue
        spoiled = as_array(spatial.color_block(PHOTO, level, generators(1)[0], shared=True))
        assert np.array_equal(spoiled, expected)


@pytest.mark.parametrize("strength", [0.01, 0.05, 0.1, 0.2, 0.5, 0.33, 0.8])
@pytest.mark.parametrize("size", [(192, 256), (101, 77)])
def test_pixelate_is_nearest_resizing_there_and_back(strength, size):
    images, scale = PHOTO[..., : size[0], : size[1]], 0.95 - strength**0.6
    smaller = torch.nn.functional.interpolate(images, [int(side * scale) for side in size])
    expected = torch.nn.functional.interpolate(smaller, size)
    assert torch.equal(spatial.pixelate(images, strength), expected)


@pytest.mark.parametrize("scale", [0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.87, 0.02])
@pytest.mark.parametrize("size", [(192, 256), (101, 77), (60, 7)])
@pytest.mark.parametrize(("up", "pillows"), [("nearest", Image.NEAREST), ("box", Image.BOX)])
def test_box_pixels_are_pillows(scale, size, up, pillows):
    images = PHOTO[..., : size[0], : size[1]]
    small = [max(1, int(side * scale)) for side in size]
    picture = Image.fromarray(eight_bits(images)).resize(small[::-1], Image.BOX)
    expected = np.asarray(picture.resize(size[::-1], pillows)).astype(int)
    assert np.array_equal(eight_bits(spatial.pixelate_box(images, scale, up=up)), expected)
    tensors = eight_bits(spatial._pixelated_tensor(images, [tuple(small)], up)).astype(int)
    assert np.abs(tensors - expected).max() <= 1  # the order of the two passes is Pillow's choice


@pytest.mark.parametrize("scale", [0.5, 0.3, 0.71])
def test_box_tensors_are_pillows_when_it_takes_columns_first(scale):
    small = int(HEIGHT * scale), int(WIDTH * scale)
    columns = Image.fromarray(eight_bits(PHOTO)).resize((small[1], HEIGHT), Image.BOX)
    picture = columns.resize(small[::-1], Image.BOX).resize((WIDTH, HEIGHT), Image.NEAREST)
    tensors = spatial._pixelated_tensor(PHOTO, [small], "nearest")
    assert np.array_equal(eight_bits(tensors), np.asarray(picture))


def test_another_way_up_is_refused():
    with pytest.raises(ConfigError, match=r"up = 'cubic': there are nearest, box"):
        spatial.pixelate_box(PHOTO, 0.5, up="cubic")


@pytest.mark.parametrize("level", [0.05, 0.12])
def test_elastic_shifts_are_smoothed_uniform_fields(level):
    numbers = torch.rand(2, HEIGHT, WIDTH, generator=generators(1)[0]).double().numpy()
    sigma = (0.01 * HEIGHT, 0.01 * WIDTH)
    largest = 0.005 * HEIGHT
    down, right = (
        scipy.ndimage.gaussian_filter((2 * field - 1) * largest, sigma, mode="reflect", truncate=3)
        * 250
        * level
        for field in numbers
    )
    expected = sampled(as_array(PHOTO), down, right, "reflect")
    spoiled = as_array(spatial.elastic_transform(PHOTO, level, generators(1)[0], shared=True))
    assert np.abs(spoiled - expected).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 81), (5, 4), (1, 3)])
def test_smoothing_tensors_is_smoothing_with_opencv(size):
    fields = torch.rand(2, 2, *size, generator=generators(1)[0])
    with Operations() as asked:
        by_tensors = sampling._smoothed_tensor(fields, (1.7, 4.0), 3)
    assert "aten.convolution" not in asked.names  # which a GPU would round to ten bits
    torch.testing.assert_close(by_tensors, sampling.smoothed(fields, (1.7, 4.0), 3), rtol=0, atol=1e-6)


@pytest.mark.parametrize("function", [spatial.jitter, spatial.elastic_transform])
def test_shifts_are_continuous_in_the_level(function):
    images = PHOTO.expand(3, -1, -1, -1)
    level = 0.3 * function.high
    pair = function(images, torch.tensor([0.0, level, 1.001 * level]), generators(1)[0], shared=True)
    assert torch.equal(pair[0], images[0])
    assert (pair[2] - pair[1]).square().mean() < 1e-3 * (pair[1] - pair[0]).square().mean()


def test_the_whole_batch_at_once_is_what_the_threads_make():
    images = torch.cat([PHOTO, PHOTO.flip(3)])
    steps = torch.randn(1, 5, 2, HEIGHT, WIDTH, generator=generators(1)[0])
    level = torch.tensor([0.5, 3.0])
    for function in (spatial._jittered, spatial._drifted):
        by_threads = sampling.image_by_image(function, images, steps, level)
        torch.testing.assert_close(by_threads, function(images, steps, level), rtol=0, atol=2e-5)
