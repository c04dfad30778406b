"""Photographs as raw captures: the neutral rendering gives them back, with the noise that was asked for."""

import math

import pytest
import torch

from isptune.errors import ConfigError, SceneError
from isptune.scenes.images import write_image
from isptune.scenes.raw_files import read_raw
from pipelines.external.dng import write_dng
from pipelines.raw.raw import RawISP
from pipelines.raw.stages.sensor import black_level
from pipelines.raw.stages_in_order import STAGES
from pipelines.raw.unprocessing import BLACK, WHITE, build, noise_at, noise_seed, random_camera, unprocess
from tests.raw_captures import photograph

PLAIN = {
    "defects.threshold": 1.0, "raw_denoise.luma": 0.0, "raw_denoise.chroma": 0.0, "denoise.chroma": 0.0,
    "sharpen.amount": 0.0,
}  # fmt: skip


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    write_image(path, photograph(64, 80))
    return path


def render(scene, **changes):
    candidate = {**RawISP().space.default, **PLAIN, **changes}
    params = {n: v if isinstance(v, str) else torch.tensor([float(v)]).double() for n, v in candidate.items()}
    with torch.inference_mode():
        return RawISP().render(scene, params, 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_camera_undoes_its_own_steps_for_flat_colours(seed):
    """Without noise and without edges nothing of the chain but rounding to 14 bits is left."""
    colours = torch.tensor([[0.5, 0.5, 0.5], [0.9, 0.8, 0.85], [0.3, 0.5, 0.4], [0.6, 0.4, 0.35]])
    camera = random_camera(seed, 1600)
    silent = type(camera)(camera.matrix, camera.white_balance, camera.gain, type(camera.noise)(0.0, 0.0))
    from isptune.scenes.scene import raw_scene

    for colour in colours:
        flat = colour.view(1, 3, 1, 1).expand(1, 3, 24, 24).contiguous()
        scene = raw_scene("flat", unprocess(flat, silent, 0))
        torch.testing.assert_close(render(scene), flat, atol=2e-3, rtol=0)


def test_the_scene_has_its_photograph_as_reference_and_comes_out_near_it_at_low_iso(photo):
    scene = build(f"{photo}?iso=50")[0]
    assert scene.reference is not None
    assert scene.name == "photo_iso50"
    torch.testing.assert_close(scene.reference, photograph(64, 80), atol=1e-6, rtol=0)
    error = float((render(scene) - scene.reference).square().mean())
    assert -10 * math.log10(error) > 28


def test_its_noise_is_the_law_of_the_paper_at_the_iso_that_was_asked_for(photo):
    noisy, clean = build(f"{photo}?iso=6400")[0].raw, build(f"{photo}?iso=6400")[0].reference
    model = noise_at(6400)
    assert model.shot == pytest.approx(6.4e-3)
    assert model.read == pytest.approx(math.exp(2.18 * math.log(6.4e-3) + 1.2))
    camera = random_camera(0, 6400)
    silent = type(camera)(camera.matrix, camera.white_balance, camera.gain, type(camera.noise)(0.0, 0.0))
    truth = unprocess(clean, silent, 0)
    none = torch.zeros(1)
    levels = [black_level(c.mosaic, c.black, c.white, none) for c in (noisy, truth)]
    difference, signal = levels[0] - levels[1], levels[1]
    normed = difference / (model.shot * signal + model.read).sqrt()
    inside = signal > 0.02  # where the sensor's floor does not cut the noise
    # 5,000 samples: the standard error of a standard deviation is 1 per cent.
    assert float(normed[inside].std()) == pytest.approx(1, abs=0.05)
    assert noisy.noise == model


def test_another_seed_or_name_is_another_noise_field():
    seeds = [noise_seed(name, seed) for name in ("cat", "dog") for seed in (0, 1, 2, 2**31 - 1)]
    fields = {float(torch.rand(1, generator=torch.Generator().manual_seed(seed))) for seed in seeds}
    assert len(fields) == len(seeds)


def test_one_seed_is_one_camera_and_another_noise_for_every_photograph(photo, tmp_path):
    other = tmp_path / "other.png"
    write_image(other, photograph(64, 80))
    first, second, third = build(str(photo))[0].raw, build(str(other))[0].raw, build(f"{photo}?seed=1")[0].raw
    assert first.matrix == second.matrix != third.matrix
    assert not torch.equal(first.mosaic, second.mosaic)
    assert torch.equal(first.mosaic, build(str(photo))[0].raw.mosaic)
    for row in third.matrix:
        assert sum(row) == pytest.approx(1)
    assert 0.5 <= 1 / 2**third.baseline_ev <= 1


def test_the_s_curve_and_clipping_of_the_paper_can_be_asked_for(photo):
    plain, curved = build(str(photo))[0], build(f"{photo}?tone=smoothstep")[0]
    assert (render(plain) - plain.reference).square().mean() < (
        render(curved) - curved.reference
    ).square().mean()
    white = torch.ones(1, 3, 24, 24)
    camera = random_camera(0, 100)
    assert float(unprocess(white, camera, 0, clipped=True).mosaic.median()) == pytest.approx(WHITE, rel=0.03)
    assert float(unprocess(white, camera, 0).mosaic.median()) < 0.95 * WHITE


def test_libraw_reads_the_capture_back_from_a_dng(photo, tmp_path):
    capture = build(f"{photo}?iso=3200")[0].raw
    write_dng(tmp_path / "back.dng", capture)
    back, _ = read_raw(tmp_path / "back.dng")
    assert torch.equal(back.mosaic, capture.mosaic)
    assert (back.black, back.white) == ((BLACK,) * 4, WHITE)
    assert back.white_balance == pytest.approx(capture.white_balance, rel=1e-5)
    torch.testing.assert_close(torch.tensor(back.matrix), torch.tensor(capture.matrix), atol=1e-4, rtol=0)


def test_photographs_are_cut_and_resized_before_and_to_even_sides(photo):
    scene = build(f"{photo}?crop=41x31")[0]
    assert scene.raw.size == (40, 30)
    assert scene.reference.shape[-2:] == (30, 40)
    assert build(f"{photo}?resize=40")[0].raw.size == (40, 32)
    assert build(f"{photo}?resize=40&crop=20x18")[0].raw.size == (20, 18)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?iso=20", "iso = '20' is not a number from 50 to 25600"),
        ("?iso=high", "not a number"),
        ("?tone=film", "neither none nor smoothstep"),
        ("?noise=3", "there are: iso"),
        ("?crop=900x900", "has no room"),
    ],
)
def test_wrong_options_are_refused_in_words(query, message, photo):
    with pytest.raises(ConfigError, match=message):
        build(f"{photo}{query}")


def test_a_missing_or_a_raw_photograph_is_refused(photo, tmp_path):
    with pytest.raises(SceneError, match="needs a photograph"):
        build(None)
    with pytest.raises(SceneError, match="no such file"):
        build(str(tmp_path / "none.png"))
    write_dng(tmp_path / "shot.dng", build(str(photo))[0].raw)
    with pytest.raises(SceneError, match="raw file already"):
        build(str(tmp_path / "shot.dng"))


def test_the_chain_that_is_undone_is_in_the_textbooks_order():
    names = [stage.name for stage in STAGES]
    order = ["black", "defects", "shading", "raw_denoise", "white_balance", "demosaic", "highlights", "matrix",
             "exposure", "tone", "local", "denoise", "sharpen", "colour", "jpeg"]  # fmt: skip
    assert [name for name in names if name in order] == order
