"""Knobs that stand in text files of somebody else's ISP: read from there, written there, and nothing else touched."""

import base64
import json
import shlex

import pytest

from isptune.errors import ConfigError, IsptuneError, SpaceError
from isptune.interfaces import EditsParameterFiles, ReadsParameterFiles, WritesParameterFiles
from isptune.registry import build
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import load_scenes
from isptune.space import Real, Space
from isptune.testing import check_pipeline
from isptune.tuning.bench import Bench
from pipelines.external.parameter_files import ParameterFiles
from pipelines.external.write import Write
from tests.pipelines.external.test_remote import Board

SCENE = load_scenes(["cat"], crop="24x16")[0]

XML = '<?xml version="1.0"?>\r\n<ctx>\r\n  <!-- mine -->\r\n  <gain unit="x">1.000</gain>\r\n</ctx>\r\n'
JSON = """{
  "iso": [100, 200, 400, 800, 1600],
  "table": [1.0, 1.0, 0.9, 0.8, 0.8],  # by hand
  "black": {"r": 0x40, "gr": 0x40, "gb": 64, "b": 64},
  "mode": "auto", "rows": [{"ct": 3000, "gain": 10}, {"ct": 6000, "gain": 20}],
}
"""
INI = "[noise]\nlevels = 10, 20, 40   ; per gain\nauto = True\n"
HEADER = "#define OFFSET 0x00 // left alone\n"
KNOBS = r"""
[[param]]
name = "gain"
range = [0.5, 2.0]
write = {file = "iq.xml", at = "/ctx/gain"}

[[param]]
name = "table.low"
range = [0.5, 2.0]
write = {file = "iq/table.json", at = "table", nodes = "iso", node = 100, interpolate = "log"}

[[param]]
name = "table.high"
range = [0.1, 2.0]
write = {file = "iq/table.json", at = "table", nodes = "iso", node = 1600, interpolate = "log"}

[[param]]
name = "black"
type = "integer"
range = [0, 255]
write = [{file = "iq/table.json", at = "black.r"}, {file = "iq/table.json", at = "/black/b"}]

[[param]]
name = "mode"
type = "choice"
options = ["auto", "night"]
write = {file = "iq/table.json", at = "mode"}

[[param]]
name = "warm"
type = "integer"
range = [0, 99]
write = {file = "iq/table.json", at = "rows[*].gain", nodes = "rows[*].ct", node = 3000}

[[param]]
name = "noise"
range = [0.5, 2.0]
write = {file = "noise.ini", at = "noise.levels", how = "factor"}

[[param]]
name = "noise.mid"
range = [1.0, 99.0]
write = {file = "noise.ini", at = "noise.levels", nodes = [1, 2, 4], node = 2}

[[param]]
name = "auto"
type = "choice"
options = ["true", "false"]
write = {file = "noise.ini", at = "noise.auto"}

[[param]]
name = "offset"
type = "integer"
range = [0, 64]
write = {file = "reg.h", at = '^#define OFFSET\s+(\w+)'}

[[param]]
name = "alone"
range = [0.0, 1.0]
default = 0.5
"""
PROGRAM = """
import json, pathlib, re, shutil, sys
scene, folder, xml, out = sys.argv[1:]
files = {p.name: p.read_bytes().decode() for p in pathlib.Path(folder).rglob("*") if p.is_file()}
pathlib.Path("seen.json").write_text(json.dumps(files))
gain = float(re.search(r">([0-9.]+)<", pathlib.Path(xml).read_text())[1])
import cv2, numpy as np
image = cv2.imread(scene, cv2.IMREAD_UNCHANGED) * gain
cv2.imwrite(out, image.clip(0, 65535).round().astype(np.uint16))
"""
FILES = {"iq.xml": XML, "iq/table.json": JSON, "noise.ini": INI, "reg.h": HEADER}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "iq").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "isp.py").write_text(PROGRAM)
    command = ["{python}", "isp.py", "{scene}", "{files}", "{iq.xml}", "{out}"]
    (tmp_path / "isp.toml").write_text(f"command = {json.dumps(command)}\n{KNOBS}")
    return tmp_path


@pytest.fixture
def isp(folder):
    return build("pipeline", f"command:{folder / 'isp.toml'}")


def _lines(before, after):
    """What is new, line by line."""
    pairs = zip(before.split("\n"), after.split("\n"), strict=True)
    return [new for old, new in pairs if old != new]


def _edited(isp, name, **changes):
    values = {**isp.space.default, **{key.replace("__", "."): value for key, value in changes.items()}}
    return isp.parameter_file(name, values, None).decode()


