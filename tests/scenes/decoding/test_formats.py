"""Files of every kind: their size is asked of the header, what is damaged is refused in one line."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from isptune.errors import SceneError
from isptune.scenes.images import read_image, read_picture

KINDS = ("png", "jpg", "webp", "avif", "bmp", "ppm", "tif")


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(0)
    return np.kron(rng.integers(0, 256, (5, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))


def _pixels(path):
    return read_image(path)[0].permute(1, 2, 0).numpy() * 255


def _refused(path, data):
    path.write_bytes(data)
    with pytest.raises(SceneError) as raised:
        read_image(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_content_says_what_a_file_is_and_not_its_name(tmp_path, picture, kind):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, {"jpg": "jpeg", "tif": "tiff", "ppm": "ppm"}.get(kind, kind))
    for suffix in ("png", "tif", ""):
        (tmp_path / f"a.{suffix}").write_bytes(buffer.getvalue())
        assert np.abs(_pixels(tmp_path / f"a.{suffix}") - picture).mean() < 12  # chroma is halved


def test_sizes_are_refused_by_the_header_before_anything_is_decoded(tmp_path, picture):
    made = {}
    for kind in ("png", "jpg", "webp", "avif", "bmp"):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "jpeg" if kind == "jpg" else kind)
        made[kind] = bytearray(buffer.getvalue())
    struct.pack_into(">II", made["png"], 16, 60_000, 60_000)
    struct.pack_into(">I", made["png"], 29, zlib.crc32(made["png"][12:29]))
    start = made["jpg"].index(b"\xff\xc0")
    struct.pack_into(">HH", made["jpg"], start + 5, 60_000, 60_000)
    struct.pack_into(">II", made["avif"], made["avif"].index(b"ispe") + 8, 60_000, 60_000)
    struct.pack_into("<ii", made["bmp"], 18, 60_000, -60_000)
    made["webp"] = made["webp"][:12] + b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\xff\xff\xfe" * 2
    made["ppm"] = b"P6 60000 60000 255\n"
    for kind, data in made.items():
        said = _refused(tmp_path / f"a.{kind}", bytes(data))
        assert "GiB decoded" in said or "65535 pixels a side" in said, kind


def test_a_small_file_that_says_it_is_large_takes_no_memory(tmp_path, picture):
    import tracemalloc

    made = {}
    for kind in ("png", "jpeg"):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, kind)
        made[kind] = bytearray(buffer.getvalue())
    struct.pack_into(">II", made["png"], 16, 16_000, 16_000)
    struct.pack_into(">I", made["png"], 29, zlib.crc32(made["png"][12:29]))
    start = made["jpeg"].index(b"\xff\xc0")
    struct.pack_into(">HH", made["jpeg"], start + 5, 16_000, 16_000)
    tracemalloc.start()
    for kind, data in made.items():
        assert "its size takes" in _refused(tmp_path / f"a.{kind}", bytes(data))
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_and_cut_files_are_read_or_refused_in_one_line(tmp_path, picture, kind):
    rng = np.random.default_rng(11)
    file, told = tmp_path / f"a.{kind}", []
    Image.fromarray(picture).save(file)
    whole = file.read_bytes()
    for number in range(30):
        data = bytearray(whole[: rng.integers(1, len(whole))] if number % 3 == 0 else whole)
        for at in rng.integers(0, len(data), rng.integers(1, 6)):
            data[at] = rng.integers(256)
        file.write_bytes(data)
        try:
            image = read_image(file)
        except SceneError as error:
            told.append(str(error))
        else:
            assert 0 <= float(image.min()) <= float(image.max()) <= 1
    assert told
    assert not any("\n" in line for line in told)


@pytest.mark.parametrize("white", [1, 15, 100, 255, 1023, 4095, 65535])
@pytest.mark.parametrize(("kind", "channels"), [(b"P2", 1), (b"P3", 3), (b"P5", 1), (b"P6", 3)])
def test_the_header_of_a_pgm_says_what_is_white(tmp_path, white, kind, channels):
    ramp = np.linspace(0, white, 12 * channels).round().astype(np.int64).reshape(3, 4, channels)
    if kind in (b"P2", b"P3"):
        body = b"\n".join(b" ".join(b"%d" % value for value in row.ravel()) for row in ramp)
    else:
        body = ramp.astype(">u2" if white > 255 else np.uint8).tobytes()
    (tmp_path / "a.ppm").write_bytes(kind + b"\n# a comment\n4 3\n%d\n" % white + body)
    found = read_image(tmp_path / "a.ppm")[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, np.broadcast_to(ramp / white, (3, 4, 3)), atol=1e-6)


def test_black_and_white_of_a_pbm(tmp_path):
    (tmp_path / "plain.pbm").write_bytes(b"P1\n3 2\n0 1 0\n110")
    (tmp_path / "raw.pbm").write_bytes(b"P4 3 2\n" + bytes((0b01000000, 0b11000000)))
    for name in ("plain.pbm", "raw.pbm"):
        assert np.array_equal(read_image(tmp_path / name)[0, 0].numpy(), [[1, 0, 1], [0, 0, 1]])


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"\x76\x2f\x31\x01\x02\0\0\0", "OpenEXR"),
        (b"#?RADIANCE\n", "Radiance HDR"),
        (b"PF\n2 2\n-1.0\n", "float map"),
        (b"GIF89a", "GIF; save it as PNG"),
        (b"\xff\x0a\x00", "JPEG XL"),
        (b"hello", "PNG, JPEG, TIFF, WebP, AVIF, HEIC, BMP, PPM"),
        (b"P6 4 4 70000\n", "white is 70000"),
        (b"P5 4 4 15\n" + b"\xff" * 16, "above 15"),
        (b"P6 4 x 255\n", "its header"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, start, said):
    assert said in _refused(tmp_path / "a", start)


def test_heic_without_its_reader_says_where_it_is(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as where it is not installed
    said = _refused(tmp_path / "a.heic", struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic")
    assert "pip install 'isptune[heif]'" in said


def test_a_pipe_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SceneError, match="no plain file"):
        read_image(tmp_path / "pipe")


def test_of_animations_the_first_frame_is_read_and_it_is_said(tmp_path, picture):
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    for kind in ("webp", "png"):
        file = tmp_path / f"a.{kind}"
        frames[0].save(
            file, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "webp" else {})
        )
        assert np.abs(_pixels(file) - picture).max() < 1
        assert read_picture(file).told == (f"{file}: has several frames; the first is read",)
