"""Tuning files of libcamera: the mapped numbers change, every other byte stays."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from isptune.errors import ConfigError
from isptune.interfaces import EditsParameterFiles, WritesParameterFiles
from isptune.parameter_set import read_set
from pipelines.raw.libcamera.writing import matrix_of, to_libcamera
from pipelines.raw.raw import build
from pipelines.raw.unprocessing import build as unprocessing

ISP = build(None)
DEFAULT = ISP.space.default

# Written the way that the files of the older and the newer hardware are, with odd blanks put in on purpose.
OLD = """{
    "version": 2.0,  "target": "bcm2835",
    "algorithms": [
        { "rpi.black_level": { "black_level" :4096 } },
        { "rpi.dpc": { } },
        { "rpi.noise":\t{ "reference_constant": 0, "reference_slope": 2.7670 } },
        { "rpi.sdn": { } },
        { "rpi.awb": { "ct_curve": [ 2360.0, 0.6009,   0.3093 ], "sharpen": "\\u00e9 \\"rpi.sharpen\\": {" } },
        {
            "rpi.contrast":
            {
                "ce_enable": 1,
                "gamma_curve":
                [
                    0, 0,
                    1024, 5040,
                    16384,30000,
                    65535, 65535
                ]
            }
        },
        { "rpi.ccm": { "ccms": [
            { "ct": 2360, "ccm": [ 1.66078, -0.23588, -0.42491, -0.47456, 1.82763, -0.35307, -0.00545, -1.44729, 2.45273 ] },
            { "ct": 2870, "ccm": [ 1.78373, -0.55344, -0.23029, -0.39951, 1.69701, -0.29751, 0.01986, -1.06525, 2.04539 ] }
        ] } },
        { "rpi.sharpen": { } }
    ]
}

