"""A colour matrix from a photographed ColorChecker: found by itself, right, and read back by raw scenes."""

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from isptune.cli import cli
from isptune.errors import ConfigError, IsptuneError, SceneError
from isptune.scenes.colour_profile import ColourProfile, read_profile, write_profile
from isptune.scenes.raw_capture import IDENTITY
from isptune.scenes.scene import load_scenes, raw_file
from objectives.charts.colour_matrix import fit
from objectives.charts.find_colorchecker import find_colorcheckers
from pipelines.external.dng import write_dng
from tests.raw_captures import shared

RAWS = shared("data/raw")
CHARTS = {
    "colorchart.dng": 4.0,
    "infiniteisp_Outdoor1_grbg8.png?cfa=GRBG&black=12": 4.0,
    "hdrisp_colorchecker_raw10.png?cfa=BGGR&black=64&white=1023": 7.0,
}
"""Raws that show a chart, and what is left of its colours' differences at most."""

needs_detector = pytest.mark.skipif(not hasattr(cv2, "mcc"), reason="this OpenCV has no chart detector")


@pytest.fixture(scope="module")
def shot():
    return load_scenes(["unprocessed:chart:?iso=100"])[0]


def _quad(scene):
    return scene.metadata["regions"]["colorchecker"]


@pytest.mark.slow
def test_the_matrix_of_a_known_camera_is_found_and_white_stays_white(shot):
    fitted = fit(shot.raw, _quad(shot))
    np.testing.assert_allclose(fitted.matrix, shot.raw.matrix, atol=0.03)
    np.testing.assert_allclose(fitted.white_balance, shot.raw.white_balance, rtol=0.01)
    np.testing.assert_allclose(np.sum(fitted.matrix, 1), 1)
    assert np.nanmean(fitted.after) < 0.5


@pytest.mark.parametrize("turn", range(4))
def test_any_corner_may_be_the_first(turn, shot):
    quad = _quad(shot)
    assert fit(shot.raw, quad[turn:] + quad[:turn]).quad == quad


def test_patches_that_clip_are_left_out_and_a_chart_that_is_white_is_refused(shot):
    from dataclasses import replace

    high = float(shot.raw.mosaic.max())
    raw = replace(shot.raw, white=0.8 * high, mosaic=shot.raw.mosaic.clamp(max=0.8 * high))
    fitted = fit(raw, _quad(shot))
    assert 0 < np.isnan(fitted.after).sum() < 12
    np.testing.assert_allclose(fitted.matrix, shot.raw.matrix, atol=0.05)
    with pytest.raises(SceneError, match="expose it less"):
        fit(replace(raw, white=1100.0, mosaic=raw.mosaic.clamp(max=1100.0)), _quad(shot))


@pytest.mark.slow
@needs_detector
def test_a_chart_is_found_by_itself_and_its_profile_is_read_by_raw_scenes(shot, tmp_path):
    path, profile = tmp_path / "shot.dng", tmp_path / "profile.toml"
    from dataclasses import replace

    write_dng(path, replace(shot.raw, matrix=IDENTITY))
    told = CliRunner().invoke(
        cli, ["calibrate", "colour", str(path), "--out", str(profile)], catch_exceptions=False
    )
    assert "CIEDE2000 before" in told.output
    scene = raw_file(f"{path}?matrix={profile}&white_balance={profile}")[0]
    np.testing.assert_allclose(scene.raw.matrix, shot.raw.matrix, atol=0.05)
    np.testing.assert_allclose(scene.raw.white_balance, shot.raw.white_balance, rtol=0.02)


def test_where_there_is_no_chart_the_corners_are_asked_for(tmp_path):
    write_dng(tmp_path / "cat.dng", load_scenes(["unprocessed:cat?iso=100"])[0].raw)
    arguments = ["calibrate", "colour", str(tmp_path / "cat.dng"), "--out", str(tmp_path / "p.toml")]
    with pytest.raises(IsptuneError, match="--corners"):
        CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert not (tmp_path / "p.toml").exists()


def test_without_a_detector_the_corners_are_asked_for(monkeypatch, shot):
    monkeypatch.delattr(cv2, "mcc", raising=False)
    with pytest.raises(ConfigError, match="--corners"):
        find_colorcheckers(shot.image)


@pytest.mark.slow
@needs_detector
@pytest.mark.skipif(not RAWS.is_dir(), reason=f"{RAWS} is not there")
@pytest.mark.parametrize("name", CHARTS)
def test_real_charts_come_near_their_published_colours(name):
    query = "&" if "?" in name else "?"
    scene = raw_file(f"{RAWS / name}{query}crop=full")[0]
    fitted = fit(scene.raw, find_colorcheckers(scene.image)[0])
    assert np.nanmean(fitted.after) < min(CHARTS[name], np.nanmean(fitted.before))


def test_a_profile_is_read_as_it_was_written_and_refused_where_it_is_none(tmp_path):
    path = tmp_path / "p.toml"
    profile = ColourProfile(
        ((1.5, -0.4, -0.1), (-0.2, 1.3, -0.1), (0.0, -0.5, 1.5)), (2.0, 1.0, 1.5), 'of "it"'
    )
    write_profile(path, profile)
    np.testing.assert_allclose(read_profile(path).matrix, profile.matrix)
    assert read_profile(path).note == profile.note
    for text, message in (
        ("matrix = 3", "matrix"),
        ("matrix = [[1,0,0],[0,1,0],[0,0,0]]", "positive sums"),
        ("a = [", "TOML"),
    ):
        path.write_text(text)
        with pytest.raises(SceneError, match=message):
            read_profile(path)
