"""Programs as pipelines: a small Python script stands for somebody's ISP, and misbehaves as they do."""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

from isptune.bench import Bench
from isptune.errors import ConfigError, RenderError, SceneError, SpaceError
from isptune.images import write_image
from isptune.raw_files import read_raw
from isptune.registry import build
from isptune.run import run
from isptune.scenes import load_scenes, raw_scene
from isptune.settings import RunSettings
from isptune.testing import check_pipeline
from pipelines.command import write_values
from pipelines.external import file_scenes
from tests.raw_captures import capture_of

SCENE = load_scenes(["cat"], crop="24x16")[0]

SPACE = """
[[param]]
name = "tone.gain"
range = [0.5, 2.0]
default = 1.0
log = true

[[param]]
stage = "tone"
name = "offset"
type = "integer"
range = [-20, 20]
default = 0

[[param]]
name = "order"
type = "choice"
options = ["rgb", "bgr"]
default = "rgb"
"""

ISP = """
import json, pathlib, sys
import cv2, numpy as np
scene, params, out = sys.argv[1:4]
values = json.loads(pathlib.Path(params).read_text())
image = cv2.imread(scene, cv2.IMREAD_UNCHANGED).astype(float) / 65535
image = image * values["tone.gain"] + values["tone.offset"] / 255
image = image[..., ::-1] if values["order"] == "bgr" else image
cv2.imwrite(out, np.round(image.clip(0, 1) * 65535).astype(np.uint16))
"""

PLAIN = """
import json, sys
values = json.load(open(sys.argv[2]))
levels = [values["tone.gain"] * 100 + values["tone.offset"], 90, 120]
pixel = bytes(int(level) for level in (levels if values["order"] == "rgb" else levels[::-1]))
open(sys.argv[3], "wb").write(b"P6 24 16 255 " + pixel * 24 * 16)
"""
"""Starts in a fraction of the time: one colour, by the standard library."""

GOOD = ["{python}", "isp.py", "{scene}", "{params}", "{out}"]


def _isp(folder, script=ISP, command=GOOD, settings="", space=SPACE):
    """Write a script and its description; the spec of the pipeline."""
    (folder / "isp.py").write_text(script)
    (folder / "isp.toml").write_text(f"command = {json.dumps(command)}\n{settings}\n{space}")
    return f"command:{folder / 'isp.toml'}"


def _params(gain=1.0, offset=0, order="rgb", batch=1):
    return {
        "tone.gain": torch.full((batch,), float(gain), dtype=torch.float64),
        "tone.offset": torch.full((batch,), float(offset), dtype=torch.float64),
        "order": order,
    }


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    """So that a test can see what is left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_program_gets_the_scene_and_the_values_and_its_picture_comes_back(tmp_path):
    isp = build("pipeline", _isp(tmp_path))
    rendered = isp.render(SCENE, _params(0.7, 5, "bgr"), 0)
    expected = (SCENE.image * 0.7 + 5 / 255).flip(1).clamp(0, 1)
    assert (rendered - expected).abs().max() <= 1.01 / 65535  # two roundings to 16 bits


def test_the_contract_of_pipelines_is_kept(tmp_path):
    check_pipeline(build("pipeline", _isp(tmp_path, PLAIN), out_suffix=".ppm"), SCENE)


def test_values_arrive_exactly_as_json_toml_flags_and_placeholders(tmp_path):
    script = """
