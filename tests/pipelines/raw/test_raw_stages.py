"""The stages of the raw ISP one by one: against independent implementations, closed forms, and themselves."""

import warnings

import cv2
import numpy as np
import pytest
import scipy.ndimage
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isptune.scenes.color import linear_to_srgb
from isptune.scenes.images import to_images
from isptune.scenes.raw_capture import NoiseModel, Optics
from pipelines.raw.params import HIGHLIGHT_METHODS, METHODS
from pipelines.raw.stages import color, finish, local_contrast, planes, raw_denoise, sensor, shrinkage, tone
from pipelines.raw.stages.demosaic import demosaic, suppress_false_colour
from tests.raw_captures import mosaic_of, photograph

SMALL = photograph(56, 72)


def v(*values):
    return torch.tensor(values, dtype=torch.float32)


def cells_of(images):
    return torch.nn.functional.pixel_unshuffle(mosaic_of(images), 2)


def fields(count=2, channels=4, height=24, width=30, seed=0):
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("method", METHODS)
def test_demosaicing_equals_colour_demosaicing(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import colour_demosaicing as oracle
    known = {
        "bilinear": oracle.demosaicing_CFA_Bayer_bilinear,
        "malvar2004": oracle.demosaicing_CFA_Bayer_Malvar2004,
        "menon2007": oracle.demosaicing_CFA_Bayer_Menon2007,
    }[method]
    # Whole numbers: sums over directions are exact, so that equal ones are equal in float32 and float64.
    picture = to_images(skimage.data.astronaut()[100:260, 150:330], "astronaut").mul(255).round()
    ours = demosaic(cells_of(picture), method)[0].permute(1, 2, 0).numpy()
    theirs = known(mosaic_of(picture)[0, 0].double().numpy(), "RGGB")
    inner = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=1e-4)  # float32 against float64, of 255
    truth = picture[0].permute(1, 2, 0).numpy()
    decibels = [-10 * np.log10(np.mean((np.clip(x, 0, 255) - truth) ** 2)) for x in (ours, theirs)]
    assert decibels[0] > decibels[1] - 0.2  # whole pictures: at the border, ours may be the better one


@pytest.mark.parametrize("method", METHODS)
def test_demosaicing_keeps_the_samples_and_flat_colours(method):
    picture = SMALL
    done = demosaic(cells_of(picture), method)
    torch.testing.assert_close(mosaic_of(done), mosaic_of(picture), atol=1e-6, rtol=0)
    flat = torch.tensor([0.2, 0.5, 0.7]).view(1, 3, 1, 1).expand(1, 3, 20, 22)
    inner = (..., slice(4, -4), slice(4, -4))  # malvar2004 swaps colours at the very border
    torch.testing.assert_close(demosaic(cells_of(flat), method)[inner], flat[inner], atol=1e-6, rtol=0)


@pytest.mark.parametrize("method", ["malvar2004", "menon2007"])
def test_edges_of_what_is_very_red_or_blue_get_no_dots_and_photographs_lose_nothing(method):
    across, down = torch.meshgrid(torch.arange(48.0), torch.arange(40.0), indexing="xy")
    shape = torch.sigmoid(4 * (across - 0.8 * down - 6)) * torch.sigmoid(-4 * (across - 0.8 * down - 18))
    for strong in (0, 2):
        colour = torch.full((1, 3, 1, 1), 0.06)
        colour[:, strong] = 0.9
        truth = colour * (0.05 + 0.95 * shape)
        error = [(demosaic(cells_of(truth), method, held) - truth)[..., 8:-8, 8:-8] for held in (False, True)]
        weak = [e[:, [c for c in range(3) if c != strong]].abs().max() for e in error]
        assert weak[0] > 0.2  # a step of the strong colour, carried over to the weak ones
        assert weak[1] < 0.06  # no more than their own step
    for picture in (
        skimage.data.astronaut(),
        skimage.data.coffee()[:400],
        skimage.data.chelsea()[:300, :450],
    ):
        truth = to_images(np.ascontiguousarray(picture), "picture")
        errors = [demosaic(cells_of(truth), method, held).clamp(0, 1) - truth for held in (False, True)]
        published, held = (-10 * torch.log10(e.square().mean()) for e in errors)
        assert held > published - 0.02


