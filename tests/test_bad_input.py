"""Mistakes at the command line, end to end: one clear line, a status, and nothing lost or overwritten."""

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tifffile
import torch

from isptune.errors import DiskError, RunFolderError, SceneError
from isptune.runs.files import image_path, read_table
from isptune.scenes.images import read_image, write_image
from isptune.scenes.scene import load_scenes
from tests.test_cli import SHORT, TOY


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["run", "-P", "argument=3"],
            "the pipeline 'synthetic' cannot take what it was given: multiple values",
        ),
        (["run", "--resize", "100000"], "resize '100000': 100000x100000 is larger than 64 megapixels"),
        (["run", "--device", "meta"], "device 'meta' cannot be used"),
        (["run", "--scene", "no\nsuch\x1b[31m.png"], r"no\nsuch\x1b[31m.png: no such file"),
    ],
)
def test_a_mistake_gives_one_clear_line(isptune, arguments, message):
    status, _, err = isptune(*arguments)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_a_dask_scheduler_that_does_not_answer_is_said_to_be_that(isptune, monkeypatch):
    def client(address, timeout):
        raise OSError(f"Timed out trying to connect to {address}")

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=client))
    status, _, err = isptune("run", *TOY, *SHORT, "--workers", "dask:host:1")
    assert status == 2
    assert "workers = 'dask:host:1': no Dask scheduler answers: Timed out" in err


def test_more_threads_than_a_machine_can_start_are_refused(isptune):
    status, _, err = isptune("run", "--threads", "99999")
    assert status == 2
    assert "1<=x<=1024" in err


@pytest.mark.slow
def test_brackets_in_names_of_folders_and_scenes_are_no_markup(isptune, tmp_path):
    write_image(tmp_path / "[red].png", torch.rand(1, 3, 24, 24))
    scene = [*TOY[:4], "--scene", "[red].png"]
    status, out, err = isptune("run", *scene, *SHORT, "--out", "n[/red]")
    assert (status, err) == (0, "")
    assert "in n[/red]" in out.replace("\n", "")
    status, out, err = isptune("run", *scene, *SHORT, "--out", "n[/red]")
    assert (status, err) == (0, "")
    assert "n[/red] is finished already" in out.replace("\n", " ")


def test_an_unknown_second_opinion_is_refused_before_there_is_a_folder(isptune, tmp_path):
    opinion = ["--second-opinion", "nobody"]
    wrong = [*SHORT[: SHORT.index("--second-opinion")], *opinion]
    status, _, err = isptune("run", *TOY, *wrong, "--out", "r")
    assert status == 2
    assert "no objective is called 'nobody'" in err
    assert not (tmp_path / "r").exists()


def test_scenes_of_similar_names_keep_their_pictures_apart(tmp_path):
    for name in ("a b", "a_b", "a_b_2", "A B"):
        write_image(tmp_path / f"{name}.png", torch.rand(1, 3, 8, 8))
    files = [tmp_path / f"{name}.png" for name in ("a b", "a_b", "a_b_2", "A B", "a b")]
    scenes = load_scenes([str(file) for file in files])
    assert [scene.name for scene in scenes] == ["a b", "a_b_2", "a_b_2_2", "A B_3", "a b_4"]
    assert len({str(image_path(tmp_path, scene.name, "default")).casefold() for scene in scenes}) == 5


@pytest.mark.parametrize("content", ["null", "[]", "3"])
@pytest.mark.parametrize("name", ["config.json", "bench.json", "timing.json", "recommended.json"])
def test_a_file_of_a_run_that_is_no_object_is_named(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(RunFolderError, match=f"{name}: is damaged"):
        read_table(tmp_path, name)


@pytest.mark.slow
def test_pictures_of_two_sizes_are_named_by_the_report(isptune, tmp_path):
    isptune("run", *TOY, *SHORT, "--out", "r")
    write_image(tmp_path / "r" / "images" / "cat_default.png", torch.rand(1, 3, 5, 5))
    status, _, err = isptune("report", "r")
    assert status == 1
    assert "the default and recommended pictures of cat differ in size" in err


@pytest.mark.slow
def test_a_comparison_writes_over_no_report_of_another_kind(isptune, tmp_path):
    two = ["--objective", "greenness"]
    isptune("run", *TOY, *SHORT, "--out", "a")
    before = (tmp_path / "a" / "report.html").read_bytes()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("mine")
    for folder, message in (
        ("a", "a: holds a run"),
        ("mine", "mine: holds a report.html that is no comparison's"),
    ):
        status, _, err = isptune("compare", *TOY, *SHORT, *two, "--out", folder)
        assert status == 1
        assert message in err
    assert (tmp_path / "a" / "report.html").read_bytes() == before
    assert (tmp_path / "mine" / "report.html").read_text() == "mine"


def test_a_plug_in_that_raises_anything_costs_score_one_line(isptune, tmp_path, monkeypatch):
    def explode(self, images, scene):
        raise RuntimeError("out of\nluck")

    write_image(tmp_path / "a.png", torch.rand(1, 3, 24, 24))
    monkeypatch.setattr("tests.toys.ChannelNear.score", explode)
    status, _, err = isptune("score", "a.png", "--objective", "redness")
    assert (status, err) == (1, "isptune: a.png: RuntimeError: out of luck\n")


def test_a_file_that_the_system_refuses_costs_score_one_line_and_not_the_others(isptune, tmp_path):
    write_image(tmp_path / "a.png", torch.rand(1, 3, 24, 24))
    status, out, err = isptune("score", "x" * 300, "a.png", "--objective", "redness", "--csv")
    assert status == 1
    assert err == f"isptune: {'x' * 300}: cannot be read: File name too long\n"
    assert "a.png,redness," in out


def test_toml_may_begin_with_a_byte_order_mark(isptune, tmp_path):
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbfpopulation = 'many'\n")
    assert "population = 'many' must be a whole number" in isptune("run", "--config", "bom.toml")[2]


def test_tiff_is_read_with_every_common_compression(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 65535, (32, 40, 3), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "plain.tif", pixels, photometric="rgb")
    for number in (1, 5, 8, 32946, 32773):  # none, LZW, deflate of two kinds, PackBits
        path = tmp_path / f"{number}.tif"
        assert cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, number])
        assert torch.equal(read_image(path), read_image(tmp_path / "plain.tif")), number


def test_a_torn_picture_gives_one_line_and_no_word_of_its_decoder(tmp_path, capfd):
    pixels = np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for ending in ("png", "jpg", "tif"):
        path = tmp_path / f"torn.{ending}"
        cv2.imwrite(str(path), pixels)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(SceneError, match="torn"):
            read_image(path)
    assert capfd.readouterr().err == ""


def test_ctrl_c_while_a_picture_is_written_leaves_no_part_of_it(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("isptune.scenes.images.os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_image(tmp_path / "a.png", torch.rand(1, 3, 8, 8))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_named_and_not_its_temporary_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match=r"file/a\.png: cannot be written: Not a directory"):
        write_image(tmp_path / "file" / "a.png", torch.rand(1, 3, 8, 8))