import json, pathlib, shutil, sys, tomllib
scene, params, out, *rest = sys.argv[1:]
read = json.loads if params.endswith("json") else tomllib.loads
pathlib.Path("seen.json").write_text(json.dumps([read(pathlib.Path(params).read_text()), rest]))
shutil.copy(scene, out)
"""
    command = [*GOOD, "{flags}", "x{tone.gain}y{{{seed}}}"]
    for form, nested in (("json", False), ("toml", True)):
        space = SPACE.replace("default = 1.0", 'default = 1.0\nflag = "-g"')
        isp = build("pipeline", _isp(tmp_path, script, command, space=space), params_as=form)
        isp.render(SCENE, _params(0.1 + 0.5, -3, "bgr"), 7)
        values, rest = json.loads((tmp_path / "seen.json").read_text())
        tone = values["tone"] if nested else {"gain": values["tone.gain"], "offset": values["tone.offset"]}
        assert (tone, values["order"]) == ({"gain": 0.1 + 0.5, "offset": -3}, "bgr")
        assert rest == ["-g=0.6", "--tone.offset=-3", "--order=bgr", "x0.6y{7}"]


def test_no_shell_reads_what_is_passed_on(tmp_path):
    script = (
        "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[3]); open('words', 'w').write(sys.argv[4])"
    )
    space = SPACE.replace('"bgr"', '"$(touch bad); `touch bad` | *"')
    isp = build("pipeline", _isp(tmp_path, script, [*GOOD, "{order}"], space=space))
    isp.render(SCENE, _params(order="$(touch bad); `touch bad` | *"), 0)
    assert (tmp_path / "words").read_text() == "$(touch bad); `touch bad` | *"
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize(
    ("script", "settings", "message"),
    [
        ("import sys; sys.exit('no\\nsensor \\x1b[31mfound')", "", r"ended with status 1: sensor \x1b[31mfound"),
        ("print('half done'); raise SystemExit(3)", "", "ended with status 3: half done"),
        ("print('I am fine')", "", "the program ended well but wrote no picture; it said: I am fine"),
        ("import sys; open(sys.argv[3], 'wb').write(b'garbage' * 99)", "", "picture out.png cannot be used: is not"),
        ("import sys; open(sys.argv[3], 'wb')", "", "picture out.png cannot be used: the file is empty"),
        (ISP.replace(".clip(", "[:, 1:].clip("), "", "the picture is 23x16, not 24x16"),
        (ISP, "size = [4, 5]", "the picture is 24x16, not 4x5"),
        ("import os; os.abort()", "", "was ended by SIGABRT and said nothing"),
        ("import os; os.kill(os.getpid(), 9)", "", "was ended by SIGKILL and said nothing"),
        ("import sys; open(sys.argv[3], 'wb').write(b'0' * 3_000_000)", "max_file_mb = 2",
         "File too large|a file of more than 2 MB"),
        ("while True: print('x' * 99_999)", "max_file_mb = 1", "File too large|a file of more than 1 MB|Error"),
    ],
)  # fmt: skip
def test_whatever_goes_wrong_is_one_line_and_leaves_nothing_behind(
    tmp_path, temporary_folder, script, settings, message
):
    isp = build("pipeline", _isp(tmp_path, script, settings=settings))
    with pytest.raises(RenderError) as raised:
        isp.render(SCENE, _params(), 0)
    said = str(raised.value)
    assert any(part in said for part in message.split("|")), said
    assert "\n" not in said
    assert not list(temporary_folder.glob("isptune-call-*"))


def test_a_program_that_hangs_is_stopped_with_all_of_its_children(tmp_path, temporary_folder):
    script = """
