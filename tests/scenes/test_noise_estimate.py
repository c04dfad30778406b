"""The noise of a sensor does not depend on what it sees."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from isptune.scenes.noise_estimate import measured_noise
from isptune.scenes.raw_capture import NoiseModel, RawCapture
from isptune.scenes.raw_files import read_raw
from isptune.scenes.scene import load_scenes
from tests.raw_captures import mosaic_of, shared

CASES = shared("cases/raws_sets")


def capture(clean, shot, read, seed=0, black=1024.0):
    """A capture of 14 bits of linear camera RGB [1, 3, H, W] with noise of known strength."""
    light = mosaic_of(clean)
    field = torch.randn(light.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    noisy = light + field * (shot * light + read).sqrt()
    numbers = (black + noisy * (16383 - black)).round().clamp(0, 16383).float()
    return RawCapture(numbers, (black,) * 4, 16383.0, (2.0, 1.0, 1.6))


def grey(light):
    colour = torch.tensor([0.5, 1.0, 0.62], dtype=torch.float64).view(1, 3, 1, 1)
    return torch.as_tensor(light, dtype=torch.float64) * colour


def ramp():
    return grey(torch.linspace(0.02, 0.8, 480).repeat(320, 1))


def edges():
    light = torch.linspace(0.02, 0.8, 480).repeat(320, 1)
    light[80:200, 100:260] = 0.1
    return grey(light)


def texture():
    """Everywhere as strong as foliage, a fifth of the light, and as fine as a lens lets it be."""
    noise = np.random.default_rng(1).normal(size=(320, 480))
    leaves = scipy.ndimage.gaussian_filter(noise, 0.8, mode="wrap")
    return grey(np.linspace(0.05, 0.5, 480) * np.clip(1 + 0.2 * leaves / leaves.std(), 0.2, 1.8))


@pytest.mark.slow
@pytest.mark.parametrize(("shot", "read"), [(1e-4, 1e-5), (1e-3, 1e-6), (1e-2, 1e-4)])
@pytest.mark.parametrize("scene", [ramp, edges, texture])
def test_it_is_found_in_flat_ground_beside_edges_and_in_texture(scene, shot, read):
    found = measured_noise(capture(scene(), shot, read))
    for level in (0.1, 0.4):
        ratio = np.sqrt((found.shot * level + found.read) / (shot * level + read))
        # Medians over a few thousand patches leave 3 per cent; texture of over ten times the noise adds up to a half.
        assert ratio == pytest.approx(1, abs=0.5 if scene is texture and shot < 1e-3 else 0.06)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "iso"), [("astronaut", 1600), ("cat", 6400), ("coffee", 1600), ("rocket", 6400)]
)
def test_photographs_of_a_sensor_at_one_speed_show_one_noise(name, iso):
    raw = load_scenes([f"unprocessed:{name}?iso={iso}"])[0].raw
    assert raw is not None
    found = measured_noise(raw)
    for level in (0.05, 0.18, 0.5):
        sigma, true = (np.sqrt(model.shot * level + model.read) for model in (found, raw.noise))
        # The photographs have a little noise of their own, which adds up to 6 per cent at ISO 1600.
        assert sigma / true == pytest.approx(1, abs=0.08)


@pytest.mark.slow
@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not there")
def test_a_flat_scene_and_foliage_give_the_noise_that_their_file_says():
    for name in ("c11_flat.dng", "c11_foliage.dng"):
        raw = read_raw(CASES / name)[0]
        assert raw.noise == NoiseModel(1e-3, 1e-6)
        found = measured_noise(raw)
        assert np.sqrt(found.shot * 0.18 + found.read) == pytest.approx(0.0135, abs=0.0004)


@pytest.mark.slow
def test_noise_that_is_cut_off_at_no_light_is_not_taken_for_less():
    found = measured_noise(capture(ramp() * 0.3, 1e-3, 1e-4, black=100.0))
    assert found.shot * 0.1 + found.read == pytest.approx(1e-3 * 0.1 + 1e-4, rel=0.15)


def test_of_a_capture_that_is_too_small_no_noise_is_assumed():
    small = RawCapture(torch.full((1, 1, 16, 16), 500.0), (0.0,) * 4, 1000.0, (1.0, 1.0, 1.0))
    assert measured_noise(small).shot * 0.5 < 1e-6


@pytest.mark.slow
def test_without_noise_it_is_nearly_none():
    found = measured_noise(capture(ramp(), 0.0, 0.0))
    assert found.shot * 0.4 + found.read < 1e-7  # the least that is assumed
