"""Full-reference objectives against scikit-image, independent float64 versions and closed forms."""

import math

import numpy as np
import pytest
import skimage.data
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from isptune.errors import ConfigError, ScoreError
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.scenes.scene import Scene, photograph
from tests.objectives.full_reference import oracles
from tests.operations import Operations

NAMES = ("psnr", "ssim", "ms_ssim", "gmsd", "fsim", "vif")


def made(name):
    return build("objective", name)


@pytest.fixture(scope="module")
def scene():
    """A piece of a photograph, 180 x 195 pixels: odd one way, with fur, an eye and flat background."""
    pixels = skimage.data.chelsea()[60:240, 100:295].transpose(2, 0, 1) / 255
    return photograph("cat", torch.tensor(pixels, dtype=torch.float32).unsqueeze(0))


@pytest.fixture(scope="module")
def spoilt(scene):
    """Noise of two strengths, blur, less contrast, brighter, grey, 8-bit, negative, and nothing at all."""
    image = scene.reference
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    return torch.cat(
        [
            (image + 0.02 * noise).clamp(0, 1),
            (image + 0.15 * noise).clamp(0, 1),
            torch.nn.functional.avg_pool2d(image, 5, 1, 2),
            0.5 * image + 0.2,
            (image + 0.25).clamp(0, 1),
            image.mean(1, keepdim=True).expand(-1, 3, -1, -1),
            (image * 16).round() / 16,
            1 - image,
            image,
        ]
    )


def as_arrays(images):
    return images.double().numpy()


@pytest.mark.parametrize("name", NAMES)
def test_objective_describes_itself_and_uses_the_reference(name):
    objective = made(name)
    assert isinstance(objective, Objective)
    assert objective.facts.uses_reference
    assert objective.name == name
    assert len(objective.facts.source) > 20


@pytest.mark.parametrize("name", NAMES)
def test_objective_refuses_an_argument(name):
    with pytest.raises(ConfigError, match=f"{name} takes no argument; got {name}:fast"):
        build("objective", f"{name}:fast")


def test_psnr_is_that_of_scikit_image(scene, spoilt):
    scores = made("psnr").score(spoilt, scene).numpy()
    truth = as_arrays(scene.reference[0])
    expected = [peak_signal_noise_ratio(truth, x, data_range=1) for x in as_arrays(spoilt[:-1])]
    np.testing.assert_allclose(scores[:-1], expected, atol=1e-4)
    assert scores[-1] == 100


@pytest.mark.parametrize(("shift", "decibels"), [(0.1, 20), (0.01, 40), (1e-3, 60)])
def test_psnr_of_a_constant_shift_is_the_closed_form(shift, decibels):
    flat = torch.full((1, 3, 32, 32), 0.5)
    score = made("psnr").score(flat + shift, photograph("flat", flat))
    assert score.item() == pytest.approx(decibels, abs=1e-3)


def test_ssim_is_that_of_scikit_image_in_float64(scene, spoilt):
    scores = made("ssim").score(spoilt, scene).numpy()
    options = {"channel_axis": 0, "data_range": 1, "gaussian_weights": True, "use_sample_covariance": False}
    truth = as_arrays(scene.reference[0])
    expected = [structural_similarity(x, truth, **options) for x in as_arrays(spoilt)]
    np.testing.assert_allclose(scores, expected, atol=2e-6)


def test_ssim_of_flat_images_is_its_luminance_term():
    dark, light = torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 16, 16), 0.6)
    score = made("ssim").score(light, photograph("dark", dark))
    assert score.item() == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), abs=1e-5)


@pytest.mark.parametrize("name", ["ms_ssim", "gmsd", "vif"])
def test_score_is_that_of_an_independent_float64_version(name, scene, spoilt):
    scores = made(name).score(spoilt, scene).numpy()
    truth = as_arrays(scene.reference[0])
    expected = [getattr(oracles, name)(x, truth) for x in as_arrays(spoilt)]
    np.testing.assert_allclose(scores, expected, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width", "factor"), [(180, 196, 1), (384, 400, 2)])
def test_fsim_is_that_of_an_independent_float64_version(height, width, factor):
    pixels = skimage.data.astronaut()[:height, :width].transpose(2, 0, 1) / 255
    scene = photograph("astronaut", torch.tensor(pixels, dtype=torch.float32).unsqueeze(0))
    image = scene.reference
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(2))
    spoilt = torch.cat([(image + 0.1 * noise).clamp(0, 1), 0.6 * image + 0.1, image.flip(1), 1 - image])
    scores = made("fsim").score(spoilt, scene).numpy()
    truth = as_arrays(image[0])
    expected = [oracles.fsim(x, truth, factor) for x in as_arrays(spoilt)]
    np.testing.assert_allclose(scores, expected, atol=2e-5)