def test_the_files_say_what_the_defaults_are(isp):
    assert isp.space.default == {
        "gain": 1.0, "table.low": 1.0, "table.high": 0.8, "black": 64, "mode": "auto", "warm": 10, "noise": 1.0,
        "noise.mid": 20.0, "auto": "true", "offset": 0, "alone": 0.5,
    }  # fmt: skip
    for name, text in FILES.items():
        assert _edited(isp, name) == text
    assert set(isp.facts.versions) > set(FILES)


@pytest.mark.parametrize(
    ("file", "changes", "lines"),
    [
        ("iq.xml", {"gain": 1.25}, ['  <gain unit="x">1.250</gain>\r']),
        ("iq/table.json", {"table__low": 1.4}, ['  "table": [1.4, 1.3, 1.1, 0.9, 0.8],  # by hand']),
        ("iq/table.json", {"table__low": 1.4, "table__high": 0.9},
         ['  "table": [1.4, 1.325, 1.15, 0.975, 0.9],  # by hand']),
        ("iq/table.json", {"black": 80}, ['  "black": {"r": 0x50, "gr": 0x40, "gb": 64, "b": 80},']),
        ("iq/table.json", {"mode": "night", "warm": 11},
         ['  "mode": "night", "rows": [{"ct": 3000, "gain": 11}, {"ct": 6000, "gain": 20}],']),
        ("noise.ini", {"noise": 1.25}, ["levels = 12, 25, 50   ; per gain"]),
        ("noise.ini", {"noise__mid": 25.0}, ["levels = 10, 25, 40   ; per gain"]),
        ("noise.ini", {"noise": 2.0, "noise__mid": 30.0}, ["levels = 20, 60, 80   ; per gain"]),
        ("noise.ini", {"auto": "false"}, ["auto = False"]),
        ("reg.h", {"offset": 10}, ["#define OFFSET 0x0a // left alone"]),
    ],
)  # fmt: skip
def test_a_knob_changes_its_own_place(isp, file, changes, lines):
    assert _lines(FILES[file], _edited(isp, file, **changes)) == lines
    for other in set(FILES) - {file}:
        assert _edited(isp, other, **changes) == FILES[other]


@pytest.mark.parametrize(
    ("interpolate", "nodes", "values"),
    [
        ("linear", (0, 1, 4), [10.0, 15.0, 30.0]),
        ("log", (100, 200, 1600), [10.0, 15.0, 30.0]),
        ("mired", (2000, 2400, 6000), [10.0, 15.0, 30.0]),
    ],
)
def test_what_lies_between_the_nodes_is_interpolated(interpolate, nodes, values):
    text = "rows:\n" + "".join(f"- {{n: {node}, v: 10.0}}\n" for node in nodes)
    low, high = (
        Write("t.yaml", "rows[*].v", nodes="rows[*].n", node=node, interpolate=interpolate)
        for node in (nodes[0], nodes[-1])
    )
    files = ParameterFiles({"t.yaml": text.encode()}, {"low": [low], "high": [high]})
    space = Space((Real("low", 0, 99, 10.0), Real("high", 0, 99, 10.0)))
    edited = files.edited({"low": 10.0, "high": 30.0}, space.default, space)["t.yaml"].decode()
    found = [float(line.partition("v: ")[2].rstrip("}")) for line in edited.splitlines()[1:]]
    assert found == pytest.approx(values)


@pytest.mark.slow
def test_a_program_gets_copies_with_the_values_of_its_candidate(isp, folder):
    params = {name: value if isinstance(value, str) else [value] for name, value in isp.space.default.items()}
    import torch

    batch = {n: v if isinstance(v, str) else torch.tensor(v, dtype=torch.float32) for n, v in params.items()}
    isp.render(SCENE, batch, 0)
    assert json.loads((folder / "seen.json").read_text()) == {
        n.rpartition("/")[2]: text for n, text in FILES.items()
    }
    picture = isp.render(SCENE, {**batch, "gain": torch.tensor([0.5])}, 0)
    assert json.loads((folder / "seen.json").read_text())["iq.xml"] == XML.replace("1.000", "0.500")
    assert (picture - SCENE.image * 0.5).abs().max() < 1e-4
    for name, text in FILES.items():
        assert (folder / name).read_bytes() == text.encode()


@pytest.mark.slow
def test_the_contract_of_pipelines_is_kept(isp):
    assert all(isinstance(isp, p) for p in (WritesParameterFiles, EditsParameterFiles, ReadsParameterFiles))
    check_pipeline(isp, SCENE)
    assert isp.facts.file_formats == tuple(FILES)
    assert "alone" in isp.facts.left_out["reg.h"]