"""  # noqa: E501
NEW = OLD.replace(
    '"rpi.sdn": { }',
    """"rpi.denoise":
            {
                "normal":
                {
                    "sdn": { "deviation": 1.6, "strength": 0.5, "deviation2": 3.2, "deviation_no_tdn": 3.20 },
                    "cdn": { "deviation": 200, "strength": 0.3 },
                    "tdn": { "deviation": 1.0, "threshold": 0.05 }
                },
                "night": { "sdn": { "deviation": 1.6, "strength": 0.5 } }
            }""",
).replace(
    '"rpi.sharpen": { }',
    '"rpi.sharpen":\n            {\n                "threshold": 0.75,\n                "limit": 0.5\n            }',
)


def _export(template, **changes):
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    return ISP.parameter_file("libcamera", {**DEFAULT, **changed}, template.encode()).decode()


def _algorithms(text):
    return {name: value for item in json.loads(text)["algorithms"] for name, value in item.items()}


def _without(text, *patterns):
    for pattern in patterns:
        text, count = re.subn(pattern, "", text, flags=re.DOTALL)
        assert count >= 1, pattern
    return text


GAMMA = r'"gamma_curve":[^\]]*\]'


@pytest.mark.parametrize(
    "template",
    [OLD, NEW, OLD.replace("\n", "\r\n"), "\ufeff" + OLD, NEW.replace("2.45273 ]", "2.45273,\n ] # own\n")],
)
def test_what_was_not_tuned_keeps_every_byte(template):
    assert _export(template) == template


def test_every_other_algorithm_is_kept_byte_for_byte():
    everything = {
        "black__offset": 0.005, "raw_denoise__luma": 1.2, "raw_denoise__chroma": 0.6, "denoise__chroma": 0.0075,
        "tone__contrast": 0.5, "matrix__strength": 0.8, "colour__saturation": 1.3, "sharpen__amount": 1.0,
        "sharpen__threshold": 0.01, "sharpen__halo": 0.6,
    }  # fmt: skip
    text = _export(NEW, **everything)
    touched = (r'"black_level" :\d+', r'"sdn": \{ "deviation": [^}]*"deviation_no_tdn": [^}]*\}', r'"cdn": \{[^}]*\}',
               GAMMA, r'"ccm": \[[^\]]*\]', r'"rpi.sharpen":\n[^}]*\}')  # fmt: skip
    assert _without(text, *touched) == _without(NEW, *touched)
    got = _algorithms(text)
    assert got["rpi.black_level"]["black_level"] == round(4096 + 0.005 * 65535)
    normal = got["rpi.denoise"]["normal"]
    assert normal["sdn"] == {"deviation": 3.2, "strength": 0.5, "deviation2": 6.4, "deviation_no_tdn": 6.4}
    assert normal["cdn"] == {"deviation": 100.0, "strength": 0.45}
    assert normal["tdn"] == {"deviation": 1.0, "threshold": 0.05}
    assert got["rpi.denoise"]["night"] == {"sdn": {"deviation": 1.6, "strength": 0.5}}
    assert got["rpi.sharpen"] == {"threshold": 1.5, "limit": 1.0, "strength": 2.0}
    assert '"limit": 1.0,\n                "strength": 2.0\n            }' in text


def test_keys_that_a_template_lacks_start_at_what_libcamera_takes_for_them():
    got = _algorithms(_export(OLD, sharpen__amount=0.25, raw_denoise__luma=0.0))
    assert got["rpi.sharpen"] == {"strength": 0.5}
    assert got["rpi.sdn"] == {"deviation": 0.0}


def test_the_gamma_curve_is_changed_relative_to_the_templates_own():
    curve = _algorithms(OLD)["rpi.contrast"]["gamma_curve"]
    own = np.array(curve[1::2]) / 65535
    bright = _algorithms(_export(OLD, tone__gamma=1.5))["rpi.contrast"]["gamma_curve"]
    assert bright[::2] == curve[::2]
    np.testing.assert_allclose(
        np.array(bright[1::2]) / 65535, own ** (1 / 1.5), atol=2e-5
    )  # encoded, as tone.gamma is
    steep = _algorithms(_export(OLD, tone__contrast=1.0, tone__shadows=-1.0, tone__black=0.1))
    assert np.all(np.diff(steep["rpi.contrast"]["gamma_curve"][1::2]) >= 0)
    there = {"tone__gamma": 1.5, "tone__contrast": 0.4, "tone__shadows": 0.2}
    changed = {**DEFAULT, **{name.replace("__", "."): value for name, value in there.items()}}
    back = ISP.edited_file("libcamera", DEFAULT, changed, _export(OLD, **there).encode()).data.decode()
    assert np.abs(np.array(_algorithms(back)["rpi.contrast"]["gamma_curve"]) - curve).max() <= 3


def test_a_set_is_written_relative_to_what_its_search_started_from():
    start = {
        **DEFAULT,
        "sharpen.amount": 1.0,
        "tone.gamma": 1.3,
        "colour.saturation": 1.2,
        "black.offset": 0.004,
    }
    assert ISP.edited_file("libcamera", start, start, NEW.encode()).data == NEW.encode()
    more = {**start, "colour.saturation": 0.9, "sharpen.amount": 1.5}
    got = _algorithms(ISP.edited_file("libcamera", more, start, NEW.encode()).data.decode())
    assert got["rpi.sharpen"]["strength"] == 1.5
    given = np.array(_algorithms(NEW)["rpi.ccm"]["ccms"][0]["ccm"]).reshape(3, 3)
    np.testing.assert_allclose(
        np.array(got["rpi.ccm"]["ccms"][0]["ccm"]).reshape(3, 3), matrix_of(given, 1, 0.75), atol=1e-5
    )


def test_matrices_keep_grey_and_are_those_of_strength_and_saturation():
    given = np.array(_algorithms(OLD)["rpi.ccm"]["ccms"][0]["ccm"]).reshape(3, 3)
    np.testing.assert_allclose(matrix_of(given, 1.0, 1.0), given, atol=1e-12)
    np.testing.assert_allclose(matrix_of(given, 0.0, 1.0), np.eye(3), atol=1e-12)
    grey = matrix_of(given, 1.0, 0.0)
    np.testing.assert_allclose(grey, np.repeat([grey[0]], 3, 0), atol=1e-12)
    for entry in _algorithms(_export(OLD, matrix__strength=0.7, colour__saturation=1.4))["rpi.ccm"]["ccms"]:
        rows = np.array(entry["ccm"]).reshape(3, 3)
        np.testing.assert_allclose(rows.sum(1), 1, atol=1e-4)
        assert entry["ct"] in (2360, 2870)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "needs --template FILE: the tuning file of your sensor"),
        (b"", "is no tuning file that can be read: line 1, column 1: there is nothing in it"),
        (b"\xff\xfe", "there is nothing in it"),
        (b"[" * 100000, "is nested more than 64 deep"),
        (b"[1]", "is no tuning file of libcamera: it has neither a list of 'algorithms'"),
        (b'{"version": 2.0, "algorithms": []}', "its keys: version, algorithms"),
        (OLD.replace(":4096", ':"4096"').encode(), "black_level is '\"4096\"', not a number"),
        (OLD.replace("65535, 65535", "65535").encode(), "gamma_curve of rpi.contrast is no list of pairs"),
        (OLD.replace("2.45273", "2.4, 1").encode(), "ccms of rpi.ccm are not nine numbers"),
        (OLD.replace("1.66078,", '1.66078, "').encode(), "can be read: line 24"),
    ],
)  # fmt: skip
def test_a_template_that_does_not_fit_is_refused_in_words(template, message):
    everything = {**DEFAULT, "black.offset": 0.01, "tone.gamma": 1.1, "matrix.strength": 0.9}
    with pytest.raises(ConfigError, match=message) as raised:
        to_libcamera(everything, DEFAULT, DEFAULT, template)
    assert "\n" not in str(raised.value)


def _notes(template, **changes):
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    edited = ISP.edited_file("libcamera", {**DEFAULT, **changed}, DEFAULT, template.encode())
    return edited.data.decode(), edited.notes


@pytest.mark.parametrize("absent", ["rpi.sdn", "rpi.ccm", "rpi.contrast", "rpi.black_level"])
def test_an_algorithm_that_is_not_there_is_named_and_the_rest_is_written(absent):
    text, notes = _notes(OLD.replace(f'"{absent}"', '"rpi.else"'), sharpen__amount=1.0)
    assert _algorithms(text)["rpi.sharpen"] == {"strength": 2.0}
    assert notes == (f"the template has no {absent.replace('sdn', 'denoise')}",)


def test_only_changes_that_have_no_place_are_said_plainly():
    text, notes = _notes(OLD.replace('"rpi.ccm"', '"rpi.else"'), colour__saturation=1.5, local__detail=0.25)
    assert text == OLD.replace('"rpi.ccm"', '"rpi.else"')
    assert notes == (
        "the template has no place for a change of local.detail: 0 -> 0.25",
        "the template has no place for a change of colour.saturation: 1 -> 1.5",
        "the template has no rpi.ccm",
    )
    assert _notes(NEW.replace('"threshold": 0.75', '"threshold": 0'), sharpen__threshold=0.01)[1] == (
        "rpi.sharpen threshold is 0, which no factor changes: sharpen.threshold does not act there",
    )


LAYOUT_1 = """{
    "rpi.black_level":
    {
        "black_level": 4096
    },
    "rpi.dpc": { },
    "rpi.sdn": { },
    "rpi.contrast": { "gamma_curve": [ 0, 0, 16384, 30000, 65535, 65535 ] },
    "rpi.ccm": { "ccms": [ { "ct": 4000, "ccm": [ 1.8, -0.5, -0.3, -0.4, 1.7, -0.3, 0, -0.8, 1.8 ] } ] },
    "rpi.sharpen":
    {
        "strength": 1.0
    }
}
"""
RKISP1 = """# SPDX-License-Identifier: CC0-1.0
%YAML 1.1
---
version: 1
algorithms:
  - Agc:
  - BlackLevelCorrection:
      R:  4096
      Gr: 4096
      Gb: 4096
      B:  4096
  - Ccm:
      ccms:
        - ct: 3000
          ccm: [
            1.8, -0.5, -0.3,
            -0.4, 1.7, -0.3,
            0.0, -0.8, 1.8,
          ]
  - GammaOutCorrection:
  - LensShadingCorrection:
      x-size: [ 0.0625, 0.0625 ]  # halves
