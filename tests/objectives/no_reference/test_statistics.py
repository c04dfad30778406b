"""Hand-made statistics against closed forms, known noise, real JPEG and independent libraries."""

import math

import cv2
import numpy as np
import pytest
import scipy.fft
import torch
from skimage.measure import shannon_entropy

from isptune.errors import ConfigError, ScoreError
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.scenes.scene import bundled
from objectives.no_reference.blockiness import BLOCKINESS_FLOOR
from objectives.no_reference.colourfulness import colourfulness
from objectives.no_reference.jpeg_trace import NEAR_ZERO
from objectives.no_reference.noise import noise
from objectives.no_reference.objective import luma_levels

NAMES = ("tv", "sharpness", "colourfulness", "noise", "blockiness", "jpeg_trace", "entropy")


@pytest.fixture(scope="module", params=NAMES)
def objective(request):
    return build("objective", request.param)


@pytest.fixture(scope="module")
def photos():
    """Two pieces of photographs, 200 x 304, 8-bit levels."""
    cut = [bundled(name)[0].image[:, :, 40:240, 60:364] for name in ("cat", "coffee")]
    return torch.cat(cut)


def score(name, images):
    return build("objective", name).score(images, bundled_scene())


def bundled_scene():
    from isptune.scenes.scene import Scene

    return Scene("any", torch.zeros(1, 3, 8, 8))


def with_noise(images, levels, seed=0):
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return ((images + noise * levels / 255).clamp(0, 1) * 255).round() / 255


def bytes_of(images):
    return (images * 255).round().byte().permute(0, 2, 3, 1).numpy()


def jpeg(images, quality):
    decoded = []
    for pixels in bytes_of(images):
        coded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded.append(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].copy())
    return torch.tensor(np.stack(decoded)).permute(0, 3, 1, 2).float() / 255


def test_objective_describes_itself(objective):
    assert isinstance(objective, Objective)
    assert objective.facts.range[0] < objective.facts.range[1]


def test_objective_refuses_an_argument():
    with pytest.raises(ConfigError, match="takes no argument"):
        noise("5")


def test_total_variation_of_a_ramp_is_its_slope():
    x = torch.linspace(0, 1, 41).expand(1, 3, 30, 41)
    assert float(score("tv", x)) == pytest.approx(1 / 40, abs=1e-6)
    both = (x[..., :30] + x[..., :30].mT) / 2
    assert float(score("tv", both)) == pytest.approx(1 / 40, abs=1e-6)


def test_total_variation_of_a_checkerboard_is_its_upper_bound():
    board = (torch.arange(20)[:, None] + torch.arange(20)) % 2
    assert float(score("tv", board.float().expand(1, 3, 20, 20))) == pytest.approx(2)


def test_sharpness_is_the_variance_of_opencvs_laplacian(photos):
    grays = [np.rint(pixels @ np.array([0.298936, 0.587043, 0.114021])) for pixels in bytes_of(photos)]
    expected = [cv2.Laplacian(gray, cv2.CV_64F).var() for gray in grays]
    np.testing.assert_allclose(score("sharpness", photos), expected, rtol=1e-4)


def test_colourfulness_is_the_formula_of_its_authors(photos):
    expected = []
    for red, green, blue in photos.double().numpy() * 255:
        rg, yb = red - green, (red + green) / 2 - blue
        deviation, mean = np.hypot(rg.std(), yb.std()), np.hypot(rg.mean(), yb.mean())
        expected.append(deviation + 0.3 * mean)
    np.testing.assert_allclose(score("colourfulness", photos), expected, rtol=1e-5)


def test_colourfulness_is_zero_for_grey_and_bounded_for_pure_colours(photos):
    grey = photos.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert score("colourfulness", grey).max() < 1e-3
    halves = torch.zeros(1, 3, 32, 32)
    halves[:, 0, :, :16] = 1
    halves[:, 2, :, 16:] = 1
    assert 150 < float(score("colourfulness", halves)) < colourfulness().facts.range[1]


@pytest.mark.parametrize("levels", [1, 5, 20])
def test_noise_on_a_flat_and_on_a_sloping_image_is_its_deviation(levels):
    ramp = torch.linspace(0.35, 0.65, 320).expand(2, 3, 240, 320).clone()
    ramp[0] = 0.5
    estimates = score("noise", with_noise(ramp, levels))
    # Rounding to 8 bits adds a variance of 1/12.
    np.testing.assert_allclose(estimates, math.sqrt(levels**2 + 1 / 12), rtol=0.03)


@pytest.mark.parametrize("levels", [5, 10, 20])
def test_noise_added_to_photographs_is_found_within_a_fifth(photos, levels):
    np.testing.assert_allclose(score("noise", with_noise(photos, levels)), levels, rtol=0.2)


def test_noise_is_not_hidden_by_clipped_parts(photos):
    photos = photos.clone()
    photos[:, :, :, 200:] = 1
    np.testing.assert_allclose(score("noise", with_noise(photos, 10)), 10, rtol=0.2)