import pathlib, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf])
pathlib.Path("child").write_text(str(child.pid))
print("waiting for the sensor", flush=True)
time.sleep(60)
"""
    isp = build("pipeline", _isp(tmp_path, script), timeout_s=1.0)
    start = time.monotonic()
    with pytest.raises(RenderError, match=r"took longer than 1 s and was stopped: waiting for the sensor"):
        isp.render(SCENE, _params(), 0)
    assert time.monotonic() - start < 10
    assert _gone(int((tmp_path / "child").read_text()))
    assert not list(temporary_folder.glob("isptune-call-*"))


def _gone(pid):
    """Whether a process has ended, within a second; one that is only waited for (a zombie) has."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_children_that_outlive_a_good_program_are_ended_too(tmp_path):
    script = (
        ISP
        + """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path("child").write_text(str(child.pid))
"""
    )
    build("pipeline", _isp(tmp_path, script)).render(SCENE, _params(), 0)
    assert _gone(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ["no-such-program-here", "{params}", "{out}"],
            "no-such-program-here cannot be started: No such file",
        ),
        (["./isp.py", "{params}", "{out}"], "isp.py cannot be started: Permission denied"),
    ],
)
def test_a_program_that_cannot_be_started_says_why(tmp_path, command, message):
    isp = build("pipeline", _isp(tmp_path, command=command))
    with pytest.raises(RenderError, match=message):
        isp.render(SCENE, _params(), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[0.5, 2.0]", "[2.0, 0.5]"), "isp.toml: tone.gain: low = 2.0 is not below high = 0.5"),
        (("[0.5, 2.0]", "[-1.0, 2.0]"), "tone.gain: a logarithmic scale needs low > 0, not -1.0"),
        (("[0.5, 2.0]", "[0.5]"), "tone.gain: range = [0.5] is not [low, high]"),
        (("[0.5, 2.0]", "[nan, 2.0]"), "tone.gain: low, high and default must be finite"),
        (("default = 1.0", "default = 3"), "tone.gain = 3 is outside [0.5, 2]"),
        (("default = 1.0", "default = 'x'"), "tone.gain: default = 'x' is not a number"),
        (("default = 1.0", ""), "tone.gain: has no default"),
        (("log = true", "log = 1"), "tone.gain: log = 1 is neither true nor false"),
        (
            ("log = true", "lgo = true"),
            "tone.gain: a real has no key 'lgo'; there are: default, flag, help, log",
        ),
        (("[-20, 20]", "[-20.5, 20]"), "tone.offset: low = -20.5 is not a whole number"),
        (('"integer"', '"int"'), "offset: type 'int' is none of real, integer, choice"),
        (('default = "rgb"', 'default = "rbg"'), "order = 'rbg' is none of rgb, bgr"),
        (('["rgb", "bgr"]', '"rgb"'), "order: options = 'rgb' is not a list of text"),
        (('name = "order"', 'name = "tone.gain"'), "parameter names repeat"),
        (('name = "order"', ""), "parameter 3 has no name"),
    ],
)
def test_a_parameter_that_is_declared_wrongly_is_refused(tmp_path, change, message):
    spec = _isp(tmp_path, space=SPACE.replace(*change))
    with pytest.raises(SpaceError) as raised:
        build("pipeline", spec)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("command", "settings", "message"),
    [
        ([], "", 'has no command = ["PROGRAM", "ARGUMENT", ...]'),
        (["isp", "{params}"], "", "command does not name {out}"),
        (["isp", "{out}"], "", "nothing would be tuned"),
        (
            ["isp", "{out}", "{gain}"],
            "",
            "command names {gain}; there are: scene, params, flags, out, seed, python",
        ),
        (["isp", "{out}", "{}", "{params}"], "", "command names {}; there are"),
        (["isp", "{out}", "a{flags}"], "", "give it as a word of its own"),
        (["isp", "{out", "{params}"], "", "{{ and }} stand for braces"),
        (["isp", "{out:5}", "{params}"], "", "a placeholder is {NAME} and nothing more"),
        (GOOD, "timeout_s = 0", "timeout_s = 0 must be a number above 0"),
        (GOOD, "timeout_s = 'x'", "timeout_s = 'x' must be a number above 0"),
        (GOOD, "timeout = 5", "unknown key 'timeout'; known are: command, max_file_mb"),
        (GOOD, "params_as = 'yaml'", "params_as = 'yaml' is neither json nor toml"),
        (GOOD, "out_suffix = '.gif'", "out_suffix = '.gif' is none of .png"),
        (GOOD, "size = [1]", "size = [1] is not [width, height]"),
    ],
)
def test_a_description_that_is_wrong_is_refused(tmp_path, command, settings, message):
    spec = _isp(tmp_path, command=command, settings=settings)
    with pytest.raises(ConfigError) as raised:
        build("pipeline", spec)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("command", "Give command:FILE.toml"),
        ("command:nowhere.toml", "nowhere.toml: no such file"),
        ("command:broken.toml", "broken.toml: is not a TOML file that can be read"),
        ("command:empty.toml", "empty.toml: declares no parameter"),
    ],
)
def test_a_description_that_is_not_there_is_refused(tmp_path, monkeypatch, spec, message):
    monkeypatch.chdir(tmp_path)
    Path("broken.toml").write_text("a = = 1")
    Path("empty.toml").write_text("")
    with pytest.raises(ConfigError, match=message):
        build("pipeline", spec)


def test_options_win_over_the_file_but_not_over_its_command(tmp_path):
    spec = _isp(tmp_path, settings="timeout_s = 5")
    assert build("pipeline", spec, timeout_s=9).settings["timeout_s"] == 9
    with pytest.raises(ConfigError, match="option: unknown key 'command'"):
        build("pipeline", spec, command=["rm"])


def test_the_versions_are_hashes_of_the_description_and_of_the_script_that_it_names(tmp_path):
    spec = _isp(tmp_path)
    before = build("pipeline", spec).versions
    assert set(before) == {"isp.toml", "isp.py"}
    (tmp_path / "isp.py").write_text(ISP + "#")
    after = build("pipeline", spec).versions
    assert (before["isp.toml"] == after["isp.toml"], before["isp.py"] == after["isp.py"]) == (True, False)


