"""TIFF: what its tags say of its numbers is followed, or refused; tifffile and Pillow write what is read."""

import io
import struct
import time

import numpy as np
import pytest
import tifffile
from PIL import Image

from isptune.errors import SceneError
from isptune.scenes.images import read_image, read_picture


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(0)
    return np.kron(rng.integers(0, 256, (5, 8, 3), np.uint8), np.ones((16, 16, 1), np.uint8))


def _pixels(path):
    return read_image(path)[0].permute(1, 2, 0).numpy() * 255


def _refused(path, data=None):
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(SceneError) as raised:
        read_image(path)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(str(path))
    return str(raised.value)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_every_compression_gives_the_same_picture(tmp_path, picture, compression):
    Image.fromarray(picture).save(tmp_path / "a.tif", compression=compression)
    np.testing.assert_allclose(_pixels(tmp_path / "a.tif"), picture, atol=1e-4)


@pytest.mark.parametrize(
    "options", [{}, {"tile": (32, 48)}, {"rowsperstrip": 7}, {"planarconfig": "separate"}]
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_strips_tiles_and_planes_are_put_together(tmp_path, picture, options, compression):
    wide = picture.astype(np.uint16) * 257 + 3
    pixels = np.moveaxis(wide, -1, 0) if "planarconfig" in options else wide
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric="rgb", compression=compression, predictor=False, **options
    )
    np.testing.assert_allclose(_pixels(tmp_path / "a.tif"), np.minimum(wide, 65535) / 257, atol=1e-3)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_both_byte_orders_and_big_files_are_read(tmp_path, picture, byteorder, bigtiff):
    wide = picture.astype(byteorder + "u2") * 257
    tifffile.imwrite(
        tmp_path / "a.tif",
        wide,
        photometric="rgb",
        byteorder=byteorder,
        bigtiff=bigtiff,
        predictor=2,
        compression="zlib",
    )
    np.testing.assert_allclose(_pixels(tmp_path / "a.tif"), picture, atol=1e-4)


def test_white_is_zero_is_turned_over_and_palettes_are_looked_up(tmp_path, picture):
    grey = picture[:, :, 0]
    tifffile.imwrite(tmp_path / "white.tif", 255 - grey, photometric="miniswhite")
    np.testing.assert_allclose(_pixels(tmp_path / "white.tif")[:, :, 1], grey, atol=1e-4)
    few = Image.fromarray(picture).quantize(16)
    few.save(tmp_path / "palette.tif", compression="tiff_lzw")
    np.testing.assert_allclose(_pixels(tmp_path / "palette.tif"), np.asarray(few.convert("RGB")), atol=0.01)
    black = Image.fromarray(grey).convert("1")
    for compression in ("raw", "group4", "tiff_lzw"):
        black.save(tmp_path / "fax.tif", compression=compression)
        assert np.array_equal(_pixels(tmp_path / "fax.tif")[:, :, 0] > 128, np.asarray(black))


