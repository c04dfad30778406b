"""`isptune score`: tables, CSV, and pictures that cannot be scored."""

import csv
import io

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from isptune.commands.score import score
from isptune.errors import SceneError, UnknownName
from isptune.scenes.decoding.colour_space import DISPLAY_P3
from isptune.scenes.images import read_image, write_image
from isptune.scenes.scene import photograph
from objectives.full_reference.gmsd import gmsd
from objectives.full_reference.psnr import psnr
from tests.icc_profiles import SRGB_TAG, matrix_profile


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """perfect.png and spoilt.png of one size, other.png of another, broken.png."""
    monkeypatch.chdir(tmp_path)
    perfect = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    write_image("perfect.png", perfect)
    write_image("spoilt.png", 0.7 * perfect)
    write_image("other.png", perfect[..., :20, :16])
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(score, list(arguments))


def test_csv_has_one_line_a_score_with_direction_and_unit(folder):
    result = run("spoilt.png", "perfect.png", "--objective", "psnr", "--objective", "gmsd",
                 "--reference", "perfect.png", "--csv")  # fmt: skip
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["image"], row["objective"], row["direction"], row["unit"]) for row in rows] == [
        ("spoilt.png", "psnr", "maximize", "dB"),
        ("spoilt.png", "gmsd", "minimize", "deviation"),
        ("perfect.png", "psnr", "maximize", "dB"),
        ("perfect.png", "gmsd", "minimize", "deviation"),
    ]
    scene, image = photograph("perfect", read_image("perfect.png")), read_image("spoilt.png")
    expected = [psnr().score(image, scene).item(), gmsd().score(image, scene).item(), 100, 0]
    assert [float(row["score"]) for row in rows] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_a_photograph_on_its_side_is_scored_upright_and_its_colours_are_spoken_of(folder):
    with Image.open("perfect.png") as perfect:
        lying = perfect.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[274] = 6
    lying.save("phone.png", exif=exif)
    result = run("phone.png", "--objective", "psnr", "--reference", "perfect.png", "--csv")
    assert result.stdout.splitlines()[1].split(",")[2] == "100"
    lying.save("wide.png", exif=exif, icc_profile=matrix_profile(DISPLAY_P3, SRGB_TAG, "Display P3"))
    result = run("wide.png", "--objective", "psnr", "--reference", "perfect.png", "--csv")
    assert float(result.stdout.splitlines()[1].split(",")[2]) < 40
    assert result.stderr == (
        "warning: wide.png: its colours are in 'Display P3' (its ICC profile) and were converted to sRGB\n"
    )


def test_a_score_that_is_not_defined_is_left_out_with_the_reason(folder):
    write_image("grey.png", torch.full((1, 3, 64, 64), 0.5))
    write_image("noisy.png", (0.5 + 0.1 * torch.randn(1, 3, 64, 64)).clamp(0, 1))
    result = run("noisy.png", "--objective", "vif", "--objective", "psnr", "--reference", "grey.png", "--csv")
    assert result.exit_code == 1
    assert [line.split(",")[1] for line in result.stdout.splitlines()] == ["objective", "psnr"]
    assert "noisy.png: vif is not defined against this reference: it is flat" in result.stderr


def test_table_shows_direction_and_unit(folder):
    result = run("spoilt.png", "perfect.png", "--objective", "psnr", "--reference", "perfect.png")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["image", "psnr"]
    assert lines[1] == ["higher", "is", "better"]
    assert lines[2] == ["dB"]
    assert lines[4] == ["perfect.png", "100.0000"]


def test_pictures_of_different_sizes_are_scored_one_by_one(folder, toys):
    result = run("perfect.png", "other.png", "--objective", "redness", "--csv")
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 3


def test_bad_files_are_named_and_the_others_scored(folder, toys):
    result = run("broken.png", "perfect.png", "gone.png", "--objective", "redness", "--csv")
    assert result.exit_code == 1
    assert [line.split(",")[0] for line in result.stdout.splitlines()] == ["image", "perfect.png"]
    broken, gone = result.stderr.splitlines()
    assert broken.startswith("isptune: broken.png: is not a picture that can be read")
    assert gone == "isptune: gone.png: no such file"


def test_objective_that_needs_a_reference_fails_alone(folder, toys):
    result = run("perfect.png", "--objective", "ssim", "--objective", "redness")
    assert result.exit_code == 1
    assert result.stderr.startswith("isptune: perfect.png: ssim compares with a reference")
    assert result.stdout.splitlines()[-1].split()[1] == "failed"


def test_reference_of_another_size_is_told_with_both_sizes(folder):
    result = run("other.png", "--objective", "ssim", "--reference", "perfect.png")
    assert result.exit_code == 1
    assert "images are 16x20 and the reference of 'perfect.png' is 32x24" in result.stderr
    assert result.stdout == ""


def test_unknown_objective_stops_before_any_work(folder):
    result = run("perfect.png", "--objective", "nosuch")
    assert isinstance(result.exception, UnknownName)


def test_unreadable_reference_stops_before_any_work(folder):
    result = run("perfect.png", "--objective", "ssim", "--reference", "broken.png")
    assert isinstance(result.exception, SceneError)
    assert result.stdout == ""


def test_objective_must_be_named(folder):
    result = run("perfect.png")
    assert result.exit_code == 2
    assert "--objective" in result.stderr
