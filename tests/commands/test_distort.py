"""`isptune distort` and `isptune list distortions`."""

import io
import subprocess
import sys

import pytest
import torch
from click.testing import CliRunner
from rich.console import Console

from isptune.commands.distort import distort
from isptune.commands.distortion_table import distortion_table, print_distortions
from isptune.distortions import CATALOGUE, get, preset, presets_of
from isptune.errors import ConfigError, DiskError, SceneError, UnknownName
from isptune.scenes.images import read_image, to_uint8, write_image
from tests.distortions.photograph import generators, photograph


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_image("in.png", photograph(40, 50))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(distort, [str(argument) for argument in arguments], catch_exceptions=False)


def refused(message, *arguments, error=ConfigError):
    with pytest.raises(error, match=message):
        run(*arguments)


def test_a_type_of_a_set_at_a_severity_is_written(folder):
    result = run("in.png", "out.png", "--set", "arniqa", "--distortion", "gaublur", "--severity", 3)
    assert result.exit_code == 0
    assert result.output == "out.png: arniqa gaublur, severity 3\n"
    expected = preset("arniqa", "gaublur").apply(read_image("in.png"), 3)
    assert (to_uint8(read_image("out.png")) == to_uint8(expected)).all()


def test_a_level_is_in_the_sets_unit_or_without_a_set_in_the_catalogues(folder):
    run("in.png", "a.png", "--set", "arniqa", "--distortion", "jpeg", "--level", 20)
    run("in.png", "b.png", "--distortion", "jpeg", "--level", 80)
    image = read_image("in.png")
    assert (to_uint8(read_image("b.png")) == to_uint8(get("jpeg")(image, 80))).all()
    assert (to_uint8(read_image("a.png")) == to_uint8(get("jpeg")(image, 80, to_8bit="truncate"))).all()
    result = run("in.png", "c.png", "--distortion", "saturation", "--level", "-0.4")
    assert result.output == "c.png: saturation, -0.4 relative change\n"