def test_a_template_keeps_what_the_search_did_not_change(isp):
    other = XML.replace("1.000", "3.5").replace("mine", "theirs").encode()
    start = {**isp.space.default, "gain": 1.5}
    assert isp.edited_file("iq.xml", start, start, other).data == other
    edited = isp.edited_file("iq.xml", {**start, "gain": 1.25, "alone": 0.75}, start, other)
    assert edited.data == other.replace(b"3.5", b"1.25")
    assert edited.notes == ("iq.xml has no place for a change of alone: 0.5 -> 0.75",)
    elsewhere = isp.edited_file("iq.xml", {**start, "offset": 3}, start, None)
    assert elsewhere.notes == ("iq.xml has no place for a change of offset: 0 -> 3; that stands in reg.h",)


@pytest.mark.slow
def test_a_file_of_the_users_own_is_what_a_search_starts_from(isp, folder, isptune):
    night = folder / "iq_night.xml"
    night.write_bytes(XML.replace("1.000", "1.75").replace("mine", "night").encode())
    found = isp.set_of_file(night.read_bytes(), night)
    assert (found.values, found.options) == ({"gain": 1.75}, {"base": str(night)})
    status, _, err = isptune(
        "import", night, "--pipeline", f"command:{folder / 'isp.toml'}", "--scene", "cat", "--crop", "16x16",
        "--objective", "sharpness", "--population", "2", "--generations", "1", "--confirm", "1", "--tune", "offset",
        "--second-opinion", "none", "--device", "cpu", "--out", "r",
    )  # fmt: skip
    assert (status, err) == (0, "")
    answer = json.loads((folder / "r" / "recommended.json").read_text())
    assert answer["default"]["gain"] == 1.75
    assert "night" in json.loads((folder / "seen.json").read_text())["iq.xml"]
    status, out, _ = isptune("export", "r", "--format", "iq.xml")
    assert (status, out) == (0, night.read_bytes().decode())


@pytest.mark.slow
def test_a_file_of_the_users_own_is_verified_like_a_set(folder, isptune):
    (folder / "tuned.xml").write_bytes(XML.replace("1.000", "0.5").encode())
    asked = [
        "--pipeline",
        f"command:{folder / 'isp.toml'}",
        "--scene",
        "cat",
        "--crop",
        "16x16",
        "--objective",
        "tv",
    ]
    status, out, _ = isptune("verify", "tuned.xml", *asked, "--confirm", "1")
    assert (status, out.splitlines()[-1]) == (
        0,
        "passes: tuned may replace the defaults",
    )  # half as bright: less varies
    status, out, _ = isptune("verify", "iq.xml", "--against", "tuned.xml", *asked, "--confirm", "1")
    assert (status, out.splitlines()[-1][:14]) == (1, "does not pass:")


def test_files_of_the_users_own_are_told_apart_knob_by_knob(folder, isptune):
    (folder / "tuned.ini").write_text(INI.replace("20", "30"))
    named = ["--pipeline", f"command:{folder / 'isp.toml'}"]
    status, out, _ = isptune("diff", "noise.ini", "tuned.ini", *named, "--json")
    found = json.loads(out)
    assert (status, found["old"], found["new"], found["missing"]) == (0, "noise", "tuned", {})
    assert [(c["knob"], c["old"], c["new"]) for c in found["changes"]] == [("noise.mid", 20.0, 30.0)]
    (folder / "set.toml").write_text("[values]\n'noise.mid' = 30.0\n")
    status, out, _ = isptune("diff", "set.toml", "tuned.ini", *named)
    assert (status, out.splitlines()[1]) == (0, "the sets are equal in all 1 knobs that both hold")
    assert isptune("diff", "noise.ini", "tuned.ini")[0] == 2


@pytest.mark.slow
def test_the_steps_after_a_run_by_a_program_can_be_given_as_they_are(folder, isptune):
    spec = f"command:{folder / 'isp.toml'}"
    short = ["--scene", "cat", "--crop", "16x16", "--objective", "tv", "--population", "4", "--generations", "2",
             "--tune", "gain", "--confirm", "1", "--second-opinion", "none", "--device", "cpu"]  # fmt: skip
    status, out, _ = isptune("run", "--pipeline", spec, *short, "--out", "r")
    assert status == 0
    assert "--trust lets what this folder names start" in out
    steps = [
        shlex.split(line.strip().split("  ")[0]) for line in out.splitlines() if line.startswith("  isptune ")
    ]
    assert [words[1] for words in steps] == ["export", "diff", "verify", "study"]
    other = [word.replace("OTHER", "coffee") for word in steps[2][1:]]
    for words in (steps[1][1:], [*other, "--crop", "16x16", "--confirm", "1"]):
        status, _, err = isptune(*words)
        assert "would start" not in err
        assert status in (0, 1)


