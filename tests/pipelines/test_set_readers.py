"""What `isptune export` writes, `isptune import` reads: the same values, as far as the file holds them."""

import base64
import json
import math
import random
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from isptune.errors import ConfigError, SpaceError
from isptune.parameter_set import read_set
from isptune.registry import installed
from isptune.runs.settings import RunSettings
from isptune.space import Choice, Integer
from isptune.tuning.bench import Bench
from pipelines.darktable import modules as darktable_modules
from pipelines.darktable.modules import modules_of, to_xmp
from pipelines.libraw import libraw
from pipelines.raw.raw import build as raw
from pipelines.rawtherapee.knobs import SPACE as RAWTHERAPEE
from pipelines.rawtherapee.pp3 import NEUTRAL_PROFILE
from tests.pipelines.raw.libcamera.test_libcamera import NEW

FORMATS = ("libcamera", "pp3", "rawpy", "xmp")


def _drawn(space, seed):
    """A candidate from anywhere in the space, with every fourth knob at its default."""
    draw = random.Random(seed)
    values = {}
    for param in space:
        if draw.random() < 0.25:
            values[param.name] = param.default
        elif isinstance(param, Choice):
            values[param.name] = draw.choice(param.options)
        elif isinstance(param, Integer):
            values[param.name] = draw.randint(param.low, param.high)
        else:
            values[param.name] = draw.uniform(param.low, param.high)
    return values


def _back(folder, name, data, template=None):
    (folder / name).write_bytes(data)
    if template is not None:
        (folder / "template").write_bytes(template)
    return read_set(folder / name, None if template is None else folder / "template")


def test_a_reader_is_installed_for_every_format_of_the_pipelines():
    assert set(installed("set_reader")) == set(FORMATS)


@pytest.mark.parametrize("seed", range(8))
def test_a_profile_of_rawtherapee_comes_back(tmp_path, seed):
    values = _drawn(RAWTHERAPEE, seed)
    data = NEUTRAL_PROFILE.with_values(values).file.to_bytes()
    found = _back(tmp_path, "set.pp3", data)
    assert (found.pipeline, found.name) == ("rawtherapee", "set")
    assert RAWTHERAPEE.check(found.values)  # every knob is there, inside its range
    for name, value in values.items():
        slack = {"white_balance.red": 5.1e-4, "white_balance.blue": 5.1e-4, "tone.dehaze": 0.51}.get(name, 0)
        if slack:
            assert found.values[name] == pytest.approx(value, abs=slack), name
        else:
            assert found.values[name] == value, name


def test_numbers_are_exact_whatever_another_package_makes_numpy_print(tmp_path):
    values = {**darktable_modules.SPACE.complete({}), "exposure.ev": 0.07579163}
    with np.printoptions(legacy="1.13"):  # as colour-science does for all that runs beside it
        found = _back(tmp_path, "set.xmp", to_xmp(modules_of(values)).encode())
    assert found.values["exposure.ev"] == 0.07579163


@pytest.mark.parametrize("seed", range(8))
def test_a_sidecar_of_darktable_comes_back_to_the_same_sidecar(tmp_path, seed):
    space = darktable_modules.SPACE
    values = _drawn(space, seed)
    text = to_xmp(modules_of(values))
    found = _back(tmp_path, "set.xmp", text.encode())
    assert found.pipeline == "darktable"
    back = space.complete(found.values)
    assert to_xmp(modules_of(back)) == text
    for name, value in found.values.items():
        expected = (
            values[name] if isinstance(values[name], str) else pytest.approx(values[name], rel=2e-7, abs=1e-9)
        )
        assert value == expected, name
    # What does not come back has no effect: its module is off.
    off = {
        "raw.hot_pixels": ["raw.hot_pixel_threshold"],
        "sharpen.amount": ["sharpen.radius", "sharpen.threshold"],
    }
    lost = {n for knob, names in off.items() if not values[knob] for n in names}
    if not (values["tone.shadows"] or values["tone.highlights"]):
        lost |= {"tone.radius"}
    if not (values["denoise.luma"] or values["denoise.chroma"]):
        lost |= {"denoise.strength", "denoise.preserve_shadows"}
    assert set(values) - set(found.values) == lost


@pytest.mark.parametrize("seed", range(8))
def test_arguments_of_rawpy_come_back(tmp_path, seed):
    values = _drawn(libraw.SPACE, seed)
    found = _back(tmp_path, "set.py", libraw.LibRaw().parameter_file("rawpy", values, None))
    assert (found.pipeline, dict(found.pipeline_options)) == ("libraw", {})
    back = libraw.SPACE.complete(found.values)
    unused = set()
    if values["exposure.shift"] == 1.0:
        unused |= {"exposure.shift", "exposure.preserve_highlights"}
    if values["highlights.mode"] != "reconstruct":
        unused |= {"highlights.reconstruct_to"}
    assert {n: v for n, v in back.items() if n not in unused} == {
        n: v for n, v in values.items() if n not in unused
    }
    assert libraw.LibRaw().options(back) == libraw.LibRaw().options(values)