@pytest.mark.slow
def test_fsim_of_an_odd_size_matches_too(scene, spoilt):
    scores = made("fsim").score(spoilt[:3], scene).numpy()
    truth = as_arrays(scene.reference[0])
    expected = [oracles.fsim(x, truth, 1) for x in as_arrays(spoilt[:3])]
    np.testing.assert_allclose(scores, expected, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_tensor_path_equals_the_cpu_path(name, scene, spoilt):
    objective = made(name)
    on_cpu = objective.score(spoilt[::2], scene)
    as_tensor = objective.score_tensor(spoilt[::2], objective._prepare_once(scene.reference))
    torch.testing.assert_close(as_tensor, on_cpu, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_tensor_path_needs_no_convolution_which_a_gpu_would_round_to_ten_bits(name, scene, spoilt):
    objective = made(name)
    with Operations() as asked:
        objective.score_tensor(spoilt[:1], objective.prepare(scene.reference))
    assert "aten.sub" in asked.names
    assert not [operation for operation in asked.names if "conv" in operation]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_score_in_a_batch_is_the_score_alone(name, scene, spoilt):
    objective = made(name)
    together = objective.score(spoilt, scene)
    another = made(name)
    alone = torch.cat([another.score(image[None], scene) for image in spoilt])
    assert torch.equal(together, alone)
    assert torch.equal(together, objective.score(spoilt, scene))


@pytest.mark.parametrize(
    ("name", "best"), [("psnr", 100), ("ssim", 1), ("ms_ssim", 1), ("gmsd", 0), ("fsim", 1), ("vif", 1)]
)
def test_equal_image_scores_best_and_all_within_the_range(name, best, scene, spoilt):
    objective = made(name)
    scores = objective.score(spoilt, scene)
    assert scores[-1].item() == pytest.approx(best, abs=1e-6)
    worse = scores[:-1] < best if objective.facts.direction == "maximize" else scores[:-1] > best
    assert worse.all()
    low, high = objective.facts.range
    assert ((scores >= low - 1e-6) & (scores <= high + 1e-6)).all()


@pytest.mark.parametrize("name", NAMES)
def test_more_noise_scores_worse(name, scene):
    noise = torch.randn(scene.reference.shape, generator=torch.Generator().manual_seed(3))
    images = torch.cat([(scene.reference + s * noise).clamp(0, 1) for s in (0.01, 0.03, 0.1, 0.3)])
    objective = made(name)
    steps = objective.score(images, scene).diff()
    assert (steps < 0).all() if objective.facts.direction == "maximize" else (steps > 0).all()


@pytest.mark.parametrize("name", ["psnr", "ssim", "ms_ssim", "fsim"])
def test_lost_saturation_costs(name, scene):
    grey = torch.einsum("c,bchw->bhw", torch.tensor([0.299, 0.587, 0.114]), scene.reference)
    images = torch.cat([scene.reference, grey[:, None].expand(-1, 3, -1, -1)])
    coloured, dull = made(name).score(images, scene).tolist()
    assert dull < coloured - 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_nan_in_one_image_is_its_own_nan(name, scene, spoilt):
    images = spoilt[:3].clone()
    images[1, 2, 90, 90] = math.nan
    scores = made(name).score(images, scene)
    assert scores.isnan().tolist() == [False, True, False]


_FLAT = {
    "grey": torch.full((1, 3, 180, 180), 0.25),
    "black": torch.zeros(1, 3, 180, 180),
    "saturated": torch.ones(1, 3, 180, 180),
    "coloured": torch.tensor([0.2, 0.7, 0.3]).view(1, 3, 1, 1).expand(1, 3, 180, 180).contiguous(),
}


@pytest.mark.parametrize("kind", _FLAT)
@pytest.mark.parametrize("name", ["psnr", "ssim", "ms_ssim", "gmsd"])
def test_against_a_flat_reference_an_equal_picture_is_best_and_more_noise_is_worse(name, kind):
    flat = photograph(kind, _FLAT[kind])
    noise = torch.randn(flat.image.shape, generator=torch.Generator().manual_seed(4))
    pictures = [flat.image, *((flat.image + sigma * noise).clamp(0, 1) for sigma in (0.02, 0.1, 0.3))]
    objective = made(name)
    scores = objective.score(torch.cat(pictures), flat)
    scores = scores if objective.facts.direction == "maximize" else -scores
    assert scores.isfinite().all()
    assert (scores.diff() < 0).all()


@pytest.mark.parametrize("kind", _FLAT)
@pytest.mark.parametrize("name", ["vif", "fsim"])
def test_what_is_not_defined_against_a_flat_reference_is_refused(name, kind):
    flat = photograph(kind, _FLAT[kind])
    noise = torch.rand(flat.image.shape, generator=torch.Generator().manual_seed(4))
    with pytest.raises(
        ScoreError, match=f"{name} is not defined against this reference: it is flat, and so has no"
    ):
        made(name).score(torch.cat([flat.image, noise]), flat)


def test_vif_is_refused_where_no_window_has_information_though_the_whole_has():
    ramp = torch.linspace(0.4, 0.402, 400).expand(1, 3, 60, 400).contiguous()
    with pytest.raises(ScoreError, match="vif is not defined"):
        made("vif").score(ramp, photograph("ramp", ramp))


@pytest.mark.parametrize("name", NAMES)
def test_flat_black_and_white_pictures_are_far_from_a_photograph(name, scene):
    objective = made(name)
    kinds = torch.cat([scene.image, *(one[..., :1, :1].expand_as(scene.image) for one in _FLAT.values())])
    scores = objective.score(kinds, scene)
    assert scores.isfinite().all()
    best = scores.argmax() if objective.facts.direction == "maximize" else scores.argmin()
    assert int(best) == 0


@pytest.mark.parametrize("name", NAMES)
def test_scene_without_reference_is_refused_with_what_needs_none(name, scene):
    with pytest.raises(ScoreError, match=f"{name} compares with a reference.*'raw' has none.*niqe"):
        made(name).score(scene.image, Scene("raw", scene.image))


@pytest.mark.parametrize("name", NAMES)
def test_other_size_is_refused_with_both_sizes(name, scene):
    with pytest.raises(ScoreError, match="images are 190x170 and the reference of 'cat' is 195x180"):
        made(name).score(scene.image[..., :170, :190], scene)


@pytest.mark.parametrize(
    ("name", "smallest"), [("ssim", 11), ("ms_ssim", 176), ("gmsd", 4), ("vif", 41), ("fsim", 16)]
)
def test_images_below_the_smallest_size_are_refused(name, smallest):
    def textured(side):
        return photograph("x", torch.rand(1, 3, side, side + 5, generator=torch.Generator().manual_seed(5)))

    enough, too_small = textured(smallest), textured(smallest - 1)
    assert made(name).score(enough.image, enough).isfinite().all()
    with pytest.raises(ScoreError, match=f"{name} is defined from {smallest} pixels a side"):
        made(name).score(too_small.image, too_small)


def test_reference_is_prepared_once_and_again_when_it_changes(scene, spoilt, monkeypatch):
    objective = made("ssim")
    prepared = []
    real = objective.prepare
    object.__setattr__(objective, "prepare", lambda r: prepared.append(1) or real(r))
    own = photograph("own", scene.image.clone())
    first = objective.score(spoilt[:1], own)
    objective.score(spoilt[:1], own)
    assert len(prepared) == 1
    own.reference.mul_(0.5)
    assert objective.score(spoilt[:1], own) != first
    assert len(prepared) == 2


def test_few_references_are_kept(scene):
    objective = made("psnr")
    for _ in range(10):
        objective.score(scene.image, photograph("copy", scene.image.clone()))
    assert len(objective._prepared) == 4


@pytest.mark.slow
def test_images_are_not_written_to(scene, spoilt):
    before = spoilt.clone()
    for name in NAMES:
        made(name).score(spoilt, scene)
    assert torch.equal(before, spoilt)
