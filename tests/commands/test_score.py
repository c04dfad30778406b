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


@pytest.fixture
def sets(folder):
    """spoilt/ with three pictures and a broken one, and pristine/ with their references."""
    (folder / "spoilt" / "more").mkdir(parents=True)
    (folder / "pristine").mkdir()
    for k, place in enumerate(("a_1.png", "b.png")):
        perfect = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(k))
        write_image(folder / "pristine" / f"{place[0]}.png", perfect)
        write_image(folder / "spoilt" / place, 0.8 * perfect)
    write_image(folder / "spoilt" / "more" / "a.png", torch.rand(1, 3, 24, 32))
    (folder / "spoilt" / "c.png").write_bytes(b"no picture")
    return folder


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


ALL = ["spoilt/a_1.png", "spoilt/b.png", "spoilt/more/a.png"]


@pytest.mark.parametrize("named", [["spoilt"], ["spoilt/**/*.png"], ["@list.txt"], ["@list.csv"]])
def test_folders_patterns_and_lists_are_scored_and_a_bad_file_costs_a_line(sets, toys, named):
    names = ["spoilt/a_1.png", "spoilt/b.png", "spoilt/c.png", "spoilt/more/a.png"]
    (sets / "list.txt").write_text("# ours\n" + "\n".join(names) + "\n\n")
    (sets / "list.csv").write_text("image\n" + "\n".join(names) + "\n")
    result = run(*named, "nothing*.png", "--objective", "redness", "--csv")
    assert result.exit_code == 1
    assert [row["image"] for row in rows_of(result.stdout)] == ALL
    assert sorted(line.split(": ")[1] for line in result.stderr.splitlines()) == [
        "nothing*.png",
        "spoilt/c.png",
    ]


def test_references_are_found_by_name_in_a_folder(sets):
    result = run("spoilt", "--reference", "pristine", "--objective", "psnr", "--csv")
    assert [row["reference"] for row in rows_of(result.stdout)] == [
        "pristine/a.png",
        "pristine/b.png",
        "pristine/a.png",
    ]
    rows = {row["image"]: float(row["score"]) for row in rows_of(result.stdout)}
    expected = (
        psnr().score(read_image("spoilt/a_1.png"), photograph("a", read_image("pristine/a.png"))).item()
    )
    assert rows["spoilt/a_1.png"] == pytest.approx(expected)
    lonely = run("other.png", "--reference", "pristine", "--objective", "psnr", "--csv")
    assert "other.png: pristine has no reference of it" in lonely.stderr


@pytest.mark.parametrize("as_argument", [True, False])
def test_pairs_come_from_a_table(sets, as_argument):
    (sets / "pairs.csv").write_text(
        "dist_img;ref_img\nspoilt/a_1.png;pristine/a.png\nspoilt/b.png;pristine/b.png\n"
    )
    named = ["@pairs.csv"] if as_argument else [*ALL[:2], "--reference", "pairs.csv"]
    result = run(*named, "--objective", "psnr", "--csv")
    assert result.exit_code == 0, result.stderr
    assert [(row["image"], row["reference"]) for row in rows_of(result.stdout)] == [
        ("spoilt/a_1.png", "pristine/a.png"),
        ("spoilt/b.png", "pristine/b.png"),
    ]


def test_two_references_are_refused(folder):
    result = run(
        "spoilt.png", "--reference", "perfect.png", "--reference", "other.png", "--objective", "psnr"
    )
    assert "--reference is given 2 times" in str(result.exception)


def test_a_file_of_scores_is_gone_on_with_and_what_is_there_is_not_scored_again(sets, toys):
    first = run("spoilt/a_1.png", "--objective", "redness", "--out", "scores.csv")
    assert first.stdout == "scores.csv: 1 new scores\n"
    whole = (sets / "scores.csv").read_text()
    (sets / "scores.csv").write_text(
        whole + "spoilt/b.png,redness,0.\0\0\n\0"
    )  # torn, and zeros of a power cut
    again = run("spoilt", "--objective", "redness", "--objective", "greenness", "--out", "scores.csv")
    assert again.stdout == "scores.csv: 5 new scores, 1 were there\n"
    text = (sets / "scores.csv").read_text()
    assert text.startswith(whole)
    assert len({(row["image"], row["objective"]) for row in rows_of(text)}) == len(rows_of(text)) == 6


@pytest.mark.parametrize(("held", "is_made_again"), [(bytes(5000), True), (b"\0\0mine\n", False)])
def test_a_file_of_zeros_is_what_a_power_cut_leaves_and_any_other_is_kept(sets, toys, held, is_made_again):
    (sets / "scores.csv").write_bytes(held)
    result = run("spoilt/a_1.png", "--objective", "redness", "--out", "scores.csv")
    assert (result.exception is None) == is_made_again
    assert ((sets / "scores.csv").read_bytes() != held) == is_made_again


def test_what_was_finished_is_kept_when_it_is_stopped(sets, toys, monkeypatch):
    import tests.toys

    redness = tests.toys.redness(None)
    seen = []

    class Stopped:
        facts = redness.facts

        def score(self, images, scene):
            seen.append(scene.name)
            if len(seen) % 3 == 0:
                raise KeyboardInterrupt
            return redness.score(images, scene)

    monkeypatch.setattr("isptune.functions.own_files.objective_of", lambda spec: Stopped())
    table = run("spoilt", "--objective", "redness")
    assert [line.split()[0] for line in table.stdout.splitlines()[-2:]] == ALL[:2]
    run("spoilt", "--objective", "redness", "--out", "scores.csv")
    assert [row["image"] for row in rows_of((sets / "scores.csv").read_text())] == ALL[:2]
    assert len(rows_of(run("spoilt", "--objective", "redness", "--csv").stdout)) == 2


def test_a_file_of_other_columns_is_not_written_into(folder, toys):
    (folder / "mine.csv").write_text("a,b\n1,2\n")
    result = run("spoilt.png", "--objective", "redness", "--out", "mine.csv")
    assert "has the columns a,b" in str(result.exception)
    assert (folder / "mine.csv").read_text() == "a,b\n1,2\n"
