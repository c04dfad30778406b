import cv2
import numpy as np
import pytest
import tifffile
import torch

from isptune.errors import SceneError
from isptune.scenes import images
from isptune.scenes.images import middle, read_fitting, read_image, write_image
from isptune.scenes.scene import load_scenes


def _png(path, pixels):
    order = [2, 1, 0, 3][: pixels.shape[2]] if pixels.ndim == 3 else None
    cv2.imwrite(str(path), pixels if order is None else pixels[:, :, order])
    return path


@pytest.fixture
def ramp():
    return np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)


def test_an_image_comes_back_as_it_was_written(tmp_path, ramp):
    image = read_image(_png(tmp_path / "a.png", ramp))
    assert image.shape == (1, 3, 20, 30)
    assert torch.equal(image[0].permute(1, 2, 0) * 255, torch.from_numpy(ramp).float())
    write_image(tmp_path / "b.png", image)
    assert torch.equal(read_image(tmp_path / "b.png"), image)


def test_sixteen_bits_keep_their_precision(tmp_path, ramp):
    wide = ramp.astype(np.uint16) * 257 + (ramp == 5).astype(np.uint16)
    image = read_image(_png(tmp_path / "a.png", wide))
    np.testing.assert_allclose(image[0].permute(1, 2, 0).numpy(), wide / 65535, atol=1e-7)


def test_grey_is_repeated_over_the_channels(tmp_path, ramp):
    image = read_image(_png(tmp_path / "a.png", ramp[:, :, 0].copy()))
    assert torch.equal(image[0, 0], image[0, 2])


def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path, ramp):
    opaque = np.dstack([ramp, np.full(ramp.shape[:2], 255, np.uint8)])
    assert read_image(_png(tmp_path / "a.png", opaque)).shape == (1, 3, 20, 30)
    opaque[3, 4, 3] = 100
    with pytest.raises(SceneError, match="transparent"):
        read_image(_png(tmp_path / "b.png", opaque))


def test_float_tiff_is_read_and_nan_refused(tmp_path):
    pixels = np.random.default_rng(0).random((9, 8, 3)).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0].permute(1, 2, 0).numpy(), pixels)
    pixels[0, 0, 0] = np.nan
    tifffile.imwrite(tmp_path / "b.tif", pixels, photometric="rgb")
    with pytest.raises(SceneError, match="NaN"):
        read_image(tmp_path / "b.tif")


def test_what_is_no_picture_is_refused_in_one_line(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "text.tif").write_text("hello")
    whole = _png(tmp_path / "whole.png", np.zeros((50, 50, 3), np.uint8)).read_bytes()
    (tmp_path / "header.png").write_bytes(whole[:20])
    for name, message in [
        ("missing.png", "no such file"),
        (".", "is a folder"),
        ("empty.png", "empty"),
        ("text.png", "is not a picture"),
        ("text.tif", "is not a picture"),
        ("header.png", "is not a picture"),
    ]:
        with pytest.raises(SceneError, match=message) as raised:
            read_image(tmp_path / name)
        assert "\n" not in str(raised.value)


def test_a_panorama_is_read_whole_and_more_than_64_megapixels_is_refused_or_cut(tmp_path, monkeypatch):
    wide = _png(tmp_path / "wide.png", np.zeros((2, 9000, 3), np.uint8))
    assert read_image(wide).shape == (1, 3, 2, 9000)
    monkeypatch.setattr(images, "MAX_PIXELS", 10_000)
    with pytest.raises(SceneError, match=r"9000x2 is larger than .* crop it"):
        read_image(wide)
    found = read_fitting(wide)
    assert found.image.shape == (1, 3, 2, 5000)
    assert found.told == (f"{wide}: is 9000x2; its middle, 5000x2, is used",)
    (scene,) = load_scenes([str(wide)], crop="100x2")
    assert scene.image.shape == (1, 3, 2, 100)


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((8192, 8192), (8192, 8192)),
        ((12_000, 3000), (12_000, 3000)),
        ((12_000, 6000), (11_184, 6000)),
        ((16_384, 8192), (8192, 8192)),
        ((9000, 30_000), (8192, 8192)),
        ((60_000, 500), (32_766, 500)),
    ],
)
def test_the_middle_of_a_panorama_keeps_its_shorter_side(size, kept):
    left, top, *found = middle(*size)
    assert tuple(found) == kept
    assert (left, top) == ((size[0] - kept[0]) // 2, (size[1] - kept[1]) // 2)


def test_bundled_scenes_are_their_own_reference():
    scenes = load_scenes(["bundled"])
    assert [scene.name for scene in scenes] == ["astronaut", "cat", "coffee", "rocket"]
    assert all(scene.reference is scene.image for scene in scenes)


def test_crop_and_resize_cut_the_middle_and_keep_the_aspect():
    full = load_scenes(["cat"])[0].image
    (scene,) = load_scenes(["cat"], crop="101x51")
    assert torch.equal(scene.image, full[..., 124:175, 175:276])
    assert scene.reference is scene.image
    (scene,) = load_scenes(["cat"], resize="90")
    assert scene.image.shape == (1, 3, 60, 90)
    (scene,) = load_scenes(["cat"], crop="100x50+7+9", resize="20x10")
    assert scene.image.shape == (1, 3, 10, 20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["nothing.png"],), "nothing.png: no such file, and no bundled scene"),
        ((["bundled:dog"],), "no bundled scene is called 'dog'; there are: astronaut"),
        (([],), "no scene was given"),
        ((["cat"], "9999x10"), "has no room for the crop"),
        ((["cat"], "ten"), "is not WIDTHxHEIGHT"),
        ((["cat"], "10x10+1"), "is not WIDTHxHEIGHT"),
        ((["cat"], None, "0"), "is not WIDTHxHEIGHT"),
    ],
)
def test_wrong_scenes_are_refused_in_words(arguments, message):
    from isptune.errors import ConfigError

    with pytest.raises(ConfigError, match=message):
        load_scenes(*arguments)


def test_scenes_of_the_same_name_get_numbers():
    assert [scene.name for scene in load_scenes(["cat", "cat"])] == ["cat", "cat_2"]
