"""What a file says of its colours counts; littlecms is the independent implementation."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from isptune.errors import SceneError
from isptune.scenes.decoding.colour_space import ADOBE_RGB, BT709, BT2020, DISPLAY_P3
from isptune.scenes.decoding.icc import profile_conversion
from isptune.scenes.images import read_image, read_picture
from isptune.scenes.scene import load_scenes, scene_warnings
from tests.icc_profiles import (
    SRGB_TAG,
    cmyk_profile,
    gamma_tag,
    grey_profile,
    matrix_profile,
    parametric_tag,
)

P3 = matrix_profile(DISPLAY_P3, SRGB_TAG, "Display P3")


@pytest.fixture(scope="module")
def colours():
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


def _by_littlecms(profile, pixels):
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), "RGB", "RGB", 1)
    return np.asarray(ImageCms.applyTransform(Image.fromarray(pixels), transform), np.float32)


def _pixels(path):
    return read_image(path)[0].permute(1, 2, 0).numpy() * 255


@pytest.mark.parametrize(
    "profile",
    [
        P3,
        matrix_profile(ADOBE_RGB, gamma_tag(2.19921875)),
        matrix_profile(BT2020, parametric_tag(0, 1.8)),
        matrix_profile(BT709, gamma_tag(2.2)),
        matrix_profile(
            DISPLAY_P3, parametric_tag(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.0, 0.0)
        ),
        matrix_profile(DISPLAY_P3, b"curv\0\0\0\0" + struct.pack(">5I", 0, 0, 0, 0, 0)[:4]),
    ],
)
def test_profiles_of_primaries_and_curves_agree_with_littlecms(profile, colours):
    conversion = profile_conversion(profile, "RGB", "a.png")
    found = conversion.convert(colours.astype(np.float32) / 255) * 255
    assert np.abs(found - _by_littlecms(profile, colours)).max() < 1  # it rounds to 8 bits


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif", "tif"])
def test_wide_gamut_pictures_are_converted_and_it_is_said(tmp_path, colours, suffix):
    file = tmp_path / f"phone.{suffix}"
    smooth = Image.fromarray(colours).resize((96, 64), Image.Resampling.BICUBIC)
    smooth.save(file, icc_profile=P3, **({} if suffix in ("png", "tif") else {"quality": 100}))
    with Image.open(file) as opened:
        decoded = np.asarray(opened.convert("RGB"))
    found = read_picture(file)
    wanted = _by_littlecms(P3, decoded)
    assert np.abs(found.image[0].permute(1, 2, 0).numpy() * 255 - wanted).max() < 2
    (line,) = found.told
    assert line == f"{file}: its colours are in 'Display P3' (its ICC profile) and were converted to sRGB"
    assert scene_warnings(load_scenes([str(file)])) == [line]


def test_sixteen_bits_keep_their_precision_through_a_profile(tmp_path):
    ramp = np.repeat(np.arange(30_000, 30_600, dtype=np.uint16).reshape(20, 30, 1), 3, 2)
    tifffile.imwrite(
        tmp_path / "a.tif", ramp, photometric="rgb", iccprofile=matrix_profile(BT709, gamma_tag(1.8))
    )
    found = read_image(tmp_path / "a.tif")[0, 0].numpy().ravel()
    light = (np.arange(30_000, 30_600) / 65535) ** (461 / 256)  # 1.8 in the tag's steps
    np.testing.assert_allclose(found, 1.055 * light ** (1 / 2.4) - 0.055, atol=3e-5)


def test_a_profile_of_srgb_changes_nothing_and_is_not_spoken_of(tmp_path, colours):
    for name, profile in (
        ("ours", matrix_profile(BT709, SRGB_TAG)),
        ("littlecms", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
    ):
        Image.fromarray(colours).save(tmp_path / f"{name}.png", icc_profile=profile)
        found = read_picture(tmp_path / f"{name}.png")
        assert found.told == ()
        assert np.array_equal((found.image[0].permute(1, 2, 0).numpy() * 255).round(), colours)


def test_a_profile_is_worked_out_once(tmp_path, colours):
    from isptune.scenes.decoding import icc

    for number in range(3):
        Image.fromarray(colours).save(tmp_path / f"{number}.png", icc_profile=P3)
    icc._conversion.cache_clear()
    for number in range(3):
        read_image(tmp_path / f"{number}.png")
    assert icc._conversion.cache_info().misses == 1


def test_grey_profiles_count_and_an_rgb_profile_in_a_grey_file_does(tmp_path, colours):
    grey = np.ascontiguousarray(colours[:, :, 0])
    Image.fromarray(grey).save(tmp_path / "a.png", icc_profile=grey_profile(gamma_tag(1.8)))
    wanted = 1.055 * (grey / 255.0) ** (461 / 256 / 2.4) - 0.055
    above = grey > 40  # where sRGB's curve is no line
    found = read_image(tmp_path / "a.png")[0].numpy()
    np.testing.assert_allclose(found[0][above], wanted[above], atol=1e-3)
    assert np.array_equal(found[0], found[2])
    Image.fromarray(grey).save(tmp_path / "b.png", icc_profile=P3)
    np.testing.assert_allclose(read_image(tmp_path / "b.png")[0, 1].numpy() * 255, grey, atol=0.6)


def test_cmyk_is_converted_by_its_profile_and_refused_without(tmp_path):
    inks = np.random.default_rng(1).integers(0, 256, (16, 16, 4), np.uint8)
    profile = cmyk_profile()
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", iccprofile=profile)
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), "CMYK", "RGB")
    wanted = np.asarray(ImageCms.applyTransform(Image.fromarray(inks, mode="CMYK"), transform), np.float32)
    np.testing.assert_allclose(_pixels(tmp_path / "a.tif"), wanted, atol=0.01)
    Image.fromarray(inks, mode="CMYK").save(tmp_path / "a.jpg", icc_profile=profile, quality=100)
    assert "'test inks'" in read_picture(tmp_path / "a.jpg").told[0]
    Image.fromarray(inks, mode="CMYK").save(tmp_path / "b.jpg")
    tifffile.imwrite(tmp_path / "b.tif", inks, photometric="separated")
    for name in ("b.jpg", "b.tif"):
        with pytest.raises(SceneError, match="is CMYK and says not of which inks"):
            read_image(tmp_path / name)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (b"no profile at all", "its ICC profile is broken"),
        (P3[:300], "its ICC profile"),
        (grey_profile(gamma_tag(2.2)), r"\(test grey\) is one of grey, and the pixels are RGB"),
        (cmyk_profile(), r"\(test inks\) is one of CMYK, and the pixels are RGB"),
        (matrix_profile(DISPLAY_P3, b"para\0\0\0\0\0\x09\0\0"), "curve of an unknown kind"),
        (matrix_profile(DISPLAY_P3, b"curv\0\0\0\0\xff\xff\xff\xff"), "curve that is cut off"),
    ],
)
def test_profiles_that_cannot_be_followed_are_refused_with_the_reason(tmp_path, colours, profile, message):
    Image.fromarray(colours).save(tmp_path / "a.jpg", icc_profile=profile)
    with pytest.raises(SceneError, match=message) as raised:
        read_image(tmp_path / "a.jpg")
    assert "\n" not in str(raised.value)


def test_adobe_rgb_that_exif_alone_says_is_converted(tmp_path, colours):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF  # uncalibrated, and the index says which
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    Image.fromarray(colours).save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    with Image.open(tmp_path / "a.jpg") as opened:
        wanted = _by_littlecms(matrix_profile(ADOBE_RGB, gamma_tag(2.19921875)), np.asarray(opened))
    assert np.abs(_pixels(tmp_path / "a.jpg") - wanted).max() < 2
    assert "Adobe RGB (said by EXIF)" in read_picture(tmp_path / "a.jpg").told[0]


def _with_chunks(colours, path, *chunks):
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, "png")
    data = buffer.getvalue()
    made = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    path.write_bytes(data[:33] + made + data[33:])
    return path


_CHRM_BT709 = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_CHRM_P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


def test_png_numbers_of_colour_count_in_their_order(tmp_path, colours):
    p3 = _by_littlecms(P3, colours)
    gamma, code = (b"gAMA", struct.pack(">I", 45455)), (b"cICP", bytes((12, 13, 0, 1)))
    for name, chunks, wanted in (
        ("usual", [gamma, (b"cHRM", _CHRM_BT709)], colours),
        ("gamma", [gamma], colours),
        ("p3", [gamma, (b"cHRM", _CHRM_P3)], p3),
        ("srgb", [gamma, (b"cHRM", _CHRM_P3), (b"sRGB", b"\0")], colours),
        ("code", [code, (b"sRGB", b"\0")], p3),
        ("linear", [(b"gAMA", struct.pack(">I", 100000))], None),
    ):
        found = _pixels(_with_chunks(colours, tmp_path / f"{name}.png", *chunks))
        if wanted is None:
            light = colours / 255.0
            wanted = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light) * 255
        assert np.abs(found - wanted).max() < 1, name


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_by_its_name(tmp_path, colours, transfer, name):
    file = _with_chunks(colours, tmp_path / "a.png", (b"cICP", bytes((9, transfer, 0, 1))))
    with pytest.raises(SceneError, match=rf"is HDR \({name}\); tone-map it"):
        read_image(file)
    Image.fromarray(colours).save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    at = data.index(b"nclx")
    (tmp_path / "b.avif").write_bytes(data[: at + 6] + struct.pack(">H", transfer) + data[at + 8 :])
    with pytest.raises(SceneError, match=rf"is HDR \({name}\); tone-map it"):
        read_image(tmp_path / "b.avif")


def test_damaged_numbers_of_colour_are_refused(tmp_path, colours):
    for chunk in (
        (b"cICP", b"\x0c"),
        (b"gAMA", b"\0\0\0\0"),
        (b"cHRM", b"\0" * 32),
        (b"cICP", bytes((77, 13, 0, 1))),
    ):
        with pytest.raises(SceneError, match="colours"):
            read_image(_with_chunks(colours, tmp_path / "a.png", chunk))
