"""Shots, profiles and charts that cannot be right: one line as a user sees it, before any work, and nothing is lost."""

import json

import pytest

from pipelines.external.dng import write_dng
from tests.scenes.test_pairs import shot, write

PROFILE = "[[noise]]\niso = 100.0\nshot = 1e-5\nread = 1e-7\n\n[[noise]]\niso = 1600.0\nshot = 1.6e-4\nread = 1e-5\n"
PROFILES = {
    "version": 0,
    "noiseprofiles": [
        {"maker": "Canon", "models": [{"model": f"EOS {name}", "profiles": [
            {"name": "x", "iso": iso, "a": [0, 1e-5 * iso / 100, 0], "b": [0, 1e-7, 0]} for iso in (100, 1600)
        ]} for name in ("550D", "5D", "R5")]}
    ],
}  # fmt: skip
RUN = ["--pipeline", "raw", "--objective", "psnr", "--tune", "sharpen.amount", "--population", "2", "--generations",
       "1", "--second-opinion", "none", "--device", "cpu"]  # fmt: skip


@pytest.fixture
def shots(tmp_path):
    """A noisy shot, a clean one, and what is no pair with the noisy one."""
    made = {
        "clean": ({}, shot()),
        "camera": ({"camera": "Bcme"}, shot()),
        "focal": ({"focal": 85}, shot()),
        "size": ({}, shot().cropped(0, 0, 300, 200)),
        "noisier": ({}, shot(iso=25600, noise_seed=3)),
        "dark": ({"time": 0, "aperture": 0, "iso": 0}, shot()),
    }
    write(tmp_path / "noisy.dng", shot(iso=3200, noise_seed=1))
    for name, (exif, capture) in made.items():
        write(tmp_path / f"{name}.dng", capture, **exif)
    write_dng(tmp_path / "plain.dng", shot(iso=3200, noise_seed=1))
    write_dng(tmp_path / "filters.dng", shot(), order="GRBG")
    (tmp_path / "camera.toml").write_text(PROFILE)
    (tmp_path / "profiles.json").write_text(json.dumps(PROFILES))
    return tmp_path


@pytest.mark.slow
def test_what_is_no_scene_is_one_line_before_any_work(isptune, shots):
    refused = {
        "pair:noisy.dng?clean=camera.dng": "are no pair: one is of isptune Acme, the other of isptune B",
        "pair:noisy.dng?clean=focal.dng": "a focal length of 50 mm, the other of 85 mm",
        "pair:noisy.dng?clean=size.dng": "one has 320x240 samples, the other 300x200",
        "pair:plain.dng?clean=filters.dng": "the filters of one begin with RGGB, of the other with GRBG",
        "pair:noisy.dng?clean=noisier.dng": "noisier: is noisier than noisy",
        "pair:clean.dng?clean=noisy.dng": "noisy: is noisier than clean",
        "twin:cat?camera=EOS 55&iso=200&noiseprofiles=profiles.json": "nearest: Canon EOS 5",
        "twin:cat?camera=Zorki 4&iso=200&noiseprofiles=profiles.json": "has no noise profile in darktable; nearest: ",
        "twin:cat?camera=EOS 5D&noiseprofiles=profiles.json": "give it: iso=N",
        "twin:cat?profile=camera.toml&iso=0": "iso = '0' is not a number from 1",
    }
    for scene, words in refused.items():
        status, out, err = isptune("run", *RUN, "--scene", scene, "--out", "run")
        assert (status, out, err.count("\n")) == (2, "", 1), (scene, err)
        assert words in err, (scene, err)
        assert not (shots / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ("pair:noisy.dng?clean=dark.dng", "dark: its tags give ISO and exposure time and aperture as 0"),
        ("twin:cat?profile=camera.toml&iso=6400&crop=64x64", "camera.toml: knows ISO 100 to 1600; its noise"),
        ("twin:cat?camera=EOS 5D&iso=50&noiseprofiles=profiles.json&crop=64x64", "EOS 5D: knows ISO 100 to 1600"),
    ],
)  # fmt: skip
def test_what_is_only_doubtful_is_told_and_kept_with_the_result(isptune, shots, scene, words):
    status, _, err = isptune("run", *RUN, "--scene", scene, "--out", "run")
    assert status == 0, err
    (line,) = (line for line in err.splitlines() if words in line)
    assert line.startswith("warning: ")
    kept = json.loads((shots / "run" / "recommended.json").read_text())["warnings"]
    assert any(words in text for text in kept)


def test_a_chart_without_an_edge_leaves_the_profile_as_it_was(isptune, shots):
    for more in ((), ("--box", "60x40+10+10")):
        status, out, err = isptune("calibrate", "optics", "clean.dng", *more, "--out", "camera.toml")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "clean: no slanted edge was found" in err
    assert (shots / "camera.toml").read_text() == PROFILE


@pytest.mark.slow
def test_a_shot_of_a_series_that_is_no_pair_is_told_before_the_first_search(isptune, shots):
    conditions = ["--condition", "iso3200=pair:noisy.dng?clean=clean.dng",
                  "--condition", "iso25600=pair:noisy.dng?clean=noisier.dng"]  # fmt: skip
    status, out, err = isptune("tune-series", *RUN, *conditions, "--out", "series")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "noisier: is noisier than noisy" in err
    assert not (shots / "series").exists()
