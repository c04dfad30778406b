"""Files of scenes for programs outside of this process."""

import os

import pytest
import torch

from isptune.errors import ConfigError, RenderError, SceneError
from isptune.registry import build
from isptune.scenes.images import write_image
from isptune.scenes.raw_files import read_raw
from isptune.scenes.scene import load_scenes, raw_scene
from pipelines.external.scene_files import file_scenes
from tests.pipelines.external.fake_isp import params_of, write_isp
from tests.raw_captures import capture_of

SCENE = load_scenes(["cat"], crop="24x16")[0]


def test_a_file_is_handed_over_as_it_is_with_the_picture_it_should_become(tmp_path):
    (tmp_path / "shot.bin").write_bytes(b"raw")
    write_image(tmp_path / "truth.png", SCENE.image)
    (scene,) = load_scenes([f"file:{tmp_path / 'shot.bin'}?reference={tmp_path / 'truth.png'}"])
    assert scene.metadata["path"] == str(tmp_path / "shot.bin")
    assert scene.reference is not None
    script = "import sys; open('seen', 'w').write(open(sys.argv[1]).read())"
    isp = build("pipeline", write_isp(tmp_path, script))
    with pytest.raises(RenderError, match="wrote no picture"):
        isp.render(scene, params_of(), 0)
    assert (tmp_path / "seen").read_text() == "raw"
    os.unlink(tmp_path / "shot.bin")
    with pytest.raises(RenderError, match="no longer there"):
        isp.render(scene, params_of(), 0)


def test_a_raw_capture_is_handed_over_as_a_dng_of_what_was_cut_out(tmp_path):
    scene = raw_scene("shot", capture_of().cropped(16, 8, 64, 48), path="elsewhere")
    script = "import shutil, sys; shutil.copy(sys.argv[1], 'seen.dng')"
    with pytest.raises(RenderError, match="wrote no picture"):
        build("pipeline", write_isp(tmp_path, script)).render(scene, params_of(), 0)
    capture, _ = read_raw(tmp_path / "seen.dng")
    assert torch.equal(capture.mosaic, scene.raw.mosaic)


def test_a_file_scene_is_told_apart_by_its_bytes(tmp_path):
    hashes = []
    for data in (b"one", b"two"):
        (tmp_path / "shot.bin").write_bytes(data)
        hashes.append(file_scenes(str(tmp_path / "shot.bin"))[0].sha256)
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (None, "give file:PATH"),
        ("nowhere", "No such file"),
        ("x?size=3", r"no option 'size'; there are: reference \(PICTURE\)"),
    ],
)
def test_a_file_scene_that_cannot_be_used_says_why(argument, message):
    with pytest.raises((ConfigError, SceneError), match=message):
        file_scenes(argument)