def test_the_same_seed_writes_the_same_picture_and_another_seed_another(folder):
    for name, seed in (("a.png", 7), ("b.png", 7), ("c.png", 8)):
        run(
            "in.png",
            name,
            "--set",
            "depictqa",
            "--distortion",
            "noise_poisson",
            "--severity",
            2,
            "--seed",
            seed,
        )
    first, again, other = ((folder / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert first == again
    assert first != other


@pytest.mark.slow
def test_all_writes_every_type_and_severity_as_single_calls_do(folder):
    result = run("in.png", "out", "--set", "arniqa", "--all", "--seed", 3)
    assert result.exit_code == 0
    assert "out: 120 pictures, 24 types of arniqa at 5 severities" in result.output
    assert "24/24 nonlincontrchange" in result.output
    names = {f"{name}_{severity}.png" for name in presets_of("arniqa") for severity in (1, 2, 3, 4, 5)}
    assert {path.name for path in (folder / "out").iterdir()} == names
    for name in ("jitter", "colorsat2"):
        run(
            "in.png",
            "one.png",
            "--set",
            "arniqa",
            "--distortion",
            name,
            "--severity",
            4,
            "--seed",
            3,
            "--force",
        )
        assert (folder / "one.png").read_bytes() == (folder / "out" / f"{name}_4.png").read_bytes()


def test_all_of_one_type_shares_its_random_numbers(folder):
    run("in.png", "out", "--set", "depictqa", "--distortion", "noise_gaussian_RGB", "--all")
    assert len(list((folder / "out").iterdir())) == 5
    image = read_image("in.png")
    expected = preset("depictqa", "noise_gaussian_RGB").apply(image, 5, generator=generators(1))
    assert (to_uint8(read_image("out/noise_gaussian_RGB_5.png")) == to_uint8(expected)).all()


def test_large_pictures_are_done_one_severity_at_a_time_with_the_same_result(folder, monkeypatch):
    run("in.png", "a", "--set", "arniqa", "--distortion", "jitter", "--all")
    monkeypatch.setattr("isptune.commands.distort.PIXELS_AT_ONCE", 100)
    run("in.png", "b", "--set", "arniqa", "--distortion", "jitter", "--all")
    for path in (folder / "a").iterdir():
        assert path.read_bytes() == (folder / "b" / path.name).read_bytes()


@pytest.mark.slow
def test_unused_types_are_left_out_of_all_but_can_be_named(folder):
    run("in.png", "out", "--set", "depictqa", "--all")
    assert len(list((folder / "out").iterdir())) == 35 * 5
    run("in.png", "out.png", "--set", "depictqa", "--distortion", "brightness_vignette", "--severity", 1)
    assert (folder / "out.png").exists()


def test_files_that_exist_are_not_overwritten_unless_forced(folder):
    options = ("--set", "arniqa", "--distortion", "darken", "--severity", 5)
    before = (folder / "in.png").read_bytes()
    refused("in.png: exists; --force", "in.png", "in.png", *options)
    assert (folder / "in.png").read_bytes() == before
    assert run("in.png", "in.png", *options, "--force").exit_code == 0
    assert (folder / "in.png").read_bytes() != before
    whole = ("in.png", "out", "--set", "arniqa", "--distortion", "darken", "--all")
    (folder / "out").mkdir()
    (folder / "out" / "darken_2.png").write_bytes(b"mine")
    (folder / "out" / "darken_4.png").write_bytes(b"mine")
    refused("out/darken_2.png and 1 more exist already; --force", *whole)
    assert {path.name for path in (folder / "out").iterdir()} == {"darken_2.png", "darken_4.png"}
    assert run(*whole, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --distortion NAME, or --set NAME --all"),
        (("--all",), "--all writes the types of a set: give --set"),
        (("--set", "arniqa", "--all", "--severity", "3"), "--all writes every severity"),
        (("--distortion", "jpeg", "--severity", "3"), "severities belong to a set"),
        (("--distortion", "jpeg"), "how much\\? give --level X;"),
        (("--set", "arniqa", "--distortion", "jpeg"), "how much\\? give --severity 1..5 or --level X"),
        (("--set", "arniqa", "--distortion", "jpeg", "--severity", "3", "--level", "9"), "one of the two"),
        (("--distortion", "jpeg", "--level", "400"), r"jpeg: level 400 is outside \[0, 100\]"),
        (("--distortion", "jpeg", "--level", "nan"), "jpeg: level nan is outside"),
        (("--set", "arniqa", "--distortion", "jpeg", "--level", "-3"), "quality -3 is 103 strength"),
        (
            ("--distortion", "white_noise", "--level", "0.1", "--seed", str(2**70)),
            "does not fit into 64 bits",
        ),
    ],
)
def test_wrong_combinations_and_levels_are_refused_in_one_line(folder, arguments, message):
    refused(message, "in.png", "out.png" if "--all" not in arguments else "out", *arguments)
    assert {path.name for path in folder.iterdir()} == {"in.png"}


def test_unknown_names_list_what_exists(folder):
    refused(
        "there are: .*gaussian_blur", "in.png", "o.png", "--distortion", "x", "--level", 1, error=UnknownName
    )
    refused("there are: .*gaublur", "in.png", "o.png", "--set", "arniqa", "--distortion", "x", "--severity", 1,
            error=UnknownName)  # fmt: skip
    refused("there are: arniqa", "in.png", "o", "--set", "x", "--all", error=UnknownName)


def test_pictures_that_cannot_be_used_or_written_are_refused(folder):
    options = ("--distortion", "jpeg", "--level", 20)
    (folder / "text.png").write_text("no picture")
    refused("nowhere.png: no such file", "nowhere.png", "out.png", *options, error=SceneError)
    refused("text.png: is not a picture", "text.png", "out.png", *options, error=SceneError)
    refused("text.png: is not a picture", "text.png", "out", "--set", "arniqa", "--all", error=SceneError)
    assert not (folder / "out").exists()
    refused("out.jpg: pictures are written as PNG", "in.png", "out.jpg", *options)
    (folder / "sub.png").mkdir()
    refused("sub.png: is a folder", "in.png", "sub.png", *options)
    refused("in.png: is a file; --all", "in.png", "in.png", "--set", "arniqa", "--all")
    refused("cannot be written", "in.png", "missing/out.png", *options, error=DiskError)


def test_the_help_is_quick_and_teaches_by_examples():
    program = (
        "import sys; from isptune.commands.distort import distort\n"
        "distort.main(['--help'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules and 'cv2' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (
        "isptune distort photo.png blurred.png --set arniqa --distortion gaublur --severity 3" in done.stdout
    )


def test_the_table_has_every_function_and_every_type_with_its_facts():
    assert [row.name for row in distortion_table()] == list(CATALOGUE)
    rows = {row.name: row for row in distortion_table("imagenet_c")}
    assert set(rows) == set(presets_of("imagenet_c"))
    assert rows["jpeg_compression"].published == ("25", "18", "15", "10", "7")
    assert rows["glass_blur"].published[0] == "0.7,1,2"
    assert rows["glass_blur"].stochastic
    assert rows["saturate"].part == "extra"
    with pytest.raises(UnknownName, match="there are: arniqa"):
        distortion_table("tid2013")


@pytest.mark.parametrize("set", [None, "depictqa"])
def test_the_table_is_printed_with_tabs_where_there_is_no_terminal(set):
    printed = io.StringIO()
    print_distortions(set, Console(file=printed, width=40))
    lines = [line.split("\t") for line in printed.getvalue().splitlines()]
    assert len(lines) == 1 + len(distortion_table(set))
    assert {len(line) for line in lines} == {8 if set is None else 14}
    assert lines[1][0] == ("gaussian_blur" if set is None else "blur_gaussian")


@pytest.mark.parametrize("set", [None, "kadid10k"])
def test_the_table_is_printed_in_columns_on_a_terminal(set):
    printed = io.StringIO()
    print_distortions(set, Console(file=printed, width=250, force_terminal=True, color_system=None))
    assert "saturation_hsv" in printed.getvalue()
    assert printed.getvalue().count("\n") > len(distortion_table(set))


def test_a_bar_is_drawn_on_a_terminal(folder, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: Console(file=screen, force_terminal=True, width=80)
    )
    run("in.png", "out", "--set", "arniqa", "--distortion", "meanshift", "--all")
    assert "meanshift" in screen.getvalue()
    assert torch.equal(read_image("out/meanshift_1.png"), read_image("in.png"))