@pytest.mark.slow
def test_knobs_without_a_place_are_named_before_the_run(folder, isptune):
    spec = f"command:{folder / 'isp.toml'}"
    marked = r"offset, alone \(no place in iq\.xml, iq/table\.json, noise\.ini, reg\.h\)"
    with pytest.raises(SpaceError, match=marked):
        Bench(RunSettings(pipeline=spec, scenes=("cat",), tune=("none",)))
    short = ["--scene", "cat", "--crop", "16x16", "--objective", "sharpness", "--population", "2", "--generations", "1",
             "--confirm", "1", "--second-opinion", "none", "--device", "cpu", "--out", "r"]  # fmt: skip
    status, _, err = isptune("import", "iq.xml", "--pipeline", spec, "--tune", "gain,alone", *short)
    assert (status, err) == (0, "note: the file that is started from has no place for: alone\n")


def test_a_board_gets_the_files_with_the_request(tmp_path):
    board = Board()
    try:
        (tmp_path / "iq.xml").write_bytes(XML.encode())
        text = (
            KNOBS[: KNOBS.index("[[param]]", 20)]
            + '[[param]]\nname = "tone.gain"\nrange = [0.5, 2.0]\ndefault = 1.0\n'
        )
        text += '[[param]]\nname = "order"\ntype = "choice"\noptions = ["rgb", "bgr"]\ndefault = "rgb"\n'
        (tmp_path / "board.toml").write_text(f'url = "{board.url}"\n{text}')
        isp = build("pipeline", f"remote:{tmp_path / 'board.toml'}")
        check_pipeline(isp, SCENE)
        asked = board.requests[-1][2]
        sent = base64.b64decode(asked["files"]["iq.xml"]).decode()
        assert f"{asked['params']['gain']:.7g}" in sent
        assert sent.split("\r\n")[2] == "  <!-- mine -->"
        assert isp.facts.file_formats == ("file", "iq.xml")
        assert isp.parameter_file("file", {**isp.space.default, "gain": 2.0}, None).decode() == XML.replace(
            "1.000", "2.000"
        )
    finally:
        board.server.shutdown()
        board.thread.join()
        board.server.server_close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('at = "/ctx/gain"', 'at = "/ctx/none"'), "isp.toml: gain: iq.xml: '/ctx/none' is not there"),
        (('at = "black.r"', 'at = "rows[*].gain"'), "black: iq/table.json: 'rows[*].gain' is there 2 times"),
        (('node = 100,', 'node = 150,'), "node 150 is not there in 100, 200, 400, 800, 1600"),
        (('nodes = "iso", node = 100', 'nodes = [1, 2], node = 1'), "'table' has 5 values, and nodes has 2 nodes"),
        (('nodes = "iso", node = 100, ', ''), "interpolate needs nodes and node"),
        (('file = "reg.h"', 'file = "none.h"'), "none.h: no such file"),
        (('file = "reg.h"', 'file = "reg.bin"'), "which format has it? Give format = json, yaml"),
        (('file = "reg.h",', 'file = "reg.h", fromat = "ini",'), "offset: write[0]: unknown key 'fromat'; did"),
        (('range = [0.5, 2.0]\nwrite = {file = "iq.xml"', 'range = [2.0, 4.0]\nwrite = {file = "iq.xml"'),
         "gain = 1 is outside [2, 4]; that is what iq.xml says at '/ctx/gain'"),
        (('["auto", "night"]', '["day", "night"]'), "'mode' is 'auto', none of day, night"),
        (('"{files}"', '"{iq.xml}"'), "command names neither {iq/table.json} nor {files}: nobody would read that file"),
        (("default = 0.5", ""), "alone: has no 'default'"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_used_is_refused_before_the_run(folder, change, message):
    file = folder / "isp.toml"
    assert change[0] in file.read_text()
    file.write_text(file.read_text().replace(change[0], change[1], 1))
    with pytest.raises(IsptuneError) as raised:
        build("pipeline", f"command:{file}")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_none_of_the_isps_is_refused(isp, folder):
    with pytest.raises(ConfigError, match="which of iq.xml, iq/table.json, noise.ini, reg.h is it"):
        isp.set_of_file(b"", folder / "other.bin")
    with pytest.raises(ConfigError, match="has no parameter file 'pp3'; there are: iq.xml, "):
        isp.parameter_file("pp3", isp.space.default, None)