def test_false_colours_are_filtered_as_often_as_asked():
    images = fields(3, 3)
    done = suppress_false_colour(images, v(0, 1, 2))
    assert torch.equal(done[0], images[0])
    for c in (0, 2):
        difference = (images[1, c] - images[1, 1]).numpy()
        once = scipy.ndimage.median_filter(difference, 3, mode="nearest")
        np.testing.assert_allclose(done[1, c], once + images[1, 1].numpy(), atol=1e-6)
    assert torch.equal(done[:, 1], images[:, 1])


def test_black_levels_of_four_cells_and_an_offset_map_the_range():
    mosaic = torch.tensor([[100.0, 101], [102, 103]]).repeat(8, 8)[None, None]
    cells = sensor.black_level(mosaic.expand(2, -1, -1, -1), (100.0, 101.0, 102.0, 103.0), 1100.0, v(0, 0.01))
    assert torch.equal(cells[0], torch.zeros(4, 8, 8))
    torch.testing.assert_close(cells[1], torch.full((4, 8, 8), -0.01 / 0.99), atol=1e-4, rtol=0)
    full = sensor.black_level(
        torch.full((1, 1, 16, 16), 1100.0), (100.0, 101.0, 102.0, 103.0), 1100.0, v(0.02)
    )
    torch.testing.assert_close(full, torch.ones(1, 4, 8, 8))


def test_a_hot_and_a_dead_pixel_are_found_and_edges_are_left_alone():
    cells = 0.3 + 0.02 * fields(1)
    cells[:, :, :, 15:] += 0.5
    spoilt = cells.clone()
    spoilt[0, 0, 5, 5], spoilt[0, 3, 9, 20] = 1.0, 0.0
    done = sensor.defective_pixels(spoilt, v(0.2))
    assert 0.3 <= done[0, 0, 5, 5] <= 0.33
    assert 0.79 <= done[0, 3, 9, 20] <= 0.83
    done[0, 0, 5, 5], done[0, 3, 9, 20] = cells[0, 0, 5, 5], cells[0, 3, 9, 20]
    assert torch.equal(done, cells)


def test_shading_brightens_the_corners_by_its_gain_and_leaves_the_middle():
    cells = torch.ones(2, 4, 50, 50)
    done = sensor.lens_shading(cells, Optics(50.0, 50.0, (2 * 49**2) ** 0.5), v(0.5, 1.0), v(2, 4))
    torch.testing.assert_close(done[:, 0, 0, 0], v(1.5, 2.0), atol=1e-4, rtol=0)
    torch.testing.assert_close(done[:, 0, 25, 25], v(1, 1), atol=1e-3, rtol=0)


def test_white_balance_multiplies_red_and_blue_only():
    done = sensor.white_balance(torch.ones(1, 4, 8, 8), (2.0, 1.0, 1.5), v(1.1), v(0.9))
    torch.testing.assert_close(done[0, :, 0, 0], v(2.2, 1, 1, 1.35))


def test_raw_denoising_removes_noise_keeps_brightness_and_edges():
    generator = torch.Generator().manual_seed(2)
    clean = torch.full((1, 4, 96, 96), 0.05)
    clean[..., 48:] = 0.5
    noise = NoiseModel(4e-3, 4e-5)
    noisy = clean + torch.randn(clean.shape, generator=generator) * (noise.shot * clean + noise.read).sqrt()
    done = raw_denoise.raw_denoise(noisy, noise, v(1.2), v(1.2))
    assert (done - clean).std() < 0.4 * (noisy - clean).std()
    for half in (slice(8, 40), slice(56, 88)):
        # The inverse of the transform has no bias beyond the error of a mean over 12,000 samples.
        assert float(done[..., half].mean()) == pytest.approx(float(clean[..., half].mean()), rel=0.02)
    step = done[..., 49].mean() - done[..., 46].mean()
    assert float(step) > 0.8 * 0.45


