"""Blurs with chance in them, against plain loops over the same drawn numbers."""

import math

import numpy as np
import pytest
import skimage.data
import torch

from isptune.distortions import blur, blur_random
from isptune.distortions.draws import Draws
from isptune.distortions.kernels import gaussian_trail, motion_line
from isptune.errors import ConfigError

LEVELS = {
    "motion_blur": (2.5, 4.0, 10.0, 30.0),
    "gaussian_motion_blur": (0.5, 1.0, 3.3, 5.0),
    "glass_blur": (0.5, 1.0, 3.3, 5.0),
    "pixel_swap": (0.5, 1.0, 3.3, 5.0),
}


def photo(height=40, width=47):
    pixels = skimage.data.astronaut()[80 : 80 + height, 190 : 190 + width].transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(pixels)).float()[None] / 255


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_level_motion_line_is_a_run_of_ones_with_half_ends():
    expected = np.array([[0.5, 1, 1, 1, 0.5]]) / 4
    level = motion_line(4, 0)
    assert np.allclose(level[level.shape[0] // 2 :][:1], expected, atol=1e-7)
    upright = motion_line(4, 90)
    assert np.allclose(upright[:, upright.shape[1] // 2], expected[0], atol=1e-7)
    assert abs(level.sum() - 1) < 1e-6


def test_a_slanting_motion_line_rises_to_the_right_and_mirrors():
    line = motion_line(9, 30)
    assert line[: line.shape[0] // 2, line.shape[1] // 2 + 1 :].sum() > 0.3
    assert line[: line.shape[0] // 2, : line.shape[1] // 2].sum() < 0.01
    assert np.allclose(line, line[::-1, ::-1], atol=1e-7)
    assert np.allclose(motion_line(9, 150), line[:, ::-1], atol=1e-6)


def test_a_motion_line_weighs_pixels_by_their_distance_from_the_segment():
    length, degrees = 12.0, 25.0
    line = motion_line(length, degrees)
    rows, columns = line.shape[0] // 2, line.shape[1] // 2
    direction = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    for y in range(-rows, rows + 1):
        for x in range(-columns, columns + 1):
            along = np.clip(np.dot([x, y], direction), -(length - 1) / 2, (length - 1) / 2)
            distance = np.hypot(*(np.array([x, y]) - along * direction))
            # fspecial counts a few pixels beside the very end as beyond it: up to 0.1 of a full weight.
            weight = line[rows - y, columns + x] / line.max()
            assert abs(weight - max(1 - distance, 0)) < 0.11


def test_motion_up_to_one_pixel_leaves_the_image():
    images = photo()
    assert torch.equal(blur_random.motion_blur(images, 1.0, generator=stream()), images)


def shifted(pixels, down, right):
    """Pixels moved with repeated edges, by rolling and filling."""
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return pixels[rows][:, columns]


@pytest.mark.parametrize(("radius", "sigma", "angle"), [(5, 3, 70.0), (10, 5, -33.0), (20, 12, -90.0)])
def test_a_gaussian_trail_is_a_weighted_sum_of_shifted_images(radius, sigma, angle):
    pixels = photo(64, 70)[0].permute(1, 2, 0).numpy().astype(np.float64)
    weights = np.exp(-(np.arange(2 * radius + 1) ** 2) / (2 * sigma**2))
    expected = np.zeros_like(pixels)
    for i, weight in enumerate(weights / weights.sum()):
        down = -math.ceil(i * math.sin(math.radians(angle)) - 0.5)
        right = -math.ceil(i * math.cos(math.radians(angle)) - 0.5)
        expected += weight * shifted(pixels, down, right)
    got = blur_random.convolve(photo(64, 70), [gaussian_trail(radius, sigma, angle)])
    assert np.abs(got[0].permute(1, 2, 0).numpy() - expected).max() < 3e-6


@pytest.mark.parametrize(("steps", "largest"), [("depictqa", 90), ("imagenet_c", 45)])
def test_trails_stay_within_the_published_angles(monkeypatch, steps, largest):
    seen = []
    monkeypatch.setattr(blur_random, "convolve", lambda images, kernels: seen.extend(kernels) or images)
    blur_random.gaussian_motion_blur(photo().repeat(40, 1, 1, 1), 5.0, generator=stream(), steps=steps)
    for kernel in seen:
        up, left = kernel.shape[0] // 2, kernel.shape[1] // 2
        rows, columns = np.nonzero(kernel)
        far = np.argmax(np.hypot(rows - up, columns - left))
        assert columns[far] - left > -1
        assert abs(math.degrees(math.atan2(rows[far] - up, columns[far] - left))) <= largest + 1
    assert max(kernel.shape[0] for kernel in seen) > 41


def copied_one_by_one(pixels, p, uniform):
    """The published loop: exchange through views of one array, from the last pixel to the first."""
    height, width = pixels.shape[:2]
    _, down, right = (np.floor(uniform * 2 * p) - p).astype(int)
    for h in range(height - p, p, -1):
        for w in range(width - p, p, -1):
            there = (h + down[h, w], w + right[h, w])
            pixels[h, w], pixels[there] = pixels[there], pixels[h, w]
    return pixels


@pytest.mark.parametrize("p", [1, 2, 4])
def test_pixel_swap_equals_the_loop_over_pixels(p):
    images = photo()
    uniform = torch.rand(3, *images.shape[2:], generator=stream(7)).numpy()
    expected = copied_one_by_one(images[0].permute(1, 2, 0).numpy().copy(), p, uniform)
    got = blur_random.pixel_swap(images, float(p), generator=[stream(7)])
    assert np.array_equal(got[0].permute(1, 2, 0).numpy(), expected)


def test_copying_in_a_whole_batch_equals_copying_image_by_image():
    images, shifts = photo().repeat(3, 1, 1, 1), [0.4, 2.0, 3.7]
    uniform = torch.rand(3, 3, *images.shape[2:], generator=stream(1))
    together = blur_random._gather_origins(images, torch.tensor(shifts), uniform)
    for i, shift in enumerate(shifts):
        one = slice(i, i + 1)
        alone = blur_random._gather_origins(images[one], torch.tensor([shift]), uniform[one])
        assert torch.equal(together[one], alone)


def test_glass_blur_copies_between_two_gaussian_blurs():
    images, generator = photo(), stream(3)
    pixels = blur.gaussian_blur(images, 1.2, radius="scipy")[0].permute(1, 2, 0).numpy().copy()
    for _ in range(2):
        uniform = torch.rand(3, *images.shape[2:], generator=generator).numpy()
        pixels = copied_one_by_one(pixels, 2, uniform)
    again = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
    expected = blur.gaussian_blur(again, 1.2, radius="scipy")
    got = blur_random.glass_blur(images, 3.0, generator=[stream(3)], steps="depictqa")
    assert (got - expected).abs().max() < 2e-6


def test_between_whole_displacements_a_share_of_the_pixels_moves_further():
    images = torch.rand(1, 3, 60, 60, generator=stream())

    def moved(level):
        out = blur_random.pixel_swap(images, level, generator=[stream(1)])
        return float((out != images).any(1).float().mean())

    assert moved(0.01) < 0.02
    assert moved(0.25) == pytest.approx(0.25 * moved(0.999), abs=0.03)
    assert moved(0.999) == pytest.approx(moved(1.0), abs=0.01)


@pytest.mark.parametrize("entry", blur_random.DISTORTIONS, ids=lambda d: d.name)
def test_each_image_of_a_batch_is_as_if_alone(entry):
    images = torch.cat([photo(), photo().flip(2)] * 2)
    levels = torch.tensor(LEVELS[entry.name])
    together = entry(images, levels, generator=[stream(s) for s in range(4)])
    alone = [entry(images[i : i + 1], levels[i : i + 1], generator=[stream(i)]) for i in range(4)]
    assert (together - torch.cat(alone)).abs().max() <= 1e-6
    assert (together - images).abs().amax((1, 2, 3)).min() > 1e-3


@pytest.mark.parametrize("entry", blur_random.DISTORTIONS, ids=lambda d: d.name)
def test_a_shared_field_treats_equal_images_equally(entry):
    images, level = photo().repeat(2, 1, 1, 1), LEVELS[entry.name][2]
    first, second = entry(images, level, generator=stream(), shared=True)
    assert torch.equal(first, second)
    first, second = entry(images, level, generator=stream())
    assert not torch.equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["motion_blur", "gaussian_motion_blur", "glass_blur"])
def test_a_small_step_of_the_level_is_a_small_step_of_the_image(name):
    entry = getattr(blur_random, name)
    # ImageNet-C's cut to 8 bits makes glass_blur jump by up to one grey level.
    options = {} if name == "motion_blur" else {"steps": "depictqa"}
    for level in (0.0, 1.0, 2.0, 3.0):
        near = [max(level - 2e-4, 0.0), level + 2e-4]
        before, after = (entry(photo(), at, generator=[stream(2)], **options) for at in near)
        assert (before - after).abs().mean() < 1e-3


def test_the_draws_do_not_depend_on_the_levels():
    for entry in blur_random.DISTORTIONS:
        after = []
        for level in LEVELS[entry.name][:2]:
            generator = stream(5)
            entry.function(photo(), torch.tensor([level]), Draws([generator], 1))
            after.append(float(torch.rand(1, generator=generator)))
        assert after[0] == after[1]


@pytest.mark.parametrize("entry", blur_random.DISTORTIONS, ids=lambda d: d.name)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 3)])
def test_images_smaller_than_the_displacement_pass(entry, size):
    flat = torch.full((1, 3, *size), 0.25)
    assert (entry(flat, entry.high, generator=stream()) - flat).abs().max() < 5e-3


@pytest.mark.parametrize("entry", [blur_random.glass_blur, blur_random.gaussian_motion_blur])
def test_an_unknown_table_is_refused_with_the_known_ones(entry):
    with pytest.raises(ConfigError, match="depictqa, imagenet_c"):
        entry(photo(), 1.0, generator=stream(), steps="other")
