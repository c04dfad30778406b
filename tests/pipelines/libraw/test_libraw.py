"""LibRaw as a pipeline: equal to rawpy called directly, and its crashes cost a trial only."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import rawpy
import torch

from isptune.errors import ConfigError, RenderError
from isptune.interfaces import WritesParameterFiles
from isptune.registry import build
from isptune.scenes.scene import load_scenes, raw_scene
from isptune.testing import check_pipeline
from pipelines.external.dng import write_dng
from pipelines.external.native_child import NativeChild
from pipelines.libraw.libraw import SPACE
from tests.raw_captures import capture_of, photograph

SCENE = raw_scene("shot", capture_of())


@pytest.fixture(scope="module")
def libraw():
    pipeline = build("pipeline", "libraw")
    yield pipeline
    pipeline.child.stop()


def _params(**values):
    """The defaults with changes, as a batch of one; names with two underscores for the dot."""
    values = {name.replace("__", "."): value for name, value in values.items()}
    complete = SPACE.complete(values)
    return {
        name: value if isinstance(value, str) else torch.tensor([float(value)], dtype=torch.float64)
        for name, value in complete.items()
    }


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        ({}, {"use_camera_wb": True}),
        (
            {"demosaic__algorithm": "dcb", "demosaic__dcb_iterations": 3, "demosaic__dcb_enhance": "on",
             "exposure__auto_bright": "off", "exposure__bright": 1.5, "highlights__mode": "blend"},
            {"use_camera_wb": True, "demosaic_algorithm": rawpy.DemosaicAlgorithm.DCB, "dcb_iterations": 3,
             "dcb_enhance": True, "no_auto_bright": True, "bright": 1.5, "highlight_mode": rawpy.HighlightMode.Blend},
        ),
        (
            {"white_balance__red": 1.25, "white_balance__blue": 0.75, "denoise__fbdd": "full",
             "demosaic__median_passes": 2, "tone__gamma": 2.4, "tone__toe_slope": 12.92, "denoise__wavelet": 100.0},
            {"user_wb": [2.5, 1.0, 1.2, 1.0], "fbdd_noise_reduction": rawpy.FBDDNoiseReductionMode.Full,
             "median_filter_passes": 2, "gamma": (2.4, 12.92), "noise_thr": 100.0},
        ),
        (
            {"exposure__shift": 2.0, "exposure__preserve_highlights": 0.5, "exposure__auto_bright_clip": 0.05,
             "sensor__adjust_maximum": 0.5,
             "sensor__black_offset": 0.005, "sensor__white_scale": 0.9, "highlights__mode": "reconstruct",
             "highlights__reconstruct_to": 7, "lens__red_scale": 1.001, "lens__blue_scale": 0.999,
             "demosaic__four_color": "on"},
            {"use_camera_wb": True, "exp_shift": 2.0, "exp_preserve_highlights": 0.5, "auto_bright_thr": 0.05,
             "adjust_maximum_thr": 0.5,
             "user_black": 275, "user_sat": 3686, "highlight_mode": 7, "four_color_rgb": True,
             "chromatic_aberration": (1.001, 0.999)},
        ),
    ],
)  # fmt: skip
def test_every_knob_arrives_at_rawpy(libraw, tmp_path, values, arguments):
    write_dng(tmp_path / "shot.dng", SCENE.raw)
    with rawpy.imread(str(tmp_path / "shot.dng")) as raw:
        expected = raw.postprocess(output_bps=16, **arguments).astype(np.float32) / 65535
    rendered = libraw.render(SCENE, _params(**values), 0)[0].permute(1, 2, 0).numpy()
    # White balance is in the file in millionths, and LibRaw multiplies whole numbers: one step of 16 bits.
    assert np.abs(rendered - expected).max() <= (1.1 / 65535 if "user_wb" in arguments else 0)


def test_the_contract_of_pipelines_is_kept(libraw):
    check_pipeline(libraw, SCENE)


def test_without_automatic_brightness_it_renders_the_photograph_that_the_capture_was_made_of(libraw):
    plain = {
        "sensor__adjust_maximum": 0.0,
        "exposure__auto_bright": "off",
        "tone__gamma": 2.4,
        "tone__toe_slope": 12.92,
    }
    rendered = libraw.render(SCENE, _params(**plain), 0)
    assert rendered.shape == SCENE.image.shape
    # Demosaicing invents two colours of three: on a 128-pixel face the mean error is a few levels of 255.
    assert (rendered - photograph()).abs().mean() < 0.02


def test_a_child_that_is_killed_costs_one_trial(libraw):
    before = libraw.render(SCENE, _params(), 0)
    killed = libraw.child.pid
    os.kill(killed, signal.SIGSTOP)  # so that it is killed while it works
    killer = threading.Timer(0.3, os.kill, (killed, signal.SIGKILL))
    killer.start()
    with pytest.raises(RenderError, match="LibRaw ended by SIGKILL; the next candidate gets a new process"):
        libraw.render(SCENE, _params(), 0)
    killer.join()
    assert libraw.render(SCENE, _params(), 0).equal(before)
    assert libraw.child.pid != killed


def test_a_child_that_died_between_two_requests_costs_nothing(libraw):
    before = libraw.render(SCENE, _params(), 0)
    pid = libraw.child.pid
    os.kill(pid, signal.SIGKILL)
    while libraw.child.pid == pid:
        time.sleep(0.01)
    assert libraw.render(SCENE, _params(), 0).equal(before)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys, time; sys.stdin.readline(); time.sleep(60)", "the child took longer than 0.5 s and was stopped"),
        ("import os, sys; sys.stdin.readline(); os.write(2, b'free(): invalid size'); os.abort()",
         r"the child ended by SIGABRT: free\(\): invalid size"),
        ("import sys; sys.stdin.readline(); sys.exit(3)", "the child ended with status 3"),
        ("""print('{"shape": [4, 4, 3], "type": "uint16"}', flush=True)""", "the child ended with status 0"),
        ("""print('{"error": "no memory"}', flush=True)""", "the child: no memory"),
    ],
)  # fmt: skip
def test_whatever_becomes_of_a_child_is_one_line(tmp_path, script, message):
    (tmp_path / "child.py").write_text(script)
    slow = 0.5 if "sleep" in script else 60.0
    child = NativeChild(tmp_path / "child.py", "the child", slow)
    with pytest.raises(RenderError, match=message):
        child.ask({})
    child.stop()


def test_a_photograph_and_a_file_that_is_no_raw_file_are_refused(libraw, tmp_path):
    with pytest.raises(RenderError, match="cat is a photograph; libraw needs a raw file"):
        libraw.render(load_scenes(["cat"], crop="24x16")[0], _params(), 0)
    write_dng(tmp_path / "whole.dng", SCENE.raw)
    (tmp_path / "cut.dng").write_bytes((tmp_path / "whole.dng").read_bytes()[:9000])
    (tmp_path / "text.dng").write_text("no raw file")
    for name, message in (
        ("cut.dng", "LibRaw: LibRaw.*Error"),
        ("text.dng", "LibRaw: LibRaw.*Error"),
    ):
        (scene,) = load_scenes([f"file:{tmp_path / name}"])
        with pytest.raises(RenderError, match=message):
            libraw.render(scene, _params(), 0)


def test_half_the_size_is_half_the_size(tmp_path):
    half = build("pipeline", "libraw", half_size=True)
    assert half.render(SCENE, _params(), 0).shape == (1, 3, 48, 64)
    half.child.stop()


def _run(data, tmp_path):
    """The file as a user runs it, in a process of its own: `args` alone, and `develop`."""
    write_dng(tmp_path / "shot.dng", SCENE.raw)
    (tmp_path / "set.py").write_bytes(data)
    code = (
        "import numpy, rawpy, set as own; raw = rawpy.imread('shot.dng'); "
        "numpy.save('args', raw.postprocess(**own.args['postprocess'])); numpy.save('whole', own.develop('shot.dng'))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
    return [np.load(tmp_path / f"{name}.npy").astype(np.float32) / 65535 for name in ("args", "whole")]


@pytest.mark.parametrize(
    "of_the_file", [{}, {"white_balance.red": 1.25, "sensor.black_offset": 0.005, "sensor.white_scale": 0.9}]
)
def test_a_set_is_written_as_python_that_runs_and_gives_the_same_picture(libraw, tmp_path, of_the_file):
    assert isinstance(libraw, WritesParameterFiles)
    changed = {"demosaic.algorithm": "ppg", "exposure.bright": 1.3, "highlights.mode": "blend", "tone.gamma": 2.4,
               "lens.red_scale": 1.001, "denoise.fbdd": "light"} | of_the_file  # fmt: skip
    data = libraw.parameter_file("rawpy", SPACE.complete(changed), None)
    values = {name.replace(".", "__"): value for name, value in changed.items()}
    rendered = libraw.render(SCENE, _params(**values), 0)
    arguments, whole = _run(data, tmp_path)
    assert np.array_equal(rendered[0].permute(1, 2, 0).numpy(), whole)
    assert np.array_equal(arguments, whole) == (not of_the_file)
    assert libraw.render_file("rawpy", data, SCENE).equal(rendered)
    with pytest.raises(ConfigError, match="the format rawpy takes no template"):
        libraw.parameter_file("rawpy", SPACE.default, b"{}")


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("libraw:fast", {}, "libraw takes no argument, not 'fast'"),
        ("libraw", {"gamma": 2}, "libraw has no option 'gamma'; there are: half_size, copy, timeout_s"),
        ("libraw", {"timeout_s": 0}, "timeout_s = 0 must be a number above 0"),
        ("libraw", {"half_size": 1}, "half_size = 1 must be true or false"),
    ],
)
def test_a_wrong_option_is_refused(spec, options, message):
    with pytest.raises(ConfigError, match=message):
        build("pipeline", spec, **options)
