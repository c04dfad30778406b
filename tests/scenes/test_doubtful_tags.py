"""Tags that cannot be right are noticed, with the key that mends them; those that are right are left in peace."""

import json
from itertools import product

import numpy as np
import pytest

from isptune.runs.settings import RunSettings
from isptune.scenes.doubtful_tags import doubts
from isptune.scenes.raw_files import read_raw
from isptune.scenes.raw_frame import Frame
from isptune.scenes.raw_tags import Tags
from isptune.tuning.bench import Bench
from pipelines.external.dng import write_dng
from tests.raw_captures import capture_of, photograph, shared

ORDERS = ("RGGB", "GRBG", "GBRG", "BGGR")
RAWS = shared("data/raw")
needs_raws = pytest.mark.skipif(not RAWS.is_dir(), reason=f"{RAWS} is not there")


def frame(order="RGGB", black=256.0, white=4095.0, samples=None, **more):
    if samples is None:
        samples = capture_of(photograph(256, 256), noise=0.005).mosaic[0, 0].numpy()
    return Frame("shot.dng", samples, order, (black,) * 4, white, **more)


def told(*arguments, tags=None, **more):
    return list(doubts(frame(*arguments, **more), tags or Tags()))


def _begun_at(order, top, left):
    return "".join(np.roll(np.array(list(order)).reshape(2, 2), (-top, -left), (0, 1)).flat)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_an_order_is_doubted_where_its_greens_are_red_and_blue(top, left):
    samples = frame().samples[top:, left:]
    right = _begun_at("RGGB", top, left)
    assert not told(right, samples=samples)
    for wrong in {order for order in ORDERS if (order[1] == "G") != (right[1] == "G")}:
        (line,) = told(wrong, samples=samples, white_balance=(2.0, 1.0, 1.6))
        assert "called green differ" in line
        assert f"cfa={right}" in line
        assert "\n" not in line


def _known_raws():
    import cv2

    for name, known in json.loads((RAWS / "meta.json").read_text()).items():
        samples = cv2.imread(str(RAWS / name), cv2.IMREAD_UNCHANGED)
        assert samples is not None
        order = "BGGR" if "BGGR" in known["cfa"] else known["cfa"]
        yield name, samples, order, float(known.get("black", 0)), float(known["white"])


@pytest.mark.slow
@needs_raws
def test_no_raw_of_the_collection_is_doubted_at_any_place_of_its_pattern_and_each_is_where_it_is_wrong():
    for name, samples, order, black, white in _known_raws():
        for top, left in product((0, 1), (0, 1)):
            begun = samples[top:, left:][:1024, :1024]
            right = _begun_at(order, top, left)
            assert not told(right, black, white, samples=begun), name
            wrong = _begun_at(right, 0, 1)
            assert any(f"cfa={right}" in line for line in told(wrong, black, white, samples=begun)), name


@needs_raws
@pytest.mark.parametrize(
    ("name", "count"), [("colorchart.dng", 0), ("RAW_KODAK_DC50.KDC", 0), ("picamera2_640x480.dng", 1)]
)
def test_of_the_raw_files_only_the_one_with_a_wrong_order_is_doubted(name, count):
    warnings = read_raw(RAWS / name, {"matrix": "identity", "white_balance": "grey"})[1]["warnings"]
    assert len(warnings) == count
    assert all("cfa=BGGR" in line for line in warnings)
    mended = {"matrix": "identity", "white_balance": "grey", "cfa": "BGGR"}
    assert count == 0 or not read_raw(RAWS / name, mended)[1]["warnings"]


def test_a_grey_scene_under_even_light_is_not_doubted():
    noise = np.random.default_rng(0).normal(0, 20, (256, 256))
    assert not told("GBRG", samples=2000 + noise)


def test_green_channels_that_differ_a_little_are_not_doubted():
    samples = frame().samples.copy()
    samples[::2, 1::2] = 256 + 1.04 * (samples[::2, 1::2] - 256)
    assert not told(samples=samples)


@pytest.mark.parametrize("order", ORDERS)
def test_a_quad_bayer_frame_that_is_called_bayer_is_noticed(order):
    small = frame().samples
    top, left = {"RGGB": (0, 0), "GRBG": (0, 1), "GBRG": (1, 0), "BGGR": (1, 1)}[order]
    noise = np.random.default_rng(0).normal(0, 20, (2 * small.shape[0], 2 * small.shape[1]))
    quad = (np.kron(small, np.ones((2, 2))) + noise)[2 * top :, 2 * left :]
    (line,) = told("RGGB", samples=quad)
    assert "cfa=QUAD-" in line
    assert not told(f"QUAD-{order}", samples=quad)


def test_a_white_level_that_is_far_off_is_noticed():
    assert told(white=65535.0)[0].endswith("give white=4095")
    assert not told(white=65535.0, tags=Tags(white=65535.0))
    assert not told(white=8191.0)  # a capture a stop darker is nothing odd
    assert "give white=4095" in told(white=1023.0)[0]
    hot = frame().samples.copy()
    hot[:16, :2] = 60000
    assert not told(samples=hot)


def test_a_black_level_above_the_data_is_noticed_and_noise_below_it_is_not():
    # The darkest parts are near 256 with a noise of 20.
    assert "below its black level 600; give black=2" in told(black=600.0)[0]
    noise = np.random.default_rng(0).normal(0, 60, (256, 256))
    assert not told(samples=256 + noise, white=1000.0)


def test_where_nobody_says_a_black_level_that_is_told():
    assert "give black=N" in told(black=0.0, bare=True)[0]
    assert not told(black=0.0, bare=True, tags=Tags(black=(0.0,) * 4))


def test_a_run_tells_what_is_odd_in_its_scenes(tmp_path):
    write_dng(tmp_path / "shot.dng", capture_of(photograph(128, 128)))
    settings = RunSettings(
        pipeline="raw", objectives=("niqe",), scenes=(f"raw:{tmp_path / 'shot.dng'}?cfa=GBRG",)
    )  # fmt: skip
    assert any("cfa=RGGB" in text for text in Bench(settings).warnings)