OLD = """{"postprocess": {"output_bps": 16, "use_camera_wb": false, "demosaic_algorithm": "PPG", "gamma": [2.4, 4.5],
"highlight_mode": 7, "output_color": "sRGB", "half_size": false},
"camera_whitebalance_times": [1.25, 1.0, 0.75, 1.0], "black_level_plus_of_range": 0.001, "white_level_times": 1.0}"""


def test_arguments_that_an_earlier_version_wrote_as_json_are_read(tmp_path):
    assert _back(tmp_path, "old.json", OLD.encode()).values == {
        "demosaic.algorithm": "ppg", "tone.gamma": 2.4, "tone.toe_slope": 4.5, "highlights.mode": "reconstruct",
        "highlights.reconstruct_to": 7, "white_balance.red": 1.25, "white_balance.blue": 0.75,
        "sensor.black_offset": 0.001, "sensor.white_scale": 1.0, "denoise.wavelet": 0.0,
    }  # fmt: skip


def test_half_size_comes_back_as_an_option(tmp_path):
    data = libraw.LibRaw(half_size=True).parameter_file("rawpy", libraw.SPACE.default, None)
    assert _back(tmp_path, "set.json", data).pipeline_options == {"half_size": True}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_tuning_file_comes_back_beside_its_template(tmp_path, seed):
    isp = raw(None)
    values = _drawn(isp.space, seed)
    values |= {
        "tone.gamma": 1.2,
        "tone.contrast": 0.3,
        "tone.white": 1.0,
        "tone.black": 0.0,
    }  # a curve that is no step
    values["colour.saturation"] = max(0.3, float(values["colour.saturation"]))
    data = isp.parameter_file("libcamera", values, NEW.encode())
    found = _back(tmp_path, "tuned.json", data, NEW.encode())
    back = isp.space.complete(found.values)
    for name in (
        "raw_denoise.luma",
        "raw_denoise.chroma",
        "sharpen.amount",
        "sharpen.threshold",
        "sharpen.halo",
    ):
        assert back[name] == pytest.approx(values[name], rel=1e-5, abs=1e-9), name
    assert back["black.offset"] == pytest.approx(values["black.offset"], abs=0.51 / 65535)
    strength = json.loads(data)["algorithms"][3]["rpi.denoise"]["normal"]["cdn"]["strength"]
    if strength < 1:  # the most that the format has
        assert back["denoise.chroma"] == pytest.approx(values["denoise.chroma"], rel=1e-5)
    for name in ("matrix.strength", "colour.saturation"):
        assert back[name] == pytest.approx(values[name], abs=2e-3), name
    again = isp.parameter_file("libcamera", back, NEW.encode())
    curve, other = (re.search(r'"gamma_curve":[^\]]*\]', text.decode()).group() for text in (data, again))
    numbers = [[int(n) for n in re.findall(r"\d+", text)] for text in (curve, other)]
    assert max(abs(a - b) for a, b in zip(*numbers, strict=True)) <= 0.002 * 65535


def test_a_tuning_file_is_its_own_default_and_fits_no_other_template(tmp_path):
    alone = _back(tmp_path, "tuned.json", NEW.encode())
    space = raw(None).space
    assert alone.values == {name: value for name, value in space.default.items() if name in alone.values}
    assert {"tone.gamma", "matrix.strength", "sharpen.amount", "denoise.chroma"} <= set(alone.values)
    for other in (NEW.replace("1024, 5040,", ""), NEW.replace("rpi.ccm", "rpi.none")):
        with pytest.raises(
            ConfigError, match="was not made from this template: its algorithms, its gamma curve or"
        ):
            _back(tmp_path, "tuned.json", NEW.encode(), other.encode())
    with pytest.raises(ConfigError, match="the template is no tuning file that can be read: line"):
        _back(tmp_path, "tuned.json", NEW.encode(), b"{")


def test_what_a_tuning_file_cannot_hold_is_named_before_the_run(isptune, tmp_path):
    (tmp_path / "mono.json").write_text(NEW.replace("rpi.ccm", "rpi.none"))
    status, _, err = isptune(
        "import", "mono.json", "--scene", "cat", "--tune", "sharpen.*,colour.*", "--crop", "9999x1"
    )
    assert status == 2
    assert err.splitlines()[0] == (
        "note: the file that is started from has no place for: "
        "sharpen.radius, colour.saturation, colour.vibrance, colour.hue"
    )
    with pytest.raises(SpaceError, match=r"tone\.contrast, local\.compression \(no place in libcamera\), "):
        Bench(RunSettings(pipeline="raw", scenes=("cat",), tune=("none",)))