...
"""
SIMPLE = """# SPDX-License-Identifier: CC0-1.0
%YAML 1.1
---
version: 1
algorithms:
- BlackLevel:
    blackLevel: 4096
- Awb:
- Adjust:
    gamma: 2.2
    saturation: 1.00
...
"""
IPU3 = "%YAML 1.1\n---\nversion: 1\nalgorithms:\n  - Af:\n  - ToneMapping:\n      gamma: 1.1\n...\n"
MALI = "version: 1\nalgorithms:\n  - BlackLevelCorrection:\n      offset00: 51200\n      offset01: 51200\n"


@pytest.mark.parametrize(
    ("template", "knob", "value", "lines"),
    [
        (LAYOUT_1, "sharpen__amount", 1.0, ['        "strength": 2.0']),
        (LAYOUT_1, "black__offset", 0.001, ['        "black_level": 4162']),
        (LAYOUT_1, "raw_denoise__luma", 1.2, ['    "rpi.sdn": { "deviation": 6.4 },']),
        (RKISP1, "black__offset", 0.001, ["      R:  4162", "      Gr: 4162", "      Gb: 4162", "      B:  4162"]),
        (RKISP1.replace("4096", "256"), "black__offset", 0.01,
         ["      R:  297", "      Gr: 297", "      Gb: 297", "      B:  297"]),
        (RKISP1, "tone__gamma", 1.5, ['  - GammaOutCorrection: { "gamma": 3.3 }']),
        (RKISP1, "matrix__strength", 0.0,
         ["            1.0, 0.0, 0.0,", "            0.0, 1.0, 0.0,", "            0.0, 0.0, 1.0,"]),
        (SIMPLE, "colour__saturation", 1.5, ["    saturation: 1.50"]),
        (SIMPLE, "tone__gamma", 2.0, ["    gamma: 4.4"]),
        (IPU3, "tone__gamma", 2.0, ["      gamma: 2.2"]),
        (MALI, "black__offset", 0.001, ["      offset00: 52249", "      offset01: 52249"]),
    ],
)  # fmt: skip
def test_files_of_other_layouts_are_written_in_place(tmp_path, template, knob, value, lines):
    for text in (template, template.replace("\n", "\r\n")):
        path = tmp_path / "tuning"
        path.write_bytes(text.encode())
        found = read_set(path)
        assert found.pipeline == "raw"
        whole = ISP.space.complete(found.values)
        assert whole == DEFAULT
        assert ISP.edited_file("libcamera", whole, {}, text.encode()).data == text.encode()
        changed, notes = _notes(text, **{knob: value})
        assert [line for line in changed.splitlines() if line not in text.splitlines()] == lines
        assert not any("no place" in note for note in notes)
        path.write_bytes(changed.encode())
        (tmp_path / "template").write_bytes(text.encode())
        back = read_set(path, tmp_path / "template").values
        assert back[knob.replace("__", ".")] == pytest.approx(value, rel=2e-3, abs=1e-5)


MEASURED = sorted((Path(__file__).parents[5] / "shared" / "data" / "measured").glob("libcamera_*.json"))
KNOB_LINES = {
    "sharpen.amount": r'^ *"strength": [\d.]+$', "sharpen.threshold": r'^ *"threshold": ',
    "sharpen.halo": r'^ *"limit": ',
    "black.offset": r'^ *"black_level": ', "raw_denoise.luma": r'^ *"deviation(2|_no_tdn)?": ',
    "raw_denoise.chroma": r'^ *"deviation": ', "denoise.chroma": r'^ *"strength": ', "tone.gamma": r"^[\d, ]+$",
    "tone.contrast": r"^[\d, ]+$", "matrix.strength": r"^[-\d., ]+$", "colour.saturation": r"^[-\d., ]+$",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(
    not MEASURED, reason="the shipped tuning files are in ../shared/data/measured, which is not here"
)
@pytest.mark.parametrize("path", MEASURED, ids=[path.stem for path in MEASURED])
def test_a_shipped_file_comes_back_byte_for_byte_and_one_knob_changes_its_own_lines_only(path):
    data = path.read_bytes()
    values = ISP.space.complete(read_set(path).values)
    assert ISP.edited_file("libcamera", values, {}, data).data == data
    older = b"rpi.denoise" not in data  # it has no colour denoising, and its numbers are not in the file
    turn = MEASURED.index(path)  # a third of the knobs for each, so that they all have their turns
    for knob, pattern in list(KNOB_LINES.items())[turn % 3 :: 3]:
        (param,) = (p for p in ISP.space if p.name == knob)
        value = param.default + 0.25 * (param.high - param.default)
        new = ISP.edited_file("libcamera", {**values, knob: value}, values, data)
        before, after = data.decode().splitlines(), new.data.decode().splitlines()
        if older and knob.endswith("chroma"):
            assert (new.data, len(new.notes)) == (data, 1)
            continue
        changed = [line for line, old in zip(after, before, strict=True) if line != old]
        if len(before) == len(after):
            assert changed, knob
            pattern = r"rpi\.sdn" if older and knob == "raw_denoise.luma" else pattern
            assert all(re.search(pattern, line) for line in changed), (knob, changed[:5])
            assert knob.split(".")[0] in ("tone", "matrix", "colour") or len(changed) <= 3


def test_the_raw_isp_says_what_it_writes_and_what_is_left_out():
    assert isinstance(ISP, WritesParameterFiles)
    assert isinstance(ISP, EditsParameterFiles)
    assert ISP.facts.file_formats == ("libcamera",)
    left = ISP.facts.left_out["libcamera"]
    assert "local.detail" in left
    assert "sharpen.radius" in left
    assert not {"tone.gamma", "black.offset", "sharpen.halo"} & set(left)
    with pytest.raises(ConfigError, match="writes the format libcamera, not 'pp3'"):
        ISP.parameter_file("pp3", DEFAULT, None)


def test_a_chart_taken_back_into_a_raw_file_still_knows_its_parts():
    (scene,) = unprocessing("chart:?iso=200&crop=400x300+300+10")
    assert scene.raw is not None
    assert "edge.left" in scene.metadata["regions"]
    assert scene.metadata["regions"]["edge.left"][0] == (48, 62)
