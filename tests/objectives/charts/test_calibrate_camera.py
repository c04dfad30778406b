"""Noise by ISO and the lens, measured in raw files whose noise and lens are known."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
from click.testing import CliRunner

from isptune.cli import cli
from isptune.errors import SceneError
from isptune.scenes.camera_profile import NoiseAtISO, beyond, noise_at_iso, read_camera_profile
from isptune.scenes.images import to_images
from isptune.scenes.raw_capture import RawCapture
from objectives.charts.photon_transfer import pair_points, transfer
from objectives.charts.point_spread import measured_optics
from pipelines.external.dng import write_dng
from pipelines.raw.unprocessing import random_camera, unprocess
from tests.raw_captures import shared

RAWS = shared("data/raw")


def sensor(light, seed, shot=1e-3, read=2e-5, black=256.0, white=4095.0):
    """A capture with numpy's noise: apart from the project's own sensor."""
    draw = np.random.default_rng(seed)
    noisy = draw.poisson(light / shot) * shot + draw.normal(0, np.sqrt(read), light.shape)
    numbers = np.clip(np.rint(black + noisy * (white - black)), 0, white)
    samples = torch.from_numpy(numbers.astype(np.float32))[None, None]
    return RawCapture(samples, (black,) * 4, white, (2.0, 1.0, 1.6))


def steps(height=256, width=320):
    """A grey chart: eight steps, with texture over them that a single shot would take for noise."""
    grey = np.repeat(np.geomspace(0.01, 0.7, 8), width // 8)[None].repeat(height, 0)
    return grey * np.random.default_rng(9).uniform(0.8, 1.2, grey.shape)


def edge(psf=0.8, side=192, over=8):
    """A slanted edge that every pixel of a sensor averages, with a Gaussian before; contrast 0.6 to 0.1."""
    from scipy.ndimage import gaussian_filter1d

    x = (np.arange((side + 32) * over) + 0.5) / over - 16 - side / 2
    profile = gaussian_filter1d(np.where(x < 0, 0.1, 0.6), psf * over)
    profile = np.convolve(profile, np.ones(over) / over, "same")
    rows = np.arange(side)[:, None] - side / 2
    across = np.arange(side)[None] + 0.5 - side / 2 - rows * np.tan(np.radians(5))
    return np.interp(across * np.cos(np.radians(5)), x, profile)


def balanced_for(light, capture):
    """What falls behind filters, so that the edge is grey after white balance."""
    red, green, blue = capture.white_balance
    return light / np.tile([[red, green], [green, blue]], (light.shape[0] // 2, light.shape[1] // 2))


def test_a_pair_of_shots_shows_the_noise_of_the_sensor_whatever_both_show():
    found = transfer(800, [sensor(steps(), seed) for seed in (1, 2)])
    assert (found.pairs, found.singles) == (1, 0)
    assert found.noise.shot == pytest.approx(1e-3, rel=0.04)
    # Rounding to 12 bits is noise of the read-out, too, of (1 / 3839)^2 / 12.
    assert found.noise.read == pytest.approx(2e-5 + 1 / 3839**2 / 12, rel=0.15)
    assert found.noise.fit > 0.98
    assert found.off_by < 0.05
    assert not found.narrow


def test_two_scenes_are_no_pair_and_a_flat_field_does_not_part_shot_from_read():
    assert pair_points(sensor(steps(), 1), sensor(steps()[:, ::-1], 2)) is None
    flats = [sensor(np.full((128, 128), 0.3), seed) for seed in (1, 2)]
    found = transfer(100, flats)
    assert found.narrow
    assert found.noise.shot * 0.3 + found.noise.read == pytest.approx(1e-3 * 0.3 + 2e-5, rel=0.04)


def test_hot_pixels_are_those_of_all_shots():
    hot = np.random.default_rng(0).random((256, 320)) < 1e-3
    shots = []
    for seed in (1, 2):
        shot = sensor(np.full((256, 320), 0.1), seed)
        shots.append(
            replace(shot, mosaic=torch.where(torch.from_numpy(hot)[None, None], 3000.0, shot.mosaic))
        )
    assert transfer(100, shots).noise.hot == pytest.approx(float(hot.mean()), rel=0.1)


def test_noise_between_isos_is_straight_over_logarithms_and_told_beyond():
    nodes = (NoiseAtISO(100, 1e-4, 1e-6), NoiseAtISO(1600, 1.6e-3, 2.56e-4))
    assert noise_at_iso(nodes, 400, "x").model == pytest.approx((4e-4, 1.6e-5))
    assert noise_at_iso(nodes, 100, "x") == nodes[0]
    assert noise_at_iso(nodes, 3200, "x").model == pytest.approx((3.2e-3, 4 * 2.56e-4))
    assert beyond(nodes, 400, "x") == []
    assert beyond(nodes, 50, "x") == ["x: knows ISO 100 to 1600; its noise at ISO 50 is extrapolated"]


@pytest.mark.slow
def test_the_command_writes_a_profile_by_iso_with_its_plot_and_keeps_what_was_there(tmp_path):
    out = tmp_path / "camera.toml"
    for iso, scale in ((100, 1), (400, 4)):
        for seed in (1, 2):
            write_dng(tmp_path / f"{iso}_{seed}.dng", sensor(steps(), seed + iso, 1e-4 * scale, 1e-6 * scale))
        shots = [str(tmp_path / f"{iso}_{seed}.dng?iso={iso}") for seed in (1, 2)]
        said = CliRunner().invoke(
            cli, ["calibrate", "noise", *shots, "--out", str(out)], catch_exceptions=False
        )
        assert said.exit_code == 0, said.output
        assert f"ISO {iso}: shot" in said.output
    profile = read_camera_profile(out)
    assert [one.iso for one in profile.noise] == [100, 400]
    assert profile.noise[1].shot == pytest.approx(4e-4, rel=0.05)
    assert (tmp_path / "camera.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("psf", [0.4, 0.8, 1.2])
@pytest.mark.parametrize("turned", [False, True])
def test_the_point_spread_of_an_edge_is_found_by_itself_and_in_a_box(psf, turned):
    light = edge(psf).T if turned else edge(psf)
    blank = sensor(np.full(light.shape, 0.1), 0)
    capture = sensor(balanced_for(light, blank), 0, shot=1e-5, read=1e-7)
    found = measured_optics(capture, None, "edge")
    assert found.psf == pytest.approx(psf, rel=0.06, abs=0.03)
    box = ((56.0, 56.0), (136.0, 56.0), (136.0, 136.0), (56.0, 136.0))
    assert measured_optics(capture, box, "edge").psf == pytest.approx(psf, rel=0.06, abs=0.03)


def test_a_chart_without_an_edge_is_refused():
    with pytest.raises(SceneError, match="no slanted edge was found"):
        measured_optics(sensor(np.full((96, 96), 0.3), 0), None, "wall")
    with pytest.raises(SceneError, match="no slanted edge was found in the box"):
        measured_optics(
            sensor(np.full((96, 96), 0.3), 0), ((8.0, 8.0), (72.0, 8.0), (72.0, 72.0), (8.0, 72.0)), "wall"
        )


def test_a_box_of_a_photograph_without_an_edge_is_refused_and_a_noisy_edge_is_taken(tmp_path):
    scenery = unprocess(to_images(skimage.data.coffee()[:240, :320], "c"), random_camera(0, 100), 0)
    write_dng(tmp_path / "c.dng", scenery)
    out = tmp_path / "camera.toml"
    out.write_text("psf = 0.7\n")
    command = ["calibrate", "optics", str(tmp_path / "c.dng"), "--box", "60x40+10+10", "--out", str(out)]
    said = CliRunner().invoke(cli, command)
    assert "no slanted edge was found in the box" in str(said.exception)
    assert out.read_text() == "psf = 0.7\n"
    light = edge(0.6)
    noisy = sensor(balanced_for(light, sensor(np.full(light.shape, 0.1), 0)), 0, shot=5e-3, read=1e-4)
    box = ((56.0, 56.0), (136.0, 56.0), (136.0, 136.0), (56.0, 136.0))
    assert measured_optics(noisy, box, "edge").psf == pytest.approx(0.6, abs=0.25)


def test_shots_of_several_isos_under_one_are_told_to_follow_no_line(tmp_path):
    for seed, scale in enumerate((1, 1, 60)):
        write_dng(tmp_path / f"{seed}.dng", sensor(steps(), seed, 1e-5 * scale, 1e-7 * scale))
    shots = [str(tmp_path / f"{seed}.dng?iso=400") for seed in range(3)]
    said = CliRunner().invoke(cli, ["calibrate", "noise", *shots, "--out", str(tmp_path / "camera.toml")])
    assert said.exit_code == 0, said.output
    assert "warning: the variances do not follow the line: are all shots of one camera" in said.output


def test_shots_without_an_iso_are_refused_and_nothing_is_written(tmp_path):
    write_dng(tmp_path / "shot.dng", sensor(steps(64, 64), 0))
    out = tmp_path / "camera.toml"
    said = CliRunner().invoke(cli, ["calibrate", "noise", str(tmp_path / "shot.dng"), "--out", str(out)])
    assert said.exit_code != 0
    assert isinstance(said.exception, SceneError | SystemExit)
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.skipif(not RAWS.is_dir(), reason="no ../shared/data/raw beside the project")
def test_a_photographed_chart_shows_its_lens():
    from isptune.scenes.scene import raw_file

    spec = f"{RAWS / 'openisp_sfr_chart_rggb10.png'}?cfa=RGGB&black=0&white=1023&crop=full"
    found = measured_optics(raw_file(spec)[0].raw, None, "chart")
    assert 0.3 < found.psf < 0.9
    assert found.edges > 10
