"""Sidecars of darktable: the user's own is the base, and only the parameters of changed modules differ."""

import base64
import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from isptune.errors import ConfigError, RenderError
from isptune.parameter_set import read_set
from isptune.registry import build
from isptune.space import Choice
from pipelines.darktable.fields import CURVES, FLOATS, INTEGERS, RULINGS, SIZES, WORDS, knobs_of
from pipelines.darktable.modules import SPACE, modules_of
from pipelines.darktable.reading import OPERATIONS, sidecar_of
from tests.pipelines.developers import SCENE, needs, params_of

INSTALLED = [
    path
    for folder in ("/usr/share/darktable", "/usr/share/doc/darktable")
    for path in Path(folder).rglob("*.xmp")
]

ON = SPACE.complete(
    {
        "raw.denoise": 0.01, "raw.hot_pixels": 0.25, "denoise.luma": 0.5, "haze.strength": 0.2, "tone.shadows": 50.0,
        "local_contrast.detail": 0.25, "color.vibrance": 0.2, "white_balance.red": 1.25, "sharpen.amount": 0.5,
    }
)  # fmt: skip
STRUCTS = {module.operation: module.params for module in modules_of(ON)}
MASK = "gz11eJxjYIAACQYYOOHEgAZY0QWAgBGLGANDgz0Ej1Q+dcF/IADRAGpyHQU="


def _entry(number, operation, version, params, enabled=1, priority=0, packed=False, more=""):
    text = params.hex()
    if packed:
        text = f"gz02{base64.b64encode(zlib.compress(params)).decode()}"
    return f"""     <rdf:li
      darktable:num="{number}"
      darktable:operation="{operation}"
      darktable:enabled="{enabled}"
      darktable:modversion="{version}"
      darktable:params="{text}"
      darktable:multi_name="{more}"
      darktable:multi_name_hand_edited="0"
      darktable:multi_priority="{priority}"
      darktable:blendop_version="14"
      darktable:blendop_params="{MASK}"/>
"""


def _sidecar(
    entries, end=None, head='darktable:xmp_version="5" darktable:auto_presets_applied="1"', seq=None
):
    end = len(entries) if end is None else end
    seq = f"<rdf:Seq>\n{''.join(entries)}    </rdf:Seq>" if seq is None else seq
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmp:Rating="1" {head}
   darktable:history_end="{end}"
   darktable:iop_order_version="4">
   <darktable:masks_history>
    <rdf:Seq/>
   </darktable:masks_history>
   <darktable:history>
    {seq}
   </darktable:history>
   <dc:subject><rdf:Bag><rdf:li>größer &gt; kleiner</rdf:li></rdf:Bag></dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
""".encode()


VERSIONS = {
    operation: max(v for v in SIZES[operation] if SIZES[operation][v] == len(STRUCTS[operation]))
    for operation in OPERATIONS
}
FILMIC = _entry(0, "filmicrgb", 6, bytes(range(80)), packed=True)
USERS = _sidecar(
    [
        FILMIC,
        _entry(1, "exposure", 6, struct.pack("<i4fi", 0, 0.001, 0.5, 50.0, -4.0, 1)),
        _entry(2, "sharpen", 1, struct.pack("<3f", 1.5, 0.8, 0.25), priority=1, more="second &amp; masked"),
        _entry(3, "sharpen", 1, struct.pack("<3f", 2.0, 0.5, 0.5), packed=True),
        _entry(4, "exposure", 6, struct.pack("<i4fi", 0, 0.001, 4.5, 50.0, -4.0, 1)),
        _entry(5, "highlights", 2, bytes(16)),
        _entry(6, "hazeremoval", 1, struct.pack("<2f", 0.3, 0.2), enabled=0),
    ]
)
SYNTHETIC = {
    "users": USERS,
    "all": _sidecar([_entry(i, op, VERSIONS[op], STRUCTS[op], packed=i % 2) for i, op in enumerate(OPERATIONS)]),
    "empty": _sidecar([], seq="<rdf:Seq/>"),
    "older": _sidecar([_entry(0, "exposure", 5, struct.pack("<i4f", 0, 0.0, 1.0, 50.0, -4.0)),
                       _entry(1, "shadhi", 4, STRUCTS["shadhi"][:44]),
                       _entry(2, "demosaic", 3, STRUCTS["demosaic"][:20])]),
    "newer": _sidecar([_entry(0, "exposure", 7, STRUCTS["exposure"] + bytes(4)), _entry(1, "agx", 7, bytes(60))]),
    "mark": b"\xef\xbb\xbf" + USERS,
    "crlf": USERS.replace(b"\n", b"\r\n"),
    "quotes": USERS.replace(b'"', b"'"),
    "no_end": USERS.replace(b'darktable:history_end="7"', b""),
    "odd_end": USERS.replace(b'history_end="7"', b'history_end="-1"').replace(b'num="3"', b'num=""'),
    "undone": _sidecar([FILMIC, _entry(1, "sharpen", 1, bytes(12))], end=1),
    "bags": _sidecar([], seq="", head='darktable:xmp_version="1"').replace(
        b"<darktable:history>", b"<darktable:history_operation><rdf:Seq><rdf:li>exposure</rdf:li></rdf:Seq>"
        b"</darktable:history_operation><darktable:history>"),
    "odd_mode": _sidecar([_entry(0, "demosaic", 4, struct.pack("<ifiiif", 0, 0, 0, 2053, 1, 0.2)),
                          _entry(1, "sharpen", 1, struct.pack("<3f", 0.0, float("nan"), 0.5))]),
}  # fmt: skip


def _files():
    marks = [pytest.param(path.read_bytes(), id=path.stem) for path in INSTALLED]
    return [*marks, *(pytest.param(data, id=name) for name, data in SYNTHETIC.items())]


def _other(param):
    if isinstance(param, Choice):
        return next(option for option in param.options if option != param.default)
    return param.high if param.default != param.high else param.low


def _without_values(data):
    """The bytes with what a changed knob may change taken out: parameters, switches, added entries, the end."""
    data = re.sub(rb"<rdf:li darktable:num=[^>]*/>\n", b"", data)
    data = data.replace(b"<rdf:Seq></rdf:Seq>", b"<rdf:Seq/>")
    return re.sub(rb"""(darktable:(?:params|enabled|history_end))=("[^"]*"|'[^']*')""", rb"\1", data)


