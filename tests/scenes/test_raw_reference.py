"""A picture as the reference of a raw file: laid over the frame, cut like it, turned like it, or refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from isptune.errors import SceneError
from isptune.registry import build
from isptune.scenes.images import to_images, to_uint8
from isptune.scenes.scene import load_scenes, raw_file
from pipelines.external.dng import write_dng
from tests.raw_captures import capture_of, photograph

GOLDEN = photograph(160, 200)


@pytest.fixture
def dng(tmp_path):
    write_dng(tmp_path / "shot.dng", capture_of(GOLDEN, noise=0.003))
    return tmp_path / "shot.dng"


def _save(path, pixels, orientation=None):
    exif = Image.Exif()
    if orientation:
        exif[274] = orientation
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, exif=exif)
    return path


def _scene(dng, golden, query="crop=full"):
    return raw_file(f"{dng}?reference={golden}&{query}")[0]


def _fits(scene):
    """Whether preview and reference show the same at the same place."""
    ours, theirs = (x.mean(1, keepdim=True) - x.mean() for x in (scene.image, scene.reference))
    return float((ours * theirs).mean() / (ours.std() * theirs.std())) > 0.97


def test_a_reference_of_the_same_size_is_cut_like_the_raw_file(dng, tmp_path):
    golden = _save(tmp_path / "golden.png", to_uint8(GOLDEN)[0])
    scene = _scene(dng, golden, "crop=64x48+10+20")
    assert torch.equal(scene.reference, to_images(to_uint8(GOLDEN)[0], "x")[..., 20:68, 10:74])
    assert scene.metadata["warnings"] == ()
    again = load_scenes([f"raw:{dng}?reference={golden}"], crop="64x48+10+20")[0]
    assert torch.equal(again.reference, scene.reference)
    score = build("objective", "psnr").score(scene.image, scene)
    assert float(score[0]) > 15


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_and_raw_files_are_turned_in_the_same_order(orientation, dng, tmp_path):
    from tests.scenes.test_raw_scenes import _shown

    golden = _save(tmp_path / "golden.png", to_uint8(GOLDEN)[0], orientation)
    scene = _scene(dng, golden, f"crop=full&orientation={orientation}")
    left, top, width, height = scene.metadata["window"]
    shown = _shown(to_uint8(GOLDEN)[0], orientation)[top : top + height, left : left + width]
    assert torch.equal(scene.reference, to_images(np.ascontiguousarray(shown), "x"))
    assert _fits(scene)


@pytest.mark.parametrize(
    ("cut", "shift"), [((2, 2, 4, 4), "+0,+0"), ((6, 1, 1, 3), "-2,-1"), ((0, 8, 0, 0), None)]
)
def test_a_reference_without_the_borders_is_laid_over_where_it_fits(cut, shift, dng, tmp_path):
    top, bottom, left, right = cut
    pixels = to_uint8(GOLDEN)[0][top : 160 - bottom, left : 200 - right]
    scene = _scene(dng, _save(tmp_path / "golden.png", pixels))
    x, y, width, height = scene.metadata["window"]
    assert torch.equal(
        scene.reference, to_images(to_uint8(GOLDEN)[0], "x")[..., y : y + height, x : x + width]
    )
    assert width >= 200 - left - right - 3
    assert height >= 160 - top - bottom - 3
    assert "laid over" in scene.metadata["warnings"][0]


def test_a_reference_that_shows_more_is_cut(dng, tmp_path):
    pixels = np.pad(to_uint8(GOLDEN)[0], ((3, 1), (2, 4), (0, 0)), mode="reflect")
    scene = _scene(dng, _save(tmp_path / "golden.png", pixels))
    assert torch.equal(scene.reference, to_images(to_uint8(GOLDEN)[0], "x"))


def test_a_reference_of_the_same_shape_is_resized_and_that_is_told(dng, tmp_path):
    pixels = np.asarray(Image.fromarray(to_uint8(GOLDEN)[0]).resize((400, 320), Image.Resampling.BICUBIC))
    scene = _scene(dng, _save(tmp_path / "golden.png", pixels))
    assert _fits(scene)
    assert "resized" in scene.metadata["warnings"][0]


def test_another_shot_is_noticed(dng, tmp_path):
    other = np.random.default_rng(0).integers(0, 255, (160, 200, 3), dtype=np.uint8)
    assert "another shot" in _scene(dng, _save(tmp_path / "golden.png", other)).metadata["warnings"][-1]


@pytest.mark.parametrize(
    ("size", "message"), [((200, 100), "neither is a border"), ((160, 200), "on its side: give orientation=")]
)
def test_a_reference_that_cannot_fit_is_refused_with_both_sizes(size, message, dng, tmp_path):
    golden = _save(tmp_path / "golden.png", np.zeros((size[1], size[0], 3), np.uint8))
    with pytest.raises(SceneError, match=message) as raised:
        _scene(dng, golden)
    assert "200x160" in str(raised.value)


def test_a_reference_that_is_missing_is_refused(dng):
    with pytest.raises(SceneError, match="no such file"):
        _scene(dng, "missing.png")
