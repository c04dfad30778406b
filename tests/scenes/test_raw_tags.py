"""What is said of a raw file in place of its tags: it is as if the file had said it."""

import numpy as np
import pytest
import tifffile
import torch

from isptune.errors import SceneError
from isptune.scenes.raw_capture import NoiseModel
from isptune.scenes.raw_files import read_raw
from isptune.scenes.scene import load_scenes, raw_file
from pipelines.external.dng import write_dng
from pipelines.raw.raw import RawISP
from tests.raw_captures import capture_of, photograph

ORDERS = ("RGGB", "GRBG", "GBRG", "BGGR")


@pytest.fixture(scope="module")
def capture():
    return capture_of(black=(250.0, 251.0, 252.0, 253.0))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("orientation", [1, 5, 6])
def test_an_order_that_is_said_counts_and_not_the_one_in_the_file(order, orientation, capture, tmp_path):
    right, wrong = tmp_path / "right.dng", tmp_path / "wrong.dng"
    write_dng(right, capture, order)
    wrong.write_bytes(right.read_bytes())
    with tifffile.TiffFile(wrong, mode="r+") as tiff:
        tiff.pages.first.tags[33422].overwrite(bytes("RGB".index(c) for c in ORDERS[ORDERS.index(order) - 1]))
    turned = {"orientation": str(orientation)}
    expected, facts = read_raw(right, turned)
    back, found = read_raw(wrong, {**turned, "cfa": order})
    assert torch.equal(back.mosaic, expected.mosaic)
    # The black levels of a DNG belong to places, whatever the filters there are called.
    assert (back.black, back.white_balance, found["origin"]) == (
        expected.black,
        expected.white_balance,
        facts["origin"],
    )


def test_levels_that_are_said_count(capture, tmp_path):
    write_dng(tmp_path / "shot.dng", capture, "GBRG")
    back, _ = read_raw(tmp_path / "shot.dng", {"black": "1,2,3,4", "white": "5000"})
    assert back.white == 5000
    assert back.black == (3, 4, 1, 2)  # GB over RG: red stands third, and the capture begins with it
    assert read_raw(tmp_path / "shot.dng", {"black": "64"})[0].black == (64,) * 4


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ((1e-3, 1e-6), NoiseModel(1e-3, 1e-6)),
        ((1e-3, 1e-6, 2e-3, 2e-6, 3e-3, 3e-6), NoiseModel(2e-3, 2e-6)),
        ((0.0, 0.0), None),
        ((7.0, 1e-6), None),
        ((1e-3, 1e-6, 2e-3), None),
    ],
)
def test_the_noise_profile_of_a_dng_is_used_if_it_can_be(profile, expected, capture, tmp_path):
    path = tmp_path / "shot.dng"
    write_dng(path, capture)
    with tifffile.TiffFile(path) as tiff:
        page, pixels = tiff.pages.first, tiff.asarray()
        kept = {33421, 33422, 50706, 50707, 50708, 50713, 50714, 50717, 50721, 50728, 271, 272}
        tags = [(t.code, t.dtype, t.count, t.value, True) for t in page.tags.values() if t.code in kept]
    tags.append((51041, 12, len(profile), profile, True))
    tifffile.imwrite(path, pixels, photometric=32803, extratags=tags, metadata=None, software=False)
    noise = read_raw(path)[0].noise
    assert noise == (expected and pytest.approx(expected))
    assert read_raw(path, {"noise": "0.01,0.002"})[0].noise == NoiseModel(0.01, 0.002)


def test_a_mono_sensor_gives_a_grey_picture_of_its_full_sharpness(tmp_path):
    light = photograph(64, 64).mean(1, keepdim=True).square()
    numbers = (200 + light * 3800).round()
    capture = capture_of(photograph(64, 64), black=(200.0,) * 4, white=4000.0)
    path = tmp_path / "mono.dng"
    write_dng(path, type(capture)(numbers, capture.black, 4000.0, (2.0, 1.0, 1.6)))
    scene = raw_file(f"{path}?cfa=MONO")[0]
    assert scene.raw.mono
    params = {
        k: v if isinstance(v, str) else torch.tensor([float(v)])
        for k, v in RawISP().space.starting_at(
            {"raw_denoise.luma": 0, "raw_denoise.chroma": 0, "defects.threshold": 1, "sharpen.amount": 0,
             "denoise.chroma": 0, "white_balance.red": 2}
        ).default.items()
    }  # fmt: skip
    for picture in (RawISP().render(scene, params, 0), scene.image):
        assert torch.allclose(picture, picture.mean(1, keepdim=True).expand_as(picture), atol=1e-4)
        bright = light * 2**scene.raw.baseline_ev
        expected = torch.where(
            bright <= 0.0031308, bright * 12.92, 1.055 * bright.clamp(1e-6, 1) ** (1 / 2.4) - 0.055
        )
        assert (picture.mean(1) - expected[:, 0]).abs().max() < 0.01


