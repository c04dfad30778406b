"""Raw files as scenes: read by LibRaw, cut on the grid of the colour filters, refused in words."""

import shutil

import numpy as np
import pytest
import rawpy
import tifffile
import torch

from isptune.errors import ConfigError, SceneError
from isptune.scenes.images import write_image
from isptune.scenes.raw_capture import RawCapture, centre_of_about, with_measured_brightness
from isptune.scenes.raw_files import read_raw
from isptune.scenes.scene import load_scenes, raw_file
from pipelines.external.dng import write_dng
from tests.raw_captures import MATRIX, WHITE_BALANCE, capture_of, photograph

ORDERS = {"RGGB": (0, 0), "GRBG": (0, 1), "GBRG": (1, 0), "BGGR": (1, 1)}


@pytest.fixture(scope="module")
def capture():
    return capture_of(black=(250.0, 251.0, 252.0, 253.0))


@pytest.fixture
def dng(capture, tmp_path):
    write_dng(tmp_path / "shot.dng", capture)
    return tmp_path / "shot.dng"


@pytest.mark.parametrize("order", ORDERS)
def test_a_capture_comes_back_from_its_dng_in_every_order_of_filters(order, capture, tmp_path):
    path = tmp_path / "shot.dng"
    write_dng(path, capture, order)
    with rawpy.imread(str(path)) as raw:
        letters = raw.color_desc.decode()
        assert "".join(letters[i] for i in raw.raw_colors_visible[:2, :2].ravel()) == order
    back, facts = read_raw(path)
    # The file begins before the first red sample by these: what is left starts two samples in.
    top, left = ORDERS[order]
    height, width = back.mosaic.shape[-2:]
    assert torch.equal(
        back.mosaic, capture.mosaic[..., 2 * top : 2 * top + height, 2 * left : 2 * left + width]
    )
    assert facts["origin"] == (left, top)
    assert (back.black, back.white) == (capture.black, capture.white)
    # LibRaw keeps 32-bit floats; the file holds millionths.
    np.testing.assert_allclose(back.white_balance, WHITE_BALANCE, rtol=1e-5)
    np.testing.assert_allclose(back.matrix, MATRIX, atol=1e-4)
    assert facts["white_balance"] == "camera"


def _shown(frame, orientation):
    """As EXIF 2.32 puts it in words: 2 mirrored, 3 turned by 180, 4 upside down, 5 mirrored and turned by 270, ..."""
    mirrored = np.fliplr(frame)
    return {
        1: frame, 2: mirrored, 3: np.rot90(frame, 2), 4: np.rot90(mirrored, 2), 5: np.rot90(mirrored, 1),
        6: np.rot90(frame, -1), 7: np.rot90(mirrored, -1), 8: np.rot90(frame, 1),
    }[orientation]  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("how", ["tag", "key"])
def test_a_capture_is_turned_upright_and_still_starts_on_red(orientation, how, capture, dng):
    if how == "tag":
        with tifffile.TiffFile(dng, mode="r+") as tiff:
            tiff.pages.first.tags[274].overwrite(orientation)
    back, facts = read_raw(dng, {"orientation": str(orientation)} if how == "key" else {})
    height, width = back.mosaic.shape[-2:]
    shown = _shown(capture.mosaic[0, 0].numpy(), orientation)
    left, top = facts["origin"]
    assert np.array_equal(back.mosaic[0, 0].numpy(), shown[top : top + height, left : left + width])
    letters = _shown(np.tile([["R", "G"], ["G", "B"]], (48, 64)), orientation)
    assert letters[top, left] == "R"
    places = _shown(np.tile([[250.0, 251.0], [252.0, 253.0]], (48, 64)), orientation)
    assert back.black == tuple(places[top : top + 2, left : left + 2].flat)


def test_a_raw_file_is_a_scene_with_a_preview_and_no_reference(dng):
    scene = load_scenes([str(dng)])[0]
    assert scene.raw is not None
    assert scene.reference is None
    assert scene.image.shape == (1, 3, 96, 128)
    assert scene.metadata["window"] == (0, 0, 128, 96)
    apart = (scene.image.mean((0, 2, 3)) / photograph().mean((0, 2, 3))).tolist()
    # Brightened, and shadows clip, but no channel leads: white balance and matrix are right.
    assert max(apart) / min(apart) < 1.1