def _history(data):
    space = "{http://darktable.sf.net/}"
    entries = ElementTree.fromstring(data).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")
    return [
        {key.removeprefix(space): text for key, text in entry.attrib.items()}
        for entry in entries
        if entry.attrib
    ]


@pytest.mark.slow
@pytest.mark.parametrize("data", _files())
def test_a_sidecar_comes_back_byte_for_byte_and_a_changed_knob_changes_its_module_only(data):
    sidecar = sidecar_of(data, "own.xmp")
    assert sidecar.with_values(sidecar.space.default).text.data == data
    assert sidecar.with_values(sidecar.values).text.data == data
    before = _history(data)
    for param in sidecar.space:
        changed = sidecar.with_values({param.name: _other(param)})
        assert _without_values(changed.text.data) == _without_values(data)
        after = _history(changed.text.data)
        (operation,) = [op for op in OPERATIONS if param.name in knobs_of(op)]
        differing = [new for old, new in zip(before, after, strict=False) if old != new] + after[
            len(before) :
        ]
        assert len(differing) <= 1, param.name
        assert all(entry["operation"] == operation for entry in differing)
        if differing:  # none where the knob of a tool that is off has no effect
            back = changed.values
            assert back[param.name] == (
                pytest.approx(_other(param), rel=1e-6) if not isinstance(param, Choice) else _other(param)
            )
            others = set(sidecar.values) - set(knobs_of(operation))
            assert all(back[name] == sidecar.values[name] for name in others)


def test_the_rest_of_the_users_picture_stays_what_it_was():
    sidecar = sidecar_of(USERS, "own.xmp")
    assert sidecar.values["exposure.ev"] == 4.5  # the last step counts
    assert next(p for p in sidecar.space if p.name == "exposure.ev").high == 4.5
    assert sidecar.values["haze.strength"] == 0.0
    assert sidecar.passed_through == ["filmicrgb", "sharpen (instance 1)"]
    assert set(sidecar.locked) == {"tone.contrast", "tone.skew", "tone.hue_preservation", "highlights.mode"}
    changed = sidecar.with_values(
        {"exposure.ev": -1.0, "haze.strength": 0.5, "color.chroma": 0.25, "sharpen.amount": 0.0}
    )
    after = _history(changed.text.data)
    assert [entry["operation"] for entry in after[-2:]] == ["hazeremoval", "colorbalancergb"]
    assert bytes.fromhex(after[4]["params"]) == struct.pack("<i4fi", 0, 0.001, -1.0, 50.0, -4.0, 1)
    assert after[1:3] == _history(USERS)[1:3]  # an earlier step and another instance
    assert (after[6]["enabled"], bytes.fromhex(after[6]["params"])) == ("1", struct.pack("<2f", 0.5, 0.2))
    assert after[3]["params"].startswith("gz")
    assert b'history_end="8"' in changed.text.data


def test_a_curve_of_denoising_is_moved_and_keeps_its_shape():
    heights = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    params = bytearray(STRUCTS["denoiseprofile"])
    struct.pack_into("<7f", params, 340, *heights)
    sidecar = sidecar_of(_sidecar([_entry(0, "denoiseprofile", 11, bytes(params))]), "own.xmp")
    assert sidecar.values["denoise.luma"] == pytest.approx(0.4)
    (after,) = _history(sidecar.with_values({"denoise.luma": 0.5}).text.data)
    assert struct.unpack_from("<7f", bytes.fromhex(after["params"]), 340) == pytest.approx(
        [h + 0.1 for h in heights]
    )