def test_jpeg_inside_keeps_its_colours(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.tif", compression="jpeg", quality=98)
    assert np.abs(_pixels(tmp_path / "a.tif") - picture).mean() < 6  # chroma is halved


def test_floats_lie_between_black_and_white(tmp_path):
    ramp = np.linspace(-0.02, 1.03, 600, dtype=np.float32).reshape(20, 30)
    for dtype in (np.float16, np.float32, np.float64):
        tifffile.imwrite(tmp_path / "a.tif", ramp.astype(dtype), photometric="minisblack")
        np.testing.assert_allclose(read_image(tmp_path / "a.tif")[0, 1], ramp.clip(0, 1), atol=1e-3)
    for scale, said in ((255, "reach from"), (3, "reach from 0 to 3"), (np.nan, "NaN")):
        tifffile.imwrite(tmp_path / "b.tif", ramp.clip(0, 1) * np.float32(scale), photometric="minisblack")
        assert said in _refused(tmp_path / "b.tif")


@pytest.mark.parametrize(
    ("pixels", "options", "said"),
    [
        (np.zeros((8, 8), np.int16), {}, "signed or complex (int16)"),
        (np.zeros((8, 8), np.complex64), {}, "signed or complex"),
        (np.zeros((8, 8, 3), np.uint8), {"photometric": "cielab"}, "holds CIE L*a*b*"),
        (np.zeros((8, 8, 3), np.uint8), {"photometric": "ycbcr"}, "is YCbCr without JPEG"),
        (np.zeros((8, 8, 5), np.uint8), {"photometric": "rgb"}, "2 channels beside its colours"),
        (np.zeros((8, 8, 4), np.uint8), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, "transparent"),
        (np.zeros((3, 16, 16), np.uint8), {"volumetric": True, "tile": (1, 16, 16)}, "slices"),
        (np.zeros((8, 8), np.uint16), {"photometric": 32803}, "mosaic of a sensor"),
    ],
)  # fmt: skip
def test_numbers_that_are_no_picture_are_refused_with_the_reason(tmp_path, pixels, options, said):
    tifffile.imwrite(tmp_path / "a.tif", pixels, **{"photometric": "minisblack", **options})
    assert said in _refused(tmp_path / "a.tif")


def test_whole_numbers_of_32_bits_and_opaque_alpha_are_read(tmp_path, picture):
    wide = (picture.astype(np.uint64) * 16843009).astype(np.uint32)
    tifffile.imwrite(tmp_path / "a.tif", wide, photometric="rgb")
    np.testing.assert_allclose(_pixels(tmp_path / "a.tif"), picture, atol=1e-3)
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    tifffile.imwrite(tmp_path / "b.tif", opaque, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_allclose(_pixels(tmp_path / "b.tif"), picture, atol=1e-4)


def test_of_several_pages_the_first_is_read_and_it_is_said(tmp_path, picture):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(picture[::8, ::8], photometric="rgb", subfiletype=1)  # a thumbnail before the picture
        file.write(picture, photometric="rgb")
    assert read_picture(tmp_path / "a.tif").told == ()
    assert _pixels(tmp_path / "a.tif").shape == picture.shape
    tifffile.imwrite(tmp_path / "b.tif", np.stack([picture, picture]), photometric="rgb")
    assert read_picture(tmp_path / "b.tif").told == (
        f"{tmp_path / 'b.tif'}: has several pages; the first is read",
    )


def _patched(data, tag, *values):
    """A little-endian file whose first page says something else of itself, values of 16 or 32 bits."""
    changed = bytearray(data)
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        found = tiff.pages.first.tags[tag]
        size, code = (2, "<H") if found.dtype == 3 else (4, "<I")
        for number, value in enumerate(values):
            struct.pack_into(code, changed, found.valueoffset + size * number, value)
    return bytes(changed)


@pytest.fixture
def plain(tmp_path, picture):
    tifffile.imwrite(tmp_path / "plain.tif", picture, photometric="rgb")
    return (tmp_path / "plain.tif").read_bytes()


@pytest.mark.parametrize("compression", [0, 2, 6, 9, 12345, 34712, 50000, 65000])
def test_a_compression_that_nobody_knows_is_refused(tmp_path, plain, compression):
    said = _refused(tmp_path / "a.tif", _patched(plain, 259, compression))
    assert "compression" in said or "CCITT" in said


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_broken_and_cut_streams_are_refused(tmp_path, picture, compression):
    Image.fromarray(picture).save(tmp_path / "a.tif", compression=compression)
    data = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        start, count = tiff.pages.first.dataoffsets[0], tiff.pages.first.databytecounts[0]
    assert "its" in _refused(tmp_path / "b.tif", _patched(data, 279, count // 2))
    if compression != "packbits":  # any bytes are such a stream
        noise = np.random.default_rng(1).bytes(count // 2)
        broken = data[: start + count // 4] + noise + data[start + count // 4 + len(noise) :]
        assert "stream is broken" in _refused(tmp_path / "b.tif", broken)


def test_what_tags_claim_is_refused_before_it_is_decoded(tmp_path, plain, picture):
    tifffile.imwrite(tmp_path / "tiles.tif", picture, photometric="rgb", tile=(32, 32))
    tiles = (tmp_path / "tiles.tif").read_bytes()
    cases = [
        (_patched(plain, 256, 200_000), "larger than 65535 pixels a side"),
        (_patched(_patched(plain, 256, 60_000), 257, 60_000), "GiB decoded"),
        (_patched(plain, 257, 60_000), "cut off"),
        (_patched(plain, 257, 0), "no pixels"),
        (_patched(plain, 258, 8, 8, 16), "different numbers of bits"),
        (_patched(plain, 258, 5, 5, 5), "5 bits"),
        (_patched(plain, 273, 1 << 30), "cut off"),
        (_patched(tiles, 323, 0), "its tiles are"),
        (_patched(tiles, 322, 1 << 30), "tile"),
        (plain[:200], "cut off"),
        (b"II*\0" + b"\0" * 60, "TIFF"),
        (b"MM\0*" + b"\xff" * 60, "TIFF"),
    ]
    start = time.process_time()
    for data, said in cases:
        assert said in _refused(tmp_path / "a.tif", data)
    assert time.process_time() - start < 5


def test_a_strip_that_would_unpack_to_gigabytes_takes_none(tmp_path, plain):
    import tracemalloc
    import zlib

    bomb = zlib.compress(b"\0" * (1 << 27), 1)
    data = _patched(_patched(plain, 259, 8), 279, len(bomb))
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        start = tiff.pages.first.dataoffsets[0]
    (tmp_path / "a.tif").write_bytes(data[:start] + bomb)
    tracemalloc.start()
    assert read_image(tmp_path / "a.tif").max() == 0
    assert tracemalloc.get_traced_memory()[1] < 1 << 25
    tracemalloc.stop()


def test_parts_that_lie_over_each_other_are_refused(tmp_path, picture):
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", rowsperstrip=1)
    data = (tmp_path / "a.tif").read_bytes()
    strips = len(picture)
    for tag, value in ((273, 0), (279, len(data))):
        data = _patched(data, tag, *[value] * strips)
    assert "lie over each other" in _refused(tmp_path / "a.tif", data)


def test_mutated_files_are_read_or_refused_in_one_line(tmp_path, picture):
    rng = np.random.default_rng(7)
    seeds = []
    for number, compression in enumerate(("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")):
        Image.fromarray(picture[:32, :32]).save(tmp_path / f"{number}.tif", compression=compression)
        seeds.append((tmp_path / f"{number}.tif").read_bytes())
    file, told = tmp_path / "mutated.tif", []
    for _ in range(150):
        data = bytearray(seeds[rng.integers(len(seeds))])
        for at in rng.integers(0, len(data), rng.integers(1, 8)):
            data[at] = rng.integers(256)
        file.write_bytes(data[: rng.integers(8, len(data))] if rng.random() < 0.3 else data)
        try:
            image = read_image(file)
        except SceneError as error:
            told.append(str(error))
        else:
            assert 0 <= float(image.min()) <= float(image.max()) <= 1
    assert told
    assert not any("\n" in line for line in told)