def test_highlights_lose_their_colour_both_ways():
    white_balance = (2.0, 1.0, 1.5)
    sky = torch.tensor([2.0, 1.0, 1.5]).view(1, 3, 1, 1).expand(1, 3, 4, 4)  # every channel clipped
    assert torch.equal(color.highlights(sky, white_balance, "clip", v(0.9)), torch.ones(1, 3, 4, 4))
    neutral = color.highlights(sky, white_balance, "neutral", v(0.9))
    torch.testing.assert_close(neutral, torch.full((1, 3, 4, 4), 1.5))
    below = torch.tensor([0.8, 0.6, 0.9]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    for method in HIGHLIGHT_METHODS:
        assert torch.equal(color.highlights(below, white_balance, method, v(0.9)), below)


def test_the_matrix_keeps_grey_at_every_strength_and_is_itself_at_one():
    matrix = ((1.8, -0.9, 0.1), (-0.2, 1.7, -0.5), (0.0, -0.4, 1.4))
    grey = torch.full((3, 3, 4, 4), 0.4)
    torch.testing.assert_close(color.colour_matrix(grey, matrix, v(0, 0.5, 1)), grey)
    images = fields(2, 3)
    done = color.colour_matrix(images, matrix, v(0, 1))
    assert torch.equal(done[0], images[0])
    expected = torch.einsum("ij,jhw->ihw", torch.tensor(matrix), images[1])
    torch.testing.assert_close(done[1], expected, atol=1e-6, rtol=0)


def test_exposure_is_in_stops():
    torch.testing.assert_close(
        color.exposure(torch.ones(2, 3, 2, 2), 0.5, v(0.5, -1.5))[:, 0, 0, 0], v(2, 0.5)
    )


IDENTITY_CURVE = {"white": 1, "black": 0, "gamma": 1, "shadows": 0, "highlights": 0, "contrast": 0}


def curve(light, **changes):
    knobs = {name: v(value) for name, value in {**IDENTITY_CURVE, **changes}.items()}
    return tone.tone_curve(light, **knobs)


def test_the_neutral_curve_is_the_encoding_of_srgb():
    light = torch.cat([torch.linspace(0, 1.2, 3000), torch.logspace(-6, 0, 3000)]).view(1, 3, 20, 100)
    apart = (curve(light) - linear_to_srgb(light).clamp(0, 1)).abs().max()
    assert apart < 2e-5  # linear between 4096 knots
    assert float(curve(torch.full((1, 3, 2, 2), -0.1)).max()) == 0


@settings(max_examples=60, deadline=None)
@given(
    white=st.floats(1, 4), black=st.floats(-0.05, 0.1), gamma=st.floats(0.5, 2),
    shadows=st.floats(-1, 1), highlights=st.floats(-1, 1), contrast=st.floats(-1, 1),
)  # fmt: skip
def test_every_curve_rises_from_its_black_to_white(**knobs):
    light = (torch.linspace(0, 1, 3 * 512) ** 2 * 4).view(1, 3, 1, 512)
    done = curve(light, **knobs).flatten()
    assert (done.diff() >= -1e-6).all()
    assert float(done[-1]) == 1
    assert float(done[0]) == pytest.approx(0 if knobs["black"] >= 0 else float(done[0]))


def test_params_of_the_curve_do_what_they_say():
    grey = torch.full((1, 3, 2, 2), 0.1)
    middle = float(curve(grey).mean())
    assert curve(grey, gamma=1.5).mean() > middle > curve(grey, gamma=0.7).mean()
    assert curve(grey, shadows=0.5).mean() > middle
    assert curve(grey, contrast=0.5).mean() < middle
    assert curve(grey, black=0.05).mean() < middle < curve(grey, black=-0.05).mean()
    bright = torch.full((1, 3, 2, 2), 1.5)
    assert curve(bright).mean() == 1
    assert curve(bright, white=3.0).mean() < 1


def test_luma_and_chroma_are_those_of_bt_709_and_come_back():
    images = fields(2, 3)
    converted = finish.to_luma_chroma(images)
    torch.testing.assert_close(finish.to_rgb(converted), images, atol=1e-6, rtol=0)
    # The primaries of ITU-R BT.709-6, 3.2 and 3.3.
    red = finish.to_luma_chroma(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)).flatten()
    torch.testing.assert_close(red, v(0.2126, -0.2126 / 1.8556, 0.5), atol=1e-6, rtol=0)