def _sidecar(operation, version, params, enabled=1, before="", more=""):
    return f"""<?xml version="1.0"?>{before}<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description xmlns:darktable="http://darktable.sf.net/" darktable:history_end="2"><darktable:history><rdf:Seq>
    <rdf:li darktable:num="0" darktable:operation="lens" darktable:enabled="1" darktable:modversion="9"
      darktable:params="gibberish"/>
    <rdf:li darktable:num="1" darktable:operation="{operation}" darktable:enabled="{enabled}"
      darktable:modversion="{version}" darktable:params="{params}"/>{more}
  </rdf:Seq></darktable:history></rdf:Description></rdf:RDF></x:xmpmeta>""".encode()


SHARPEN = struct.pack("<3f", 1.5, 0.75, 0.25)


def test_a_sidecar_that_darktable_wrote_is_read_with_packed_parameters_and_other_modules(tmp_path):
    packed = "gz02" + base64.b64encode(zlib.compress(SHARPEN)).decode()
    later = '<rdf:li darktable:num="2" darktable:operation="sharpen" darktable:enabled="0" darktable:modversion="1"/>'
    values = _back(tmp_path, "own.xmp", _sidecar("sharpen", 1, packed, more=later)).values
    assert {n: v for n, v in values.items() if n.startswith("sharpen")} == {
        "sharpen.radius": 1.5, "sharpen.amount": 0.75, "sharpen.threshold": 0.25,
    }  # fmt: skip
    off = _back(tmp_path, "own.xmp", _sidecar("sharpen", 1, packed, enabled=0)).values
    assert off["sharpen.amount"] == 0.0


BOMB = "gz99" + base64.b64encode(zlib.compress(bytes(50_000_000))).decode()


@pytest.mark.parametrize(
    "entry",
    [(2, SHARPEN.hex()), (1, "00"), (1, "xyz"), (1, "gz02!!"), (1, BOMB), ("", ""), (1, "gz02" + "é")],
)
def test_a_module_that_cannot_be_edited_is_named_and_the_others_are_read(tmp_path, entry):
    found = _back(tmp_path, "own.xmp", _sidecar("sharpen", *entry))
    assert not any(name.startswith("sharpen") for name in found.values)
    assert found.values["exposure.ev"] == 0.0
    assert "sharpen.radius, sharpen.amount, sharpen.threshold" in found.note


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_sidecar("sharpen", 1, SHARPEN.hex())[:-20], "is no sidecar that can be read"),
        (_sidecar("sharpen", 1, "&x;", before='<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
         "has a document type"),
        (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>', "is a sidecar of another program than darktable"),
        (b'<?xml version="1.0"?><darktable_style version="1.0"/>', "is a style of darktable"),
        (b'{"postprocess": {"bright": "x"}}', "postprocess.bright = 'x' must be a number"),
        (b'{"postprocess": {"gamma": [1]}}', r"postprocess.gamma = \[1\] must be a list of length 2"),
        (b'{"postprocess": {"user_flip": 3}}', "unknown key 'user_flip'; known are: dcb_iterations"),
        (b'{"postprocess": {"highlight_mode": 12}}', "highlight_mode = 12 must be a whole number of 9 or less"),
        (b'{"postprocess": {}', "is not JSON that can be read"),
        (b"import rawpy\nargs = {'postprocess': {'bright': open('x')}}", "in args is no plain value, and no enumer"),
        (b"import rawpy\nargs = {", "is no Python that can be read"),
        (b"import rawpy\n\nargs = {}.x", r"is no plain value"),
        (b"\xff\xfe\x00", "read as a parameter set: is not a TOML file"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused_in_one_line(tmp_path, data, message):
    with pytest.raises(ConfigError, match=message) as raised:
        _back(tmp_path, "set.file", data)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", FORMATS)
def test_a_plain_set_is_no_readers_business(tmp_path, name):
    read = installed("set_reader")[name].load()
    for text in ('name = "[Version]"\n[values]\nx = 1\n', '{"values": {"x": 1}}', ""):
        assert read(text.encode(), Path("set"), None) is None


@pytest.mark.slow
def test_a_search_starts_from_a_file_of_another_program(isptune, tmp_path):
    values = libraw.SPACE.complete({"exposure.bright": 1.25, "demosaic.algorithm": "vng"})
    (tmp_path / "mine.py").write_bytes(libraw.LibRaw().parameter_file("rawpy", values, None))
    status, _, err = isptune(
        "import", "mine.py", "--scene", "unprocessed:cat?crop=64x48", "--objective", "sharpness", "--population", "3",
        "--generations", "1", "--confirm", "1", "--second-opinion", "none", "--device", "cpu",
        "--tune", "exposure.bright", "--out", "r",
    )  # fmt: skip
    assert (status, err) == (0, "")
    answer = json.loads((tmp_path / "r" / "recommended.json").read_text())
    assert answer["default"] == values
    assert math.isfinite(answer["objectives"]["sharpness"]["recommended"]["mean"])
    (tmp_path / "other.toml").write_text("[values]\nexposure.bright = 2.0\n")
    status, out, _ = isptune("diff", "other.toml", "mine.py", "--json")
    assert [c["knob"] for c in json.loads(out)["changes"]] == ["exposure.bright"]