def test_large_raw_files_are_cut_to_a_megapixel_in_the_middle_unless_a_crop_is_given(dng, monkeypatch):
    assert centre_of_about((6000, 4000), 1 << 20) == (2372, 1582, 1254, 836)
    monkeypatch.setattr("isptune.scenes.scene.RAW_PIXELS", 3072)
    assert load_scenes([str(dng)])[0].raw.size == (64, 48)
    assert load_scenes([str(dng)], crop="33x21+7+9")[0].metadata["window"] == (6, 8, 32, 20)
    assert raw_file(f"{dng}?crop=full")[0].raw.size == (128, 96)


def test_crops_of_raw_scenes_keep_the_grid_of_the_filters_and_the_lens(dng):
    whole = raw_file(f"{dng}?crop=full")[0]
    part = load_scenes([str(dng)], crop="32x20+7+9")[0]
    assert torch.equal(part.raw.mosaic, whole.raw.mosaic[..., 8:28, 6:38])
    assert (part.raw.optics.x, part.raw.optics.y) == (64 - 6, 48 - 8)
    assert part.sha256 != whole.sha256


def test_a_raw_file_with_options_needs_no_name_of_a_source(dng):
    assert load_scenes([f"{dng}?crop=full&white=5000"])[0].raw.white == 5000
    with pytest.raises(SceneError, match="no such file"):
        load_scenes(["missing.dng?white=5000"])


def test_what_a_file_does_not_say_can_be_given(dng):
    scene = raw_file(f"{dng}?matrix=identity&white_balance=4,2,3")[0]
    assert scene.raw.matrix == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert scene.raw.white_balance == (2.0, 1.0, 1.5)
    grey = raw_file(f"{dng}?white_balance=grey")[0].raw
    cells = torch.nn.functional.pixel_unshuffle(grey.mosaic, 2) - torch.tensor(grey.black).view(1, 4, 1, 1)
    red, green, other, blue = cells.mean((0, 2, 3)).tolist()
    # Nearly nothing clips here, so that the means of all samples are those of the unclipped ones.
    assert red * grey.white_balance[0] == pytest.approx((green + other) / 2, rel=0.02)
    assert blue * grey.white_balance[2] == pytest.approx((green + other) / 2, rel=0.02)


def test_brightness_is_measured_where_a_half_per_cent_reaches_white():
    flat = torch.full((1, 1, 40, 40), 0.25 * 1000)
    capture = with_measured_brightness(RawCapture(flat, (0.0,) * 4, 1000.0, (1.0, 1.0, 1.0)))
    assert capture.baseline_ev == pytest.approx(2.0)
    flat[..., :6, :6] = 1000  # over half a per cent
    assert with_measured_brightness(RawCapture(flat, (0.0,) * 4, 1000.0, (1.0, 1.0, 1.0))).baseline_ev == 0


def test_raw_scenes_are_not_resized(dng):
    with pytest.raises(SceneError, match="cannot be resized"):
        load_scenes([str(dng)], resize="64")


def _x_trans(path):
    _rewrite(path, {33421: (3, 2, (6, 6)), 33422: (1, 36, bytes([1, 1, 0, 1, 1, 2] * 6))})


def _quad(path):
    pattern = np.kron([[0, 1], [1, 2]], np.ones((2, 2))).astype(np.uint8)
    _rewrite(path, {33421: (3, 2, (4, 4)), 33422: (1, 16, pattern.tobytes())})


def _monochrome(path):
    _rewrite(path, {}, drop=(33422,))


def _no_matrix(path):
    _rewrite(path, {}, drop=(50721,))


def _no_white_balance(path):
    _rewrite(path, {}, drop=(50728, 50721))


def _linear(path):
    _rewrite(path, {}, photometric=34892, drop=(33421, 33422), channels=3)


