"""Programs as pipelines: a small Python script stands for somebody's ISP, and misbehaves as they do."""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

from isptune.errors import ConfigError, RenderError
from isptune.registry import build
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import load_scenes
from isptune.system.program import _limit_files
from isptune.testing import check_pipeline
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from pipelines.external.command import write_values
from tests.pipelines.external.fake_isp import GOOD, ISP, PLAIN, SPACE, params_of, write_isp
from tests.pipelines.resuming import check_cut_run_ends_with_the_same_bytes

SCENE = load_scenes(["cat"], crop="24x16")[0]


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    """So that a test can see what is left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_the_program_gets_the_scene_and_the_values_and_its_picture_comes_back(tmp_path):
    isp = build("pipeline", write_isp(tmp_path))
    rendered = isp.render(SCENE, params_of(0.7, 5, "bgr"), 0)
    expected = (SCENE.image * 0.7 + 5 / 255).flip(1).clamp(0, 1)
    assert (rendered - expected).abs().max() <= 1.01 / 65535  # two roundings to 16 bits


@pytest.mark.slow
def test_the_contract_of_pipelines_is_kept(tmp_path):
    check_pipeline(build("pipeline", write_isp(tmp_path, PLAIN), out_suffix=".ppm"), SCENE)


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
        isp = build("pipeline", write_isp(tmp_path, script, command, space=space), params_as=form)
        isp.render(SCENE, params_of(0.1 + 0.5, -3, "bgr"), 7)
        values, rest = json.loads((tmp_path / "seen.json").read_text())
        tone = values["tone"] if nested else {"gain": values["tone.gain"], "offset": values["tone.offset"]}
        assert (tone, values["order"]) == ({"gain": 0.1 + 0.5, "offset": -3}, "bgr")
        assert rest == ["-g=0.6", "--tone.offset=-3", "--order=bgr", "x0.6y{7}"]


def test_no_shell_reads_what_is_passed_on(tmp_path):
    script = (
        "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[3]); open('words', 'w').write(sys.argv[4])"
    )
    space = SPACE.replace('"bgr"', '"$(touch bad); `touch bad` | *"')
    isp = build("pipeline", write_isp(tmp_path, script, [*GOOD, "{order}"], space=space))
    isp.render(SCENE, params_of(order="$(touch bad); `touch bad` | *"), 0)
    assert (tmp_path / "words").read_text() == "$(touch bad); `touch bad` | *"
    assert not (tmp_path / "bad").exists()


@pytest.mark.slow
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
    isp = build("pipeline", write_isp(tmp_path, script, settings=settings))
    with pytest.raises(RenderError) as raised:
        isp.render(SCENE, params_of(), 0)
    said = str(raised.value)
    assert any(part in said for part in message.split("|")), said
    assert "\n" not in said
    assert not list(temporary_folder.glob("isptune-call-*"))


def test_a_file_that_was_written_before_the_limit_was_set_is_found_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr("isptune.system.program._limit_files", lambda pid, max_bytes: None)
    script = "import sys; open(sys.argv[3], 'wb').write(b'0' * 3_000_000)"
    isp = build("pipeline", write_isp(tmp_path, script, settings="max_file_mb = 2"))
    with pytest.raises(RenderError, match="wrote a file of more than 2 MB and said nothing"):
        isp.render(SCENE, params_of(), 0)


@pytest.mark.slow
def test_a_program_that_hangs_is_stopped_with_all_of_its_children(tmp_path, temporary_folder):
    script = """
import pathlib, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf])
pathlib.Path("child").write_text(str(child.pid))
print("waiting for the sensor", flush=True)
time.sleep(60)
"""
    isp = build("pipeline", write_isp(tmp_path, script), timeout_s=1.0)
    start = time.monotonic()
    with pytest.raises(RenderError, match=r"took longer than 1 s and was stopped: waiting for the sensor"):
        isp.render(SCENE, params_of(), 0)
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


@pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's")
def test_a_child_that_was_quicker_than_its_limit_is_limited_too():
    with subprocess.Popen(["sh", "-c", "sh -c 'sleep 60; :'; :"], start_new_session=True) as program:
        try:
            pids = [program.pid]
            while len(pids) < 3:  # the program, its child, and the child's
                pids = [program.pid, *_children(program.pid)]
            _limit_files(program.pid, 5_000_000)
            assert {resource.prlimit(pid, resource.RLIMIT_FSIZE)[0] for pid in pids} == {5_000_000}
        finally:
            os.killpg(program.pid, signal.SIGKILL)


def _children(pid):
    try:
        own = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return [*own, *(grandchild for child in own for grandchild in _children(child))]


@pytest.mark.slow
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
    build("pipeline", write_isp(tmp_path, script)).render(SCENE, params_of(), 0)
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
    isp = build("pipeline", write_isp(tmp_path, command=command))
    with pytest.raises(RenderError, match=message):
        isp.render(SCENE, params_of(), 0)


def test_options_win_over_the_file_but_not_over_its_command(tmp_path):
    spec = write_isp(tmp_path, settings="timeout_s = 5")
    assert build("pipeline", spec, timeout_s=9).settings.timeout_s == 9
    with pytest.raises(ConfigError, match="command stands in the file, and no option changes it"):
        build("pipeline", spec, command=["rm"])


def test_the_versions_are_hashes_of_the_description_and_of_the_script_that_it_names(tmp_path):
    spec = write_isp(tmp_path)
    before = build("pipeline", spec).facts.versions
    assert set(before) == {"isp.toml", "isp.py"}
    (tmp_path / "isp.py").write_text(ISP + "#")
    after = build("pipeline", spec).facts.versions
    assert (before["isp.toml"] == after["isp.toml"], before["isp.py"] == after["isp.py"]) == (True, False)


def test_values_that_cannot_be_written_cost_the_trial(tmp_path):
    with pytest.raises(RenderError, match="the parameters cannot be written: No space left on device"):
        write_values(Path("/dev/full"), {"a": 1.0})


def test_pictures_of_different_sizes_cannot_be_one_batch(tmp_path):
    scene = load_scenes([f"file:{write_isp(tmp_path).removeprefix('command:')}"])[0]
    script = """
import json, pathlib, sys
side = 4 + json.loads(pathlib.Path(sys.argv[2]).read_text())["tone.offset"]
open(sys.argv[3], "wb").write(b"P5 4 %d 255 " % side + bytes(4 * side))
"""
    isp = build("pipeline", write_isp(tmp_path, script), out_suffix=".ppm")
    params = {**params_of(batch=2), "tone.offset": torch.tensor([0.0, 1.0], dtype=torch.float64)}
    with pytest.raises(RenderError, match="different sizes: 4x4, 4x5"):
        isp.render(scene, params, 0)


@pytest.mark.slow
def test_a_run_goes_on_past_failures_and_is_the_same_after_it_was_cut_off(tmp_path):
    script = PLAIN + "\nif values['tone.gain'] > 1.2: sys.exit('too bright')\n"
    settings = RunSettings(
        pipeline=write_isp(tmp_path, script),
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
    check_cut_run_ends_with_the_same_bytes(settings, whole, tmp_path / "cut")
