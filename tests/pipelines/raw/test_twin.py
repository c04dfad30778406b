"""Twins: a photograph as a given camera would record it, with its noise, its levels and the lens that was asked for."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from isptune.errors import ConfigError, SceneError
from isptune.scenes.camera_profile import CameraProfile, NoiseAtISO, write_camera_profile
from isptune.scenes.color import srgb_to_linear
from isptune.scenes.images import write_image
from isptune.scenes.noise_estimate import measured_noise
from isptune.scenes.raw_capture import NoiseModel
from isptune.scenes.raw_files import read_raw
from isptune.scenes.scene import load_scenes, scene_warnings
from pipelines.external.dng import write_dng
from pipelines.raw.optics import blurred
from pipelines.raw.sensor_noise import Readout, exposed
from pipelines.raw.twin import DEFAULT_PSF, build
from tests.raw_captures import MATRIX, WHITE_BALANCE, capture_of, photograph

QUIET = "row=off&column=off&hot=off&greens=off"
BLACKS = (250.0, 256.0, 260.0, 244.0)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    write_image(path, photograph(128, 160))
    return path


@pytest.fixture
def shot(tmp_path):
    path = tmp_path / "shot.dng"
    capture = replace(capture_of(black=BLACKS), noise=NoiseModel(2e-3, 1e-5), baseline_ev=0.5)
    write_dng(path, capture, order="GRBG")
    return path


@pytest.fixture
def profiles(tmp_path):
    """As darktable writes them, in small."""
    path = tmp_path / "noiseprofiles.json"
    canon = [
        {"name": "x iso 100", "iso": 100, "a": [2e-4, 1e-4, 2e-4], "b": [1e-6, 1e-6, 1e-6]},
        {"name": "x iso 400", "iso": 400, "a": [8e-4, 4e-4, 8e-4], "b": [4e-6, 4e-6, 4e-6]},
        {"name": "x iso 200", "iso": 200, "skip": True, "a": [1e-1, 1e-1, 1e-1], "b": [1e-1, 1e-1, 1e-1]},
    ]
    models = [
        {"comment": "", "model": "EOS 550D", "profiles": canon},
        {"model": "EOS 60D", "profiles": canon},
    ]
    nikon = {"model": "NIKON D90", "profiles": [{"iso": 200, "a": [0, 1e-4, 0], "b": [0, -1e-7, 0]}]}
    makers = [{"maker": "Canon", "models": models}, {"maker": "Nikon", "models": [nikon]}]
    path.write_text(json.dumps({"version": 0, "noiseprofiles": makers}))
    return path


def one(spec):
    return build(spec)[0]


def light_of(capture):
    black = torch.tensor(capture.black, dtype=torch.float64).view(2, 2)
    black = black.repeat(capture.size[1] // 2, capture.size[0] // 2)
    return (capture.mosaic[0, 0].double() - black) / (capture.white - black)


def test_the_variance_of_flat_light_is_that_of_poisson_and_gauss():
    """300,000 samples: the standard error of a variance is 0.3 per cent, of the skewness 0.5 per cent."""
    noise, readout = NoiseAtISO(100, 4e-3, 1e-4), Readout((1024.0,) * 4, 16383.0)
    for level in (0.01, 0.1, 0.5):
        clean = torch.full((1, 1, 480, 640), level, dtype=torch.float64)
        light = (exposed(clean, noise, readout, 3).double().numpy() - 1024) / (16383 - 1024)
        variance = 4e-3 * level + 1e-4
        assert light.mean() == pytest.approx(level, abs=4 * np.sqrt(variance / light.size))
        assert light.var() == pytest.approx(variance, rel=0.015)
        # Third central moment of Poisson counts with gain g: g^2 x. A Gaussian of the same variance has none.
        assert np.mean((light - light.mean()) ** 3) == pytest.approx(4e-3**2 * level, rel=0.15)


def test_rows_columns_greens_and_hot_pixels_are_there_as_asked():
    noise = NoiseAtISO(100, 0.0, 0.0, row=2e-3, column=1e-3, hot=2e-3, greens=0.04)
    clean = torch.full((1, 1, 800, 800), 0.3, dtype=torch.float64)
    light = exposed(clean, noise, Readout((0.0,) * 4, 65535.0), 1)[0, 0].double().numpy() / 65535
    hot = light > 0.4
    assert hot.mean() == pytest.approx(2e-3, rel=0.1)
    greens = light[::2, 1::2], light[1::2, ::2]
    assert np.median(greens[1]) / np.median(greens[0]) == pytest.approx(1.04, abs=2e-3)
    assert np.median(light[::2], 1).std() == pytest.approx(2e-3, rel=0.15)
    assert np.median(light[:, ::2], 0).std() == pytest.approx(1e-3, rel=0.15)
    again = exposed(clean, noise, Readout((0.0,) * 4, 65535.0), 2)[0, 0].numpy() / 65535 > 0.4
    assert np.array_equal(hot, again), "hot pixels are the sensor's"


def test_numbers_are_rounded_to_steps_and_cut_where_the_camera_cuts():
    dark, noise = torch.zeros(1, 1, 64, 64, dtype=torch.float64), NoiseAtISO(100, 0.0, 1e-4)
    kept = exposed(dark, noise, Readout((64.0,) * 4, 1020.0, 4.0), 0)
    assert (kept % 4 == 0).all()
    assert (kept < 64).any()
    assert float(exposed(dark, noise, Readout((64.0,) * 4, 1020.0, 4.0, cut=True), 0).min()) == 64
    free = exposed(dark, noise, Readout((64.0,) * 4, 1020.0, None), 0)
    assert (free != free.round()).any()
    low = exposed(dark, noise, Readout((2.0,) * 4, 1020.0), 0)
    assert float(low.min()) == 0


def test_a_twin_has_the_levels_the_colours_and_the_noise_of_the_shot(photo, shot):
    scene = one(f"{photo}?like={shot}&reduce=1")
    assert scene.raw.black == BLACKS
    assert scene.raw.white == 4095
    assert scene.raw.white_balance == pytest.approx(WHITE_BALANCE, rel=1e-4)
    torch.testing.assert_close(torch.tensor(scene.raw.matrix), torch.tensor(MATRIX), atol=1e-3, rtol=0)
    assert scene.raw.baseline_ev == pytest.approx(0.5)
    assert scene.raw.noise.shot == pytest.approx(2e-3)
    assert scene.metadata["cfa"] == "GRBG"
    width, height = read_raw(shot)[0].size
    assert scene.raw.size == (width, height), "the frame of the camera, of which the photograph has more"
    assert scene.reference.shape[-2:] == (height, width)


def test_its_noise_measured_against_the_truth_is_the_noise_that_was_asked_for(photo, shot):
    spec = f"{photo}?like={shot}&reduce=1&psf=off&{QUIET}&quantise=off"
    noisy, clean = one(f"{spec}&noise=3e-3,4e-5").raw, one(f"{spec}&noise=off").raw
    truth = light_of(clean)
    ratio = (light_of(noisy) - truth) / (3e-3 * truth + 4e-5).sqrt()
    inside = (truth > 0.02) & (truth < 0.9)
    # 10,000 samples: the standard error of the standard deviation is 0.7 per cent.
    assert float(ratio[inside].std()) == pytest.approx(1, abs=0.03)


@pytest.mark.slow
def test_the_noise_of_a_twin_measured_blindly_is_that_of_its_shot(tmp_path):
    shot = tmp_path / "shot.dng"
    write_dng(shot, replace(capture_of(), noise=NoiseModel(2e-3, 4e-5)))
    found = measured_noise(one(f"coffee?like={shot}&reduce=1&crop=600x400&{QUIET}").raw)
    for level in (0.05, 0.2):
        assert found.shot * level + found.read == pytest.approx(2e-3 * level + 4e-5, rel=0.12)


def test_what_a_twin_writes_libraw_reads_back(photo, shot, tmp_path):
    scene = one(f"{photo}?like={shot}&reduce=1")
    write_dng(tmp_path / "twin.dng", scene.raw, order=scene.metadata["cfa"])
    back, facts = read_raw(tmp_path / "twin.dng")
    assert facts["origin"] == (1, 0)
    # The first column goes for the order of the filters, and a reader begins at the first red again.
    assert torch.equal(back.mosaic, scene.raw.mosaic[..., 2 : 2 + back.size[0]])
    assert (back.black, back.white) == (BLACKS, 4095)
    assert back.noise == pytest.approx(scene.raw.noise)


def test_a_lens_blurs_by_the_gaussian_that_is_given():
    """A Gaussian convolved with one is one again: its variance adds."""
    x = torch.arange(96, dtype=torch.float64) - 47.5
    bump = torch.exp(-(x[:, None] ** 2 + x**2) / (2 * 4.0)).expand(1, 3, -1, -1).contiguous()
    wanted = 4 / (4 + 0.36) * torch.exp(-(x[:, None] ** 2 + x**2) / (2 * 4.36))
    torch.testing.assert_close(blurred(bump, 0.6)[0, 0], wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(blurred(bump, 0.0), bump)


def test_the_reference_is_the_sharp_photograph_or_that_behind_the_lens(photo, shot):
    sharp, lens = one(f"{photo}?like={shot}"), one(f"{photo}?like={shot}&target=lens")
    light = srgb_to_linear(photograph(128, 160)).double()
    small = torch.nn.functional.avg_pool2d(light, 2)
    height, width = sharp.reference.shape[-2:]
    assert (width, height) == (80, 64), "reduced by 2"
    torch.testing.assert_close(srgb_to_linear(sharp.reference.double()), small, atol=2e-3, rtol=0)
    assert torch.equal(sharp.raw.mosaic, lens.raw.mosaic)
    wanted = blurred(small, DEFAULT_PSF)
    torch.testing.assert_close(srgb_to_linear(lens.reference.double()), wanted, atol=2e-3, rtol=0)
    assert any("psf=0.5" in text for text in scene_warnings([sharp])), "a default is named as one"
    assert not scene_warnings([one(f"{photo}?like={shot}&psf=0.6")])


def test_a_profile_gives_noise_between_its_isos_and_the_lens(photo, shot, tmp_path):
    profile = tmp_path / "camera.toml"
    nodes = (NoiseAtISO(100, 1e-4, 1e-6), NoiseAtISO(1600, 16e-4, 256e-6, row=1e-3))
    write_camera_profile(profile, CameraProfile(nodes, psf=0.7))
    scene = one(f"{photo}?like={shot}&profile={profile}&iso=400")
    assert scene.metadata["noise"][:3] == pytest.approx((4e-4, 16e-6, 5e-4))
    assert (scene.metadata["psf"], scene.metadata["psf_from"]) == (0.7, "measured")
    assert scene.name == "photo_iso400"
    assert not scene_warnings([scene])
    beyond = one(f"{photo}?like={shot}&profile={profile}&iso=6400")
    assert "knows ISO 100 to 1600; its noise at ISO 6400 is extrapolated" in scene_warnings([beyond])[0]
    assert beyond.metadata["noise"][0] == pytest.approx(64e-4)
    with pytest.raises(SceneError, match="give it: iso=N"):
        one(f"{photo}?like={shot}&profile={profile}")


def test_raw_files_take_their_noise_from_a_profile(shot, tmp_path):
    profile = tmp_path / "camera.toml"
    write_camera_profile(profile, CameraProfile((NoiseAtISO(100, 1e-4, 1e-6), NoiseAtISO(400, 4e-4, 16e-6))))
    capture, facts = read_raw(shot, {"noise": str(profile), "iso": "200"})
    assert capture.noise == pytest.approx((2e-4, 4e-6))
    assert facts["iso"] == 200
    assert "extrapolated" in read_raw(shot, {"noise": str(profile), "iso": "800"})[1]["warnings"][0]
    with pytest.raises(SceneError, match="give it: iso=N"):
        read_raw(shot, {"noise": str(profile)})


@pytest.mark.parametrize("name", ["Canon EOS 550D", "canon eos550d", "EOS 550D"])
def test_darktables_noise_is_found_by_the_cameras_name_and_interpolated(name, photo, profiles):
    scene = one(f"{photo}?camera={name}&iso=200&noiseprofiles={profiles}&scale=2")
    assert scene.raw.noise == pytest.approx((4e-4, 4e-6))


def test_a_fit_of_darktable_that_crosses_zero_has_no_read_noise(photo, profiles):
    assert one(f"{photo}?camera=Nikon D90&iso=200&noiseprofiles={profiles}").raw.noise == pytest.approx(
        (1e-4, 0)
    )


def test_a_sensor_without_filters_has_a_grey_twin(photo, tmp_path):
    import tifffile

    flat = np.random.default_rng(0).normal(2000, 30, (64, 80)).clip(0, 4095).astype(np.uint16)
    tifffile.imwrite(tmp_path / "mono.tiff", flat)
    scene = one(f"{photo}?like={tmp_path / 'mono.tiff'}%3Fcfa=MONO%26white=4095%26noise=1e-3,0")
    assert scene.raw.mono
    assert torch.equal(scene.reference[:, 0], scene.reference[:, 2])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "nothing says which camera"),
        ("?like={photo}", "like=.*photo.png: holds 128x160x3 numbers"),
        ("?like=none.dng", "like=none.dng: no such file"),
        ("?camera=EOS 55&iso=200&noiseprofiles={profiles}", "nearest: Canon EOS 550D"),
        ("?camera=EOS 550D&noiseprofiles={profiles}", "give it: iso=N"),
        ("?camera=EOS 550D&iso=100&noiseprofiles={shot}", "."),
        ("?like={shot}&noise=off&camera=x", "both say what the noise is"),
        ("?like={shot}&iso=800", "knows no ISO"),
        ("?like={shot}&row=some", "nor auto or off"),
        ("?like={shot}&psf=-1", "psf = '-1' is not a number from 0 to 20"),
        ("?like={shot}&reduce=0", "reduce = '0' is not a number from 1 to 64"),
        ("?like={shot}&reduce=20", "too small; give reduce=1"),
        ("?like={shot}&target=best", "neither sharp nor lens"),
        ("?like={shot}&lens=3", "there are: like"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(query, message, photo, shot, profiles):
    with pytest.raises(ConfigError, match=message) as told:
        one(str(photo) + query.format(photo=photo, shot=shot, profiles=profiles))
    assert "\n" not in str(told.value)


def test_a_missing_photograph_and_a_raw_one_are_refused(shot):
    with pytest.raises(SceneError, match="needs a photograph"):
        build(None)
    with pytest.raises(SceneError, match="is a raw file already"):
        one(f"{shot}?like={shot}")


def test_twins_are_scenes_like_others(photo, shot):
    scenes = load_scenes([f"twin:{photo}?like={shot}&seed={seed}" for seed in range(2)], crop="40x32")
    assert [scene.raw.size for scene in scenes] == [(40, 32)] * 2
    assert not torch.equal(scenes[0].raw.mosaic, scenes[1].raw.mosaic)
    assert torch.equal(scenes[0].reference, scenes[1].reference)


def test_a_foreign_isp_is_compared_with_its_own_picture_of_the_twin_without_noise(photo, shot):
    """Which is without the lens where the target is sharp; `raw` keeps the photograph unless it is asked."""
    auto, isp = one(f"{photo}?like={shot}"), one(f"{photo}?like={shot}&reference=isp&target=sharp")
    assert auto.reference is not None
    assert auto.rendered.unless_neutral
    assert isp.reference is None
    assert not isp.rendered.unless_neutral
    silent = one(f"{photo}?like={shot}&noise=off&{QUIET}&reference=photograph")
    assert silent.rendered is None
    assert torch.equal(auto.rendered.scene.raw.mosaic, silent.raw.mosaic)
    no_lens = one(f"{photo}?like={shot}&noise=off&{QUIET}&psf=off")
    assert torch.equal(isp.rendered.scene.raw.mosaic, no_lens.raw.mosaic)


def test_a_run_takes_the_photograph_for_raw_and_the_isps_own_picture_for_libraw(photo, shot):
    from isptune.registry import build as built
    from isptune.tuning.references import with_references

    scene, cpu = one(f"{photo}?like={shot}&reduce=1"), torch.device("cpu")
    for name, same in (("raw", True), ("libraw", False)):
        pipeline = built("pipeline", name)
        own = with_references([scene], pipeline, pipeline.space, 0, cpu)[0]
        assert (own.reference is scene.reference) is same
    assert own.reference.shape == scene.reference.shape
    params = {p.name: torch.tensor([float(p.default)]) if not isinstance(p.default, str) else p.default
              for p in pipeline.space}  # fmt: skip
    picture = pipeline.render(own, params, 0)
    assert picture.shape == own.reference.shape
    error = float((picture - own.reference).square().mean())
    assert 0 < error < 0.01


def test_raw_developers_read_a_twins_file(photo, shot, tmp_path):
    import rawpy

    from pipelines.external.scene_files import write_scene

    scene = one(f"{photo}?like={shot}&reduce=1")
    write_scene(tmp_path / "scene.dng", scene)
    with rawpy.imread(str(tmp_path / "scene.dng")) as raw:
        assert (
            raw.raw_pattern.tolist() == [[1, 0], [2, 3]]
            or raw.color_desc.decode()[raw.raw_pattern[0, 1]] == "R"
        )
        blacks = {raw.black_level_per_channel[i] for i in raw.raw_colors_visible[:2, :2].flat}
        assert blacks == set(map(int, BLACKS))
        assert raw.white_level == 4095
        assert np.allclose(
            np.array(raw.camera_whitebalance[:3]) / raw.camera_whitebalance[1], WHITE_BALANCE, rtol=1e-3
        )