def test_noise_without_enough_cells_is_immerkaers():
    noise = with_noise(torch.full((1, 3, 20, 20), 0.5), 10)
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], float)
    channels = [cv2.filter2D(p, -1, mask)[1:-1, 1:-1] for p in noise[0].double().numpy() * 255]
    expected = [math.sqrt(math.pi / 2) / 6 * np.abs(c).mean() for c in channels]
    assert float(score("noise", noise)) == pytest.approx(math.sqrt(np.mean(np.square(expected))), rel=1e-4)


def test_blockiness_rises_with_jpeg_compression(photos):
    qualities = [score("blockiness", jpeg(photos, quality)) for quality in (90, 50, 25, 10, 5)]
    rising = torch.stack([score("blockiness", photos), *qualities])
    assert (rising.diff(dim=0) > 0).all()
    assert rising[0].abs().max() < 0.03
    assert rising[-1].min() > 0.3


def test_jpeg_trace_tells_the_weakest_compression_from_none(photos):
    none = score("jpeg_trace", photos)
    assert none.abs().max() < 0.015
    rising = torch.stack(
        [none, *(score("jpeg_trace", jpeg(photos, quality)) for quality in (99, 95, 90, 80))]
    )
    assert (rising.diff(dim=0) > 0.005).all()


def test_jpeg_trace_counts_coefficients_near_zero_as_scipy_gives_them(photos):
    image = jpeg(photos, 95)[:1, :, :53, :70]
    luma = luma_levels(image)[0].double().numpy()

    def share(plane):
        near = [
            np.abs(scipy.fft.dctn(plane[y : y + 8, x : x + 8], norm="ortho")).ravel()[1:] < NEAR_ZERO
            for y in range(0, plane.shape[0] - 7, 8)
            for x in range(0, plane.shape[1] - 7, 8)
        ]
        return np.mean(near)

    # Both count the same whole levels; a coefficient on the threshold, to rounding, may fall on either side.
    expected = share(luma) - share(luma[4:, 4:])
    assert float(score("jpeg_trace", image)) == pytest.approx(expected, abs=2e-3)


def test_blockiness_of_flat_blocks_is_its_formula():
    levels = torch.randint(0, 256, (1, 1, 4, 5), generator=torch.Generator().manual_seed(0))
    blocks = levels.repeat_interleave(8, 2).repeat_interleave(8, 3).float()
    across = levels.diff(dim=3).abs().float().mean()
    down = levels.diff(dim=2).abs().float().mean()
    step = float(across + down) / 2
    expected = step / (step + BLOCKINESS_FLOOR)
    assert float(score("blockiness", blocks.expand(-1, 3, -1, -1) / 255)) == pytest.approx(expected, rel=1e-5)


def test_blockiness_of_a_ramp_is_zero():
    ramp = (torch.arange(240) / 255).expand(1, 3, 32, 240)
    assert float(score("blockiness", ramp)) == pytest.approx(0, abs=1e-6)


def test_entropy_of_two_equally_frequent_levels_is_one_bit():
    image = torch.zeros(1, 3, 10, 10)
    image[..., :5] = 0.4
    assert float(score("entropy", image)) == pytest.approx(1, abs=1e-6)


def test_entropy_is_that_of_scikit_image(photos):
    grays = [np.rint(pixels @ np.array([0.298936, 0.587043, 0.114021])) for pixels in bytes_of(photos)]
    np.testing.assert_allclose(score("entropy", photos), [shannon_entropy(gray) for gray in grays], atol=1e-5)


def test_an_image_scores_the_same_alone_and_in_a_batch(objective, photos):
    batch = torch.cat([photos, with_noise(photos, 10), torch.ones_like(photos), torch.zeros_like(photos)])
    together = objective.score(batch, bundled_scene())
    alone = torch.cat([objective.score(image.unsqueeze(0), bundled_scene()) for image in batch])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


def test_the_path_for_whole_batches_agrees_with_that_for_one_image(objective, photos, monkeypatch):
    batch = torch.cat([photos, with_noise(photos, 10), torch.ones_like(photos)])
    alone = objective.score(batch, bundled_scene())
    monkeypatch.setattr("objectives.no_reference.objective.portions", lambda images: [images])
    torch.testing.assert_close(objective.score(batch, bundled_scene()), alone, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 40)])
def test_extreme_and_tiny_images_have_finite_scores_within_the_range(objective, size):
    noise = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    halves = torch.zeros(3, *size)
    halves[..., size[1] // 2 :] = 1
    flat = [torch.full((3, *size), value) for value in (0.0, 0.2, 1.0)]
    images = torch.stack([noise, halves, *flat])
    scores = objective.score(images, bundled_scene())
    assert scores.isfinite().all()
    assert ((scores >= objective.facts.range[0]) & (scores <= objective.facts.range[1])).all()
    assert scores.dtype == torch.float32


def test_images_that_are_too_small_are_refused_with_their_size():
    with pytest.raises(ScoreError, match="20x15"):
        score("blockiness", torch.zeros(1, 3, 15, 20))


def test_nan_in_one_image_gives_nan_for_it_alone(objective, photos):
    spoilt = photos.clone()
    spoilt[1, 0, 3, 4] = math.nan
    assert objective.score(spoilt, bundled_scene()).isnan().tolist() == [False, True]
