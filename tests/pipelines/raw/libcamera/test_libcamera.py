"""Tuning files of libcamera: the mapped numbers change, every other byte stays."""

import json
import re

import numpy as np
import pytest

from isptune.errors import ConfigError
from isptune.interfaces import WritesParameterFiles
from pipelines.raw.libcamera.json_text import JsonText
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


@pytest.mark.parametrize("template", [OLD, NEW, OLD.replace("\n", "\r\n")])
def test_the_defaults_change_the_gamma_curve_and_not_one_other_byte(template):
    text = _export(template)
    assert _without(text, GAMMA) == _without(template, GAMMA)
    blanks = re.search(GAMMA, template, re.DOTALL).group()
    changed = re.search(GAMMA, text, re.DOTALL).group()
    assert re.sub(r"\d+", "#", changed) == re.sub(r"\d+", "#", blanks), "places, order and blanks are kept"


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


def test_the_gamma_curve_is_the_raw_isps_own_tone_curve():
    curve = _algorithms(_export(OLD))["rpi.contrast"]["gamma_curve"]
    places, values = np.array(curve[::2]) / 65535, np.array(curve[1::2]) / 65535
    encoded = np.where(places > 0.0031308, 1.055 * places ** (1 / 2.4) - 0.055, 12.92 * places)
    np.testing.assert_allclose(values, encoded, atol=3e-5)
    bright = _algorithms(_export(OLD, tone__gamma=1.5))["rpi.contrast"]["gamma_curve"][1::2]
    np.testing.assert_allclose(np.array(bright) / 65535, encoded ** (1 / 1.5), atol=1e-4)
    steep = _algorithms(_export(OLD, tone__contrast=1.0, tone__shadows=-1.0, tone__black=0.1))
    assert np.all(np.diff(steep["rpi.contrast"]["gamma_curve"][1::2]) >= 0)


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
        (b"", "is not JSON that can be read"),
        (b"\xff\xfe", "is no tuning file"),
        (b"[" * 100000, "is not JSON that can be read"),
        (b"[1]", "no tuning file of version 2.0"),
        (b'{"version": 1.0, "algorithms": []}', r"version 2.0 \(version 1.0\)"),
        (b'{"version": 2.0, "algorithms": []}', "no algorithm rpi.black_level, .* it has: none"),
        (OLD.replace("rpi.sharpen\": { }", "rpi.x\": { }").encode(), "no algorithm rpi.sharpen"),
        (OLD.replace(":4096", ':"4096"').encode(), "black_level is '4096', not a number"),
        (OLD.replace('"black_level" :', '"level" :').encode(), "has no black_level"),
        (OLD.replace("65535, 65535", "65535").encode(), "no gamma_curve of pairs"),
        (OLD.replace("2.45273", "2.4, 1").encode(), "no ccms of nine numbers"),
    ],
)  # fmt: skip
def test_a_template_that_does_not_fit_is_refused_in_words(template, message):
    with pytest.raises(ConfigError, match=message):
        to_libcamera(DEFAULT, DEFAULT, template)


def test_the_raw_isp_says_what_it_writes_and_what_is_left_out():
    assert isinstance(ISP, WritesParameterFiles)
    assert ISP.facts.file_formats == ("libcamera",)
    left = ISP.facts.left_out["libcamera"]
    assert "local.detail" in left
    assert "sharpen.radius" in left
    assert not {"tone.gamma", "black.offset", "sharpen.halo"} & set(left)
    with pytest.raises(ConfigError, match="writes the format libcamera, not 'pp3'"):
        ISP.parameter_file("pp3", DEFAULT, None)


def test_values_are_found_where_json_has_them():
    text = '\n{ "a" : [1 , {"b":"]}\\"" ,"c":[ ]} ,-2.5e1] , "a\\n": {}, "d":{ "e": null } }'
    file = JsonText(text, "x")
    members = file.members(file.whole)
    assert {key: file.read(span) for key, span in members.items()} == json.loads(text)
    assert [file.read(span) for span in file.items(members["a"])] == [1, {"b": ']}"', "c": []}, -25.0]
    assert file.items(members["d"]) == []
    assert file.members(members["a"]) == {}
    file.replace(file.items(members["a"])[2], 7)
    file.add(members["a\n"], [("x", 1.5), ("y", 2)])
    file.add(members["d"], [("f", 3)])
    expected = (
        text.replace("-2.5e1", "7").replace("{}", '{ "x": 1.5, "y": 2 }').replace("null", 'null, "f": 3')
    )
    assert file.edited() == expected


def test_a_chart_taken_back_into_a_raw_file_still_knows_its_parts():
    (scene,) = unprocessing("chart:?iso=200&crop=400x300+300+10")
    assert scene.raw is not None
    assert "edge.left" in scene.metadata["regions"]
    assert scene.metadata["regions"]["edge.left"][0] == (48, 62)
