"""A picture is the same however it lies in its file."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from isptune.scenes.decoding.orientation import upright
from isptune.scenes.images import read_image
from isptune.scenes.scene import load_scenes

_LYING = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
"""By which orientation an upright picture is turned so that it has to be shown with the first."""


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(0)
    return np.kron(rng.integers(0, 256, (5, 8, 3), np.uint8), np.ones((16, 16, 1), np.uint8))


def _stored(picture, orientation):
    return np.ascontiguousarray(upright(picture, _LYING[orientation]))


def _exif(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def _pixels(path):
    return (read_image(path)[0].permute(1, 2, 0).numpy() * 255).round()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [
        ("png", {}, 0),
        ("jpg", {"quality": 100, "subsampling": 0}, 3),
        ("webp", {"lossless": True}, 0),
        ("avif", {"quality": 100, "subsampling": "4:4:4", "speed": 10}, 3),
    ],
)
def test_pictures_are_turned_as_their_files_say(tmp_path, picture, orientation, suffix, options, tolerance):
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(_stored(picture, orientation)).save(file, exif=_exif(orientation), **options)
    found = _pixels(file)
    assert found.shape == picture.shape
    assert np.abs(found - picture).max() <= tolerance
    with Image.open(file) as opened:  # an independent reader of the tag
        assert opened.getexif().get(274, 1) == orientation


@pytest.mark.parametrize("orientation", [1, 5, 6, 8])
def test_tiff_is_turned_by_its_tag(tmp_path, picture, orientation):
    file = tmp_path / "a.tif"
    tifffile.imwrite(
        file, _stored(picture, orientation), photometric="rgb", extratags=[(274, 3, 1, orientation, True)]
    )
    assert np.array_equal(_pixels(file), picture)


def test_an_orientation_that_is_none_and_damaged_exif_say_nothing(tmp_path, picture):
    broken = b"Exif\0\0MM\0*\xff\xff"
    for name, exif in (("nine", _exif(9).tobytes()), ("zero", _exif(0).tobytes()), ("broken", broken)):
        file = tmp_path / f"{name}.webp"
        Image.fromarray(picture).save(file, lossless=True, exif=exif)
        assert np.array_equal(_pixels(file), picture)


def test_exif_behind_the_pixels_of_a_png_counts(tmp_path, picture):
    buffer = io.BytesIO()
    Image.fromarray(_stored(picture, 6)).save(buffer, "png", exif=_exif(6))
    data = buffer.getvalue()
    at = data.index(b"eXIf") - 4
    length = 12 + int.from_bytes(data[at : at + 4], "big")
    chunk, rest = data[at : at + length], data[:at] + data[at + length :]
    end = rest.index(b"IEND") - 4
    (tmp_path / "a.png").write_bytes(rest[:end] + chunk + rest[end:])
    assert np.array_equal(_pixels(tmp_path / "a.png"), picture)


def test_scenes_lie_upright(tmp_path, picture):
    file = tmp_path / "phone.jpg"
    Image.fromarray(_stored(picture, 6)).save(file, exif=_exif(6))
    (scene,) = load_scenes([str(file)], crop="100x80+0+0")
    assert scene.image.shape == (1, 3, 80, 100)


def test_heic_is_turned_or_its_reader_is_named(tmp_path, picture):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra isptune[heif]")
    file = tmp_path / "a.heic"
    pillow_heif.register_heif_opener()
    Image.fromarray(_stored(picture, 6)).save(file, exif=_exif(6).tobytes(), quality=100, chroma=444)
    found = _pixels(file)
    assert found.shape == picture.shape
    assert np.abs(found - picture).mean() < 4