def test_local_contrast_raises_texture_compression_brings_regions_together():
    images = torch.zeros(3, 3, 64, 128)
    images[:, 0] = 0.2
    images[:, 0, :, 64:] = 0.8
    images[:, 0] += 0.02 * torch.randn(64, 128, generator=torch.Generator().manual_seed(0))
    done = local_contrast.local_contrast(images, v(0, 0, 0.5), v(0, 1, 0), v(16, 16, 16))
    assert torch.equal(done[0], images[0])
    left, right = (..., slice(8, 40)), (..., slice(88, 120))
    assert done[1, 0][left].std() > 1.5 * images[1, 0][left].std()
    apart = done[2, 0][right].mean() - done[2, 0][left].mean()
    assert float(apart) == pytest.approx(0.3, abs=0.03)


def test_local_contrast_leaves_no_halo_along_a_step():
    images = torch.full((1, 3, 64, 128), 0.2)
    images[..., 64:] = 0.8
    images[:, 1:] = 0
    done = local_contrast.local_contrast(images, v(0.5), v(1.0), v(16))[0, 0, 32]
    far = (done[4], done[-4])
    # A Gaussian split of this radius overshoots by 0.2 to 0.3.
    assert float(far[0] - done.min()) < 0.06
    assert float(done.max() - far[1]) < 0.06


def test_shrinking_is_nearly_the_identity_without_noise_and_halves_noise_on_flat_ground():
    generator = torch.Generator().manual_seed(3)
    flat = 0.5 + 0.05 * torch.randn(1, 1, 96, 96, generator=generator)
    done = shrinkage.shrink(flat, v(0.05)[:, None] * 1.3, v(4), v(0))
    assert done.std() < 0.35 * flat.std()
    torch.testing.assert_close(shrinkage.shrink(flat, v(0)[:, None], v(4), v(0)), flat)
    torch.testing.assert_close(shrinkage.shrink(flat, v(0.5)[:, None], v(5), v(1)), flat, atol=1e-6, rtol=0)


def test_denoising_keeps_at_least_the_asked_share_of_detail():
    noise = 0.01 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    images = torch.full((1, 3, 64, 64), 0.5) + noise
    all_gone = finish.denoise_luma(images, v(0.1), v(1), v(0))[:, :1]
    half = finish.denoise_luma(images, v(0.1), v(1), v(0.5))[:, :1]
    torch.testing.assert_close(half, (all_gone + images[:, :1]) / 2, atol=1e-6, rtol=0)
    assert torch.equal(finish.denoise_luma(images, v(0.1), v(1), v(0))[:, 1:], images[:, 1:])
    assert torch.equal(finish.denoise_chroma(images, v(0.1), v(1))[:, :1], images[:, :1])


def test_sharpening_is_unsharp_masking_within_its_limits():
    images = fields(1, 3, 40, 40)
    plain = finish.sharpen(images, v(0.7), v(1.0), v(0), v(1))
    luma = images[0, 0].double().numpy()
    blurred = scipy.ndimage.gaussian_filter(luma, 1.0, mode="mirror", truncate=3.0)
    np.testing.assert_allclose(plain[0, 0], luma + 0.7 * (luma - blurred), atol=1e-5)
    limited = finish.sharpen(images, v(3.0), v(1.0), v(0), v(0))[0, 0]
    low, high = (
        f(images[0, 0].numpy(), 3, mode="nearest")
        for f in (scipy.ndimage.minimum_filter, scipy.ndimage.maximum_filter)
    )
    assert (limited.numpy() >= low).all()
    assert (limited.numpy() <= high).all()
    noise = 0.5 + 0.004 * (fields(1, 3, 40, 40) - 0.5)
    torch.testing.assert_close(finish.sharpen(noise, v(3.0), v(1.0), v(0.01), v(1)), noise, atol=1e-6, rtol=0)


