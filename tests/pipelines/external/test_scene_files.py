"""Files of scenes for programs outside of this process."""

import os

import pytest
import rawpy
import tifffile
import torch

from isptune.errors import ConfigError, RenderError, SceneError
from isptune.registry import build
from isptune.scenes.images import write_image
from isptune.scenes.pairs.shot_tags import read_tags
from isptune.scenes.raw_files import read_raw
from isptune.scenes.scene import load_scenes, raw_scene
from pipelines.external.camera_tags import TakenWith, taken_with
from pipelines.external.dng import write_dng
from pipelines.external.scene_files import SceneFiles, file_scenes, write_scene
from tests.pipelines.developers import params_of as params_of_space
from tests.pipelines.external.fake_isp import params_of, write_isp
from tests.raw_captures import capture_of, photograph

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


def test_the_iso_that_a_scene_was_made_for_stands_in_its_file(tmp_path):
    for iso, told in ((3200, 3200), (1e6, None)):  # the tag holds 16 bits
        write_scene(tmp_path / "a.dng", raw_scene("a", capture_of(photograph()), None, iso=iso))
        assert read_tags(tmp_path / "a.dng").iso == told


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


@pytest.fixture
def shot(tmp_path):
    """A raw file that says its camera and exposure, with a plus in its name."""
    taken = TakenWith(
        "Nikon", "Z 6", {(34855, 3): 800, (33434, 5): (1, 250), (42036, 2): "a long name of a lens"}
    )
    path = tmp_path / "a+b.dng"
    write_dng(path, capture_of(photograph(128, 192)), "GRBG", taken=taken)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("orientation", [1, 2, 6, 8])
def test_a_raw_developer_gets_the_users_own_file_and_its_picture_is_cut(shot, orientation):
    with tifffile.TiffFile(shot, mode="r+") as file:
        file.pages.first.tags["Orientation"].overwrite(orientation)
    (whole,), (part,) = (
        load_scenes([f"raw:{shot}?crop=full"]),
        load_scenes([f"raw:{shot}?crop=64x48+10+20"]),
    )
    (twice,) = load_scenes([f"raw:{shot}?crop=96x96+10+20"], crop="64x48+0+0")
    libraw = build("pipeline", "libraw")
    params = {**params_of_space(libraw.space), "exposure.auto_bright": "off"}
    picture = libraw.render(whole, params, 0)
    left, top, width, height = part.metadata["window"]
    assert part.metadata["window"] == twice.metadata["window"]
    assert SceneFiles(originals=True).path(part) == shot
    assert SceneFiles().path(part) != shot
    assert SceneFiles(originals=True, mirrors=False).original(part) == (orientation != 2)
    expected = picture[..., top - whole.metadata["window"][1] :, left - whole.metadata["window"][0] :]
    for scene in (part, twice):
        assert libraw.render(scene, params, 0).equal(expected[..., :height, :width])
    libraw.child.stop()


def test_the_picture_of_a_file_is_cut_and_its_reference_alike(tmp_path, shot):
    image = photograph(128, 192)
    write_image(tmp_path / "re+ference.png", image)
    (scene,) = load_scenes([f"file:{shot}?reference={tmp_path / 're+ference.png'}"], crop="64x32+8+4")
    (bare,) = load_scenes([f"file:{shot}"], crop="64x32+8+4")
    assert scene.reference.equal(load_scenes([str(tmp_path / "re+ference.png")], crop="64x32+8+4")[0].image)
    for one in (scene, bare):
        assert one.image.shape[-2:] == (32, 64)
        assert SceneFiles().part(image, one).equal(image[..., 4:36, 8:72])
        with pytest.raises(
            RenderError, match="the program's picture cannot be cut: .*40x40 has no room for the crop"
        ):
            SceneFiles().part(image[..., :40, :40], one)
    with pytest.raises(SceneError, match="crop '64x' is not WIDTHxHEIGHT"):
        load_scenes([f"file:{shot}"], crop="64x")
    with pytest.raises(SceneError, match="cannot be resized, only cropped"):
        load_scenes([f"file:{shot}"], resize="64")


def test_where_a_copy_must_be_made_the_camera_and_the_exposure_go_along(shot):
    (said,) = load_scenes([f"raw:{shot}?crop=64x48&white=4000"])
    files = SceneFiles(originals=True)
    path = files.path(said)
    assert path != shot
    with rawpy.imread(str(path)) as raw:
        assert (raw.other.iso_speed, raw.white_level, raw.lens.model) == (800, 4000, "a long name of a lens")
        assert raw.other.shutter_speed == pytest.approx(1 / 250)
    assert taken_with(path) == taken_with(shot)
    capture, _ = read_raw(path)
    assert torch.equal(capture.mosaic, said.raw.mosaic)


def test_a_small_raw_file_is_padded_for_a_program_that_takes_none(shot):
    (scene,) = load_scenes([str(shot)])
    files = SceneFiles(originals=True, at_least=1 << 17)
    assert files.path(scene).read_bytes() == shot.read_bytes().ljust(1 << 17, b"\0")


def test_a_file_that_is_no_tiff_or_damaged_says_nothing_of_its_camera(tmp_path):
    (tmp_path / "x.raw").write_bytes(b"II*\0\x08\0\0\0\xff\xff")
    assert taken_with(tmp_path / "x.raw") == TakenWith()