def test_a_file_without_filters_is_mono_by_itself(capture, tmp_path):
    from tests.scenes.test_raw_scenes import _monochrome

    _monochrome(tmp_path / "mono.dng")
    assert load_scenes([str(tmp_path / "mono.dng")])[0].raw.mono
    assert not raw_file(f"{tmp_path / 'mono.dng'}?cfa=RGGB&matrix=identity")[0].raw.mono


@pytest.mark.parametrize("order", ORDERS)
def test_a_quad_bayer_frame_is_binned(order, tmp_path):
    small = capture_of(photograph(64, 64))
    quad = np.kron(small.mosaic[0, 0].numpy(), np.ones((2, 2))).astype(np.uint16)
    top, left = {"RGGB": (0, 0), "GRBG": (0, 1), "GBRG": (1, 0), "BGGR": (1, 1)}[order]
    np.save(tmp_path / "quad.npy", quad[2 * top :, 2 * left :])
    query = {"cfa": f"QUAD-{order}", "black": "256", "white": "4095", "noise": "0.004,0.0008"}
    back, _ = read_raw(tmp_path / "quad.npy", query)
    height, width = back.mosaic.shape[-2:]
    # From the first red on, which lies one cell further where the frame begins with another colour.
    assert torch.equal(
        back.mosaic, small.mosaic[..., 2 * top : 2 * top + height, 2 * left : 2 * left + width]
    )
    assert back.noise == pytest.approx((0.001, 0.0002))  # of four samples' mean


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm", "npy"])
def test_a_grey_picture_is_a_mosaic_where_its_order_is_said(suffix, tmp_path):
    import cv2

    path, samples = tmp_path / f"mosaic.{suffix}", capture_of().mosaic[0, 0].numpy().astype(np.uint16)
    if suffix == "npy":
        np.save(path, samples)
    elif suffix == "tif":
        tifffile.imwrite(path, samples)
    else:
        assert cv2.imwrite(str(path), samples)
    back, _ = read_raw(path, {"cfa": "RGGB", "black": "256", "white": "4095"})
    assert np.array_equal(back.mosaic[0, 0], samples)
    with pytest.raises(SceneError, match="cfa=RGGB"):
        read_raw(path)


def test_an_array_that_claims_more_than_its_file_holds_takes_no_memory(tmp_path):
    np.save(tmp_path / "small.npy", np.zeros((32, 32), np.uint16))
    claim = (tmp_path / "small.npy").read_bytes().replace(b"(32, 32), }    ", b"(99999, 99999)}")
    (tmp_path / "claim.npy").write_bytes(claim)
    with pytest.raises(SceneError, match="not a NumPy array that can be read"):
        read_raw(tmp_path / "claim.npy", {"cfa": "RGGB"})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("cfa=RGBG", "none of RGGB"),
        ("cfa=QUAD-MONO", "none of RGGB"),
        ("black=1,2", "neither one number nor four"),
        ("black=-3", "none below 0"),
        ("white=nan", "not a positive number"),
        ("white=100", "not above its black level"),
        ("noise=1", "neither SCALE,OFFSET"),
        ("orientation=9", "neither 1 to 8"),
        ("orientation=upside", "mirror"),
        ("matrix=missing.toml", "no such file"),
    ],
)
def test_values_that_cannot_be_are_refused_with_what_can(query, message, capture, tmp_path):
    write_dng(tmp_path / "shot.dng", capture)
    with pytest.raises(SceneError, match=message):
        raw_file(f"{tmp_path / 'shot.dng'}?{query}")