def _rewrite(path, changes, drop=(), photometric=32803, channels=1):
    from pipelines.external.dng import _tags

    capture = capture_of()
    tags = {tag[0]: tag for tag in _tags(capture, "RGGB", "unknown")}
    tags |= {code: (code, *rest, True) for code, rest in changes.items()}
    pixels = capture.mosaic[0, 0].numpy().astype(np.uint16)
    pixels = pixels if channels == 1 else np.stack([pixels] * channels, -1)
    kept = [tag for code, tag in tags.items() if code not in drop]
    options = {"planarconfig": "contig"} if channels > 1 else {}
    tifffile.imwrite(
        path, pixels, photometric=photometric, extratags=kept, metadata=None, software=False, **options
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "cut off or damaged"),
        (lambda path: path.write_bytes(b"no raw file" * 500), "not a raw file that LibRaw reads"),
        (lambda path: path.unlink(), "no such file"),
        (_no_matrix, r"has no colour matrix.*raw:shot\.dng\?matrix=identity"),
        (_linear, "only Bayer sensors"),
        (_x_trans, "only Bayer sensors"),
        (_quad, "cfa=QUAD-RGGB"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_one_line(spoil, message, dng, capfd):
    spoil(dng)
    with pytest.raises(SceneError, match=message) as raised:
        load_scenes([str(dng)])
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == "", "LibRaw printed past us"


def test_a_file_without_white_balance_or_matrix_says_how_to_give_them(dng):
    _no_white_balance(dng)
    with pytest.raises(SceneError, match="white_balance=R,G,B"):
        raw_file(f"{dng}?matrix=identity")
    assert raw_file(f"{dng}?matrix=identity&white_balance=2,1,1.6")[0].raw.white_balance == WHITE_BALANCE


def test_files_with_a_wrong_extension_are_refused_or_read_by_the_raw_source(dng, tmp_path):
    picture = tmp_path / "picture.dng"
    write_image(tmp_path / "picture.png", photograph())
    shutil.move(tmp_path / "picture.png", picture)
    with pytest.raises(SceneError, match="not a raw file that LibRaw reads"):
        load_scenes([str(picture)])
    for suffix in (".tif", ".png"):
        other = dng.with_suffix(suffix)
        shutil.copy(dng, other)
        with pytest.raises(SceneError, match="is a raw file.*raw:.*shot"):
            load_scenes([str(other)])
        assert raw_file(str(other))[0].raw is not None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?matrix=1,2,3", "nine numbers"),
        ("?matrix=1,-2,0,0,1,0,0,0,1", "positive sums"),
        ("?white_balance=1,0,1", "positive numbers"),
        ("?colour=red", "there are: crop"),
        ("?crop=9999x10", "has no room"),
        ("?crop=0x10", "is not WIDTHxHEIGHT"),
    ],
)
def test_wrong_options_of_the_raw_source_are_refused_in_words(query, message, dng):
    with pytest.raises(ConfigError, match=message):
        raw_file(f"{dng}{query}")


def test_a_source_without_a_file_says_how_it_is_written():
    with pytest.raises(SceneError, match="raw:FILE"):
        raw_file(None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mosaic": torch.zeros(1, 1, 19, 20)}, "must be even"),
        ({"mosaic": torch.zeros(1, 1, 14, 20)}, "at least 16"),
        ({"white": 10.0}, "not above the black level"),
        ({"white_balance": (1.0, 0.0, 1.0)}, "not positive"),
    ],
)
def test_captures_that_make_no_sense_are_refused(changes, message, capture):
    from dataclasses import replace

    with pytest.raises(SceneError, match=message):
        replace(capture, **changes)


def test_a_dng_refuses_what_it_cannot_hold(capture, tmp_path):
    from dataclasses import replace

    with pytest.raises(SceneError, match="16 bits"):
        write_dng(tmp_path / "a.dng", replace(capture, white=70000.0))
    with pytest.raises(SceneError, match="none of RGGB"):
        write_dng(tmp_path / "a.dng", capture, "RGBG")
    with pytest.raises(SceneError, match="cannot be written"):
        write_dng(tmp_path / "missing" / "a.dng", capture)
    assert list(tmp_path.iterdir()) == []