def test_colour_turns_and_scales_chroma_and_keeps_luma():
    images = finish.to_luma_chroma(0.4 + 0.2 * fields(4, 3))
    done = finish.colour(images, v(1, 0, 2, 1), v(0, 0, 0, 1), v(0, 0, 0, 0))
    assert torch.equal(done[0], images[0])
    assert float(done[1, 1:].abs().max()) == 0
    torch.testing.assert_close(done[2, 1:], 2 * images[2, 1:])
    ratio = done[3, 1] / images[3, 1]
    assert ratio.nan_to_num(1.5).min() > 1
    assert torch.equal(done[:, 0], images[:, 0])
    turned = finish.colour(images, v(1, 1, 1, 1), v(0, 0, 0, 0), v(90, 90, 90, 90))
    torch.testing.assert_close(turned[:, 1], -images[:, 2], atol=1e-6, rtol=0)


def test_compression_is_libjpeg_and_100_is_none():
    images = SMALL.repeat(2, 1, 1, 1)
    done = finish.compress(images, v(100, 50))
    assert torch.equal(done[0], images[0])
    pixels = (images[1].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 50])[1]
    np.testing.assert_allclose(done[1].permute(1, 2, 0) * 255, cv2.imdecode(data, 1)[..., ::-1], atol=1e-3)


TWO_PATHS = {
    "blur": lambda x: planes.blur(x, [planes.gaussian(1.7), planes.gaussian(0.6)]),
    "local range": lambda x: torch.cat(planes.local_range(x), 1),
    "neighbour range": lambda x: torch.cat(planes.neighbour_range(x), 1),
    "median": planes.median3,
    "mean of squares": planes.mean_of_squares,
    "shrink": lambda x: shrinkage.shrink(x, v(0.2, 0.0)[:, None].expand(2, 4), v(2, 3), v(0.1, 0)),
    "shrink at five scales": lambda x: shrinkage.shrink(
        x, v(0.2, 0.4)[:, None].expand(2, 4), v(5, 4), v(0, 0)
    ),
}


@pytest.mark.parametrize("name", TWO_PATHS)
def test_opencv_and_tensor_arithmetic_give_the_same(name):
    images = fields(2, 4, 40, 50)
    fast = TWO_PATHS[name](images)
    with torch.enable_grad():
        tensors = TWO_PATHS[name](images.clone().requires_grad_()).detach()
    torch.testing.assert_close(fast, tensors, atol=3e-6, rtol=0)


@pytest.mark.parametrize(
    ("stage", "values"),
    [
        (lambda x, a: color.exposure(x, 0.3, a), 0.2),
        (lambda x, a: tone.tone_curve(x, v(1.5), v(0.01), a, v(0.2), v(-0.1), v(0.3)), 1.2),
        (lambda x, a: tone.tone_curve(x, v(1.5), a, v(1.2), v(0.2), v(-0.1), v(0.3)), 0.01),
        (lambda x, a: finish.colour(x, a, v(0.1), v(3)), 1.1),
        (lambda x, a: finish.colour(x, v(1.0), v(0.1), a), 5.0),
        (lambda x, a: finish.sharpen(x, a, v(1.0), v(0.001), v(0.5)), 0.8),
        (lambda x, a: finish.denoise_luma(x, a, v(2), v(0.1)), 0.05),
        (lambda x, a: local_contrast.local_contrast(x, a, v(0.4), v(8)), 0.3),
        (lambda x, a: local_contrast.local_contrast(x, v(0.3), a, v(8)), 0.4),
    ],
)
def test_gradients_of_params_are_those_of_small_differences(stage, values):
    images = fields(1, 3, 32, 36).double().float()
    weights = fields(1, 3, 32, 36, seed=9)

    def total(value):
        return (stage(images, value) * weights).double().sum()

    value = v(values).requires_grad_()
    total(value).backward()
    step = 2e-3
    numeric = (float(total(v(values + step))) - float(total(v(values - step)))) / (2 * step)
    # Differences in float32, of stages with kinks.
    assert float(value.grad) == pytest.approx(numeric, rel=0.05, abs=0.05)