@pytest.mark.parametrize("operation", RULINGS)
def test_a_knob_that_has_no_say_in_a_modules_mode_is_named_and_not_tuned(operation):
    for ruling in RULINGS[operation]:
        params = bytearray(STRUCTS[operation])
        struct.pack_into("<i", params, ruling.offset, ruling.number + 1)
        sidecar = sidecar_of(_sidecar([_entry(0, operation, VERSIONS[operation], bytes(params))]), "own.xmp")
        assert set(ruling.knobs) <= set(sidecar.locked)


def test_an_older_module_is_left_out_and_named_and_nothing_else_is(isptune, tmp_path):
    entries = [
        _entry(0, "highlights", 2, bytes(16)),
        _entry(1, "exposure", 6, struct.pack("<i4fi", 0, 0.0, 1.25, 50.0, -4.0, 0)),
    ]
    (tmp_path / "own.xmp").write_bytes(_sidecar(entries))
    status, _, err = isptune("export", "own.xmp", "--format", "toml", "--out", "own.toml")
    assert status == 0
    assert (
        "cannot be tuned, since highlights of version 2 is not one that can be edited: highlights.mode" in err
    )
    found = read_set(tmp_path / "own.toml")
    assert found.values["exposure.ev"] == 1.25
    assert dict(found.pipeline_options) == {"sidecar": str((tmp_path / "own.xmp").resolve())}


@needs("darktable-cli", "darktable")
def test_a_set_goes_into_a_template_and_leaves_what_nobody_tuned(isptune, tmp_path):
    (tmp_path / "own.xmp").write_bytes(USERS)
    (tmp_path / "set.toml").write_text(
        'pipeline = "darktable"\n[values]\nsharpen.threshold = 1.5\nhighlights.mode = "lch"\n'
    )
    status, _, err = isptune(
        "export", "set.toml", "--format", "xmp", "--template", "own.xmp", "--out", "new.xmp"
    )
    assert status == 0, err
    assert "highlights.mode is not set: highlights of version 2" in err
    assert "not tuned, so as the template has them: exposure.black, exposure.ev, sharpen.amount" in err
    before, after = _history(USERS), _history((tmp_path / "new.xmp").read_bytes())
    assert [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new] == [3]
    (tmp_path / "bags.xmp").write_bytes(SYNTHETIC["bags"])
    with pytest.raises(ConfigError, match="no knob can be set in this sidecar: .*written in another form"):
        build("pipeline", "darktable", sidecar=str(tmp_path / "bags.xmp"))
    with pytest.raises(ConfigError, match="sidecar = 'none.xmp': no such file"):
        build("pipeline", "darktable", sidecar="none.xmp")


@pytest.mark.slow
@needs("darktable-cli", "darktable")
def test_a_module_that_the_program_leaves_out_costs_the_trial(tmp_path):
    (tmp_path / "own.xmp").write_bytes(SYNTHETIC["newer"])
    darktable = build("pipeline", "darktable", sidecar=str(tmp_path / "own.xmp"))
    with pytest.raises(RenderError, match="darktable leaves the module (exposure|agx) of the sidecar out"):
        darktable.render(SCENE, params_of(darktable.space), 0)


LEGACY = """
import ctypes, glob, json, struct, sys
folder = glob.glob("/usr/lib/*/darktable")[0]
ctypes.CDLL(folder + "/libdarktable.so", mode=ctypes.RTLD_GLOBAL)
found = []
for operation, version, size, new, new_size in json.loads(sys.argv[1]):
    convert = ctypes.CDLL(f"{folder}/plugins/lib{operation}.so").legacy_params
    convert.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    defaults = ctypes.create_string_buffer(4096)
    module = (ctypes.c_void_p * 1024)(*[ctypes.addressof(defaults)] * 1024)
    old = ctypes.create_string_buffer(struct.pack(f"<{size // 4}f", *range(1000, 1000 + size // 4)), size + 64)
    out = ctypes.create_string_buffer(new_size + 64)
    addresses = [ctypes.addressof(part) for part in (module, old, out)]
    status = convert(addresses[0], addresses[1], version, addresses[2], new)
    found.append([status, struct.unpack(f"<{new_size // 4}f", out.raw[:new_size])])
print(json.dumps(found))
"""


@needs("darktable-cli", "darktable")
def test_darktable_itself_takes_the_knobs_of_older_versions_from_the_same_places():
    asked = [
        (operation, version, size, VERSIONS[operation], SIZES[operation][VERSIONS[operation]])
        for operation in OPERATIONS
        for version, size in SIZES[operation].items()
        if version < VERSIONS[operation]
    ]
    done = subprocess.run(
        [sys.executable, "-c", LEGACY, json.dumps(asked)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for (operation, version, *_), (status, converted) in zip(asked, json.loads(done.stdout), strict=True):
        assert status == 0
        for kind in (FLOATS, INTEGERS, CURVES):
            for offset in kind.get(operation, {}).values():
                assert converted[offset // 4] == 1000 + offset // 4, (operation, version, offset)
        for offset, _ in WORDS.get(operation, {}).values():
            assert converted[offset // 4] == 1000 + offset // 4, (operation, version, offset)