def test_values_that_cannot_be_written_cost_the_trial(tmp_path):
    with pytest.raises(RenderError, match="the parameters cannot be written: No space left on device"):
        write_values(Path("/dev/full"), {"a": 1.0})


def test_a_file_is_handed_over_as_it_is_with_the_picture_it_should_become(tmp_path):
    (tmp_path / "shot.bin").write_bytes(b"raw")
    write_image(tmp_path / "truth.png", SCENE.image)
    (scene,) = load_scenes([f"file:{tmp_path / 'shot.bin'}?reference={tmp_path / 'truth.png'}"])
    assert scene.metadata["path"] == str(tmp_path / "shot.bin")
    assert scene.reference is not None
    script = "import sys; open('seen', 'w').write(open(sys.argv[1]).read())"
    isp = build("pipeline", _isp(tmp_path, script))
    with pytest.raises(RenderError, match="wrote no picture"):
        isp.render(scene, _params(), 0)
    assert (tmp_path / "seen").read_text() == "raw"
    os.unlink(tmp_path / "shot.bin")
    with pytest.raises(RenderError, match="no longer there"):
        isp.render(scene, _params(), 0)


def test_a_raw_capture_is_handed_over_as_a_dng_of_what_was_cut_out(tmp_path):
    scene = raw_scene("shot", capture_of().cropped(16, 8, 64, 48), path="elsewhere")
    script = "import shutil, sys; shutil.copy(sys.argv[1], 'seen.dng')"
    with pytest.raises(RenderError, match="wrote no picture"):
        build("pipeline", _isp(tmp_path, script)).render(scene, _params(), 0)
    capture, _ = read_raw(tmp_path / "seen.dng")
    assert torch.equal(capture.mosaic, scene.raw.mosaic)


def test_a_file_scene_is_told_apart_by_its_bytes(tmp_path):
    hashes = []
    for data in (b"one", b"two"):
        (tmp_path / "shot.bin").write_bytes(data)
        hashes.append(file_scenes(str(tmp_path / "shot.bin"))[0].sha256)
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (None, "give file:PATH"),
        ("nowhere", "No such file"),
        ("x?size=3", "the only option is reference=PICTURE"),
    ],
)
def test_a_file_scene_that_cannot_be_used_says_why(argument, message):
    with pytest.raises((ConfigError, SceneError), match=message):
        file_scenes(argument)


def test_pictures_of_different_sizes_cannot_be_one_batch(tmp_path):
    scene = load_scenes([f"file:{_isp(tmp_path).removeprefix('command:')}"])[0]
    script = """
import json, pathlib, sys
side = 4 + json.loads(pathlib.Path(sys.argv[2]).read_text())["tone.offset"]
open(sys.argv[3], "wb").write(b"P5 4 %d 255 " % side + bytes(4 * side))
"""
    isp = build("pipeline", _isp(tmp_path, script), out_suffix=".ppm")
    params = {**_params(batch=2), "tone.offset": torch.tensor([0.0, 1.0], dtype=torch.float64)}
    with pytest.raises(RenderError, match="different sizes: 4x4, 4x5"):
        isp.render(scene, params, 0)


def test_a_run_goes_on_past_failures_and_is_the_same_after_it_was_cut_off(tmp_path):
    script = PLAIN + "\nif values['tone.gain'] > 1.2: sys.exit('too bright')\n"
    settings = RunSettings(
        pipeline=_isp(tmp_path, script),
        pipeline_options={"out_suffix": ".ppm"},
        scenes=("cat",),
        crop="24x16",
        population=4,
        generations=2,
        confirm=1,
        second_opinions=("none",),
        device="cpu",
    )
    whole = run(Bench(settings), tmp_path / "whole")
    log = (whole / "trials.jsonl").read_bytes()
    errors = [trial.get("error") for line in log.splitlines() for trial in json.loads(line)["trials"]]
    assert any(error and error.endswith("ended with status 1: too bright") for error in errors)
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    (cut / "recommended.json").unlink()
    (cut / "trials.jsonl").write_bytes(log[: log.index(b"\n") + 40])
    run(Bench(settings), cut)
    for name in ("trials.jsonl", "recommended.json"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
