"""darktable as a pipeline: structs as its modules describe them, and knobs that do what their names say."""

import json
import os
import shutil
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import pytest

from isptune.errors import ConfigError, MissingExtra, RenderError
from isptune.interfaces import Pipeline, WritesParameterFiles
from isptune.registry import build
from isptune.runs.settings import RunSettings
from isptune.scenes.images import read_image
from isptune.scenes.scene import load_scenes
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from pipelines.darktable.modules import SPACE, modules_of, to_xmp
from pipelines.external.dng import write_dng
from pipelines.external.scene_files import write_scene
from tests.pipelines import developers as look
from tests.pipelines.developers import SCENE, params_of
from tests.raw_captures import capture_of

needs_darktable = look.needs("darktable-cli", "darktable")

EVERYTHING = SPACE.complete(
    {
        "raw.denoise": 0.01, "raw.hot_pixels": 0.25, "denoise.luma": 0.5, "haze.strength": 0.2, "tone.shadows": 50.0,
        "local_contrast.detail": 0.25, "color.vibrance": 0.2, "white_balance.red": 1.25, "sharpen.amount": 0.5,
    }
)  # fmt: skip
"""A candidate that turns every module on."""

INTROSPECTION = """
import ctypes, glob, json, sys
folder = glob.glob("/usr/lib/*/darktable")[0]
ctypes.CDLL(folder + "/libdarktable.so", mode=ctypes.RTLD_GLOBAL)

class Description(ctypes.Structure):
    _fields_ = [("api", ctypes.c_int), ("version", ctypes.c_int), ("name", ctypes.c_char_p), ("size", ctypes.c_size_t)]

found = {}
for operation in sys.argv[1:]:
    library = ctypes.CDLL(f"{folder}/plugins/lib{operation}.so")
    library.get_introspection.restype = ctypes.POINTER(Description)
    described = library.get_introspection().contents
    found[operation] = [described.version, described.size]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def darktable():
    return build("pipeline", "darktable")


@pytest.fixture(scope="module")
def neutral(darktable):
    return darktable.render(SCENE, params_of(SPACE), 0)


def _history(text):
    """The modules of a sidecar by name, read independently of what wrote it."""
    space = "{http://darktable.sf.net/}"
    entries = ElementTree.fromstring(text).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")
    return {e.get(f"{space}operation"): bytes.fromhex(e.get(f"{space}params")) for e in entries}


def test_only_modules_that_are_used_are_in_the_history():
    assert set(_history(to_xmp(modules_of(SPACE.default)))) == {
        "demosaic",
        "highlights",
        "exposure",
        "sigmoid",
    }
    assert len(_history(to_xmp(modules_of(EVERYTHING)))) == 13


def test_values_stand_where_the_structs_have_them():
    # Offsets in bytes, from the fields that darktable 4.2.1's modules list.
    changed = {**EVERYTHING, "exposure.ev": -1.25, "tone.contrast": 2.5, "denoise.chroma": 0.75, "color.contrast": 0.3,
               "tone.highlights": -40.0, "demosaic.method": "lmmse", "highlights.mode": "opposed"}  # fmt: skip
    history = _history(to_xmp(modules_of(changed)))

    def floats(operation, *offsets):
        return [round(struct.unpack_from("<f", history[operation], offset)[0], 6) for offset in offsets]

    assert floats("exposure", 8, 12, 16) == [-1.25, 50.0, -4.0]
    assert floats("sigmoid", 0, 8, 20) == [2.5, 100.0, 100.0]
    assert floats("denoiseprofile", 8, 32, 228 + 4 * 28, 228 + 5 * 28) == [1.0, -1.0, 0.5, 0.75]
    assert floats("colorbalancergb", 48, 116, 124, 112) == [1.0, 0.2, 0.3, 0.1845]
    assert floats("shadhi", 4, 8, 16, 24) == [100.0, 50.0, -40.0, 50.0]
    assert floats("channelmixerrgb", 0, 20, 40) == [1.25, 1.0, 1.0]
    assert struct.unpack_from("<i", history["demosaic"], 12) == (6,)
    assert struct.unpack_from("<i", history["highlights"], 0) == (5,)


@needs_darktable
def test_versions_and_sizes_are_those_that_the_installed_modules_describe():
    modules = {module.operation: [module.version, len(module.params)] for module in modules_of(EVERYTHING)}
    asked = subprocess.run(
        [sys.executable, "-c", INTROSPECTION, *modules],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    described = json.loads(asked.stdout)
    # An older version is converted by darktable; a size belongs to its version.
    assert all(modules[name][0] <= described[name][0] for name in modules)
    assert {
        name: own for name, own in modules.items() if own[0] == described[name][0]
    }.items() <= described.items()


@pytest.mark.slow
@needs_darktable
def test_it_is_a_pipeline_whose_pictures_have_the_size_of_the_mosaic(darktable, neutral):
    assert isinstance(darktable, Pipeline)
    assert neutral.shape == SCENE.image.shape
    assert darktable.render(SCENE, params_of(SPACE), 1).equal(neutral)


@pytest.mark.slow
@needs_darktable
@pytest.mark.parametrize(
    ("values", "measure", "sign"),
    [
        ({"exposure__ev": 0.0}, look.brightness, -1),
        ({"exposure__black": 0.02}, look.shadows, -1),
        ({"tone__contrast": 3.0}, look.contrast, 1),
        ({"tone__shadows": 80.0, "tone__radius": 8.0}, look.shadows, 1),
        ({"tone__highlights": -80.0, "tone__radius": 8.0}, look.highlights, -1),
        ({"haze__strength": -0.4}, look.contrast, -1),
        ({"local_contrast__detail": 2.0}, look.detail, 1),
        ({"white_balance__red": 0.8}, look.red, -1),
        ({"white_balance__blue": 1.25}, look.blue, 1),
        ({"denoise__luma": 1.0, "denoise__strength": 5.0}, look.detail, -1),
        ({"denoise__chroma": 1.0, "denoise__strength": 5.0}, look.color_detail, -1),
        ({"raw__denoise": 0.05}, look.detail, -1),
        ({"demosaic__color_smoothing": 5}, look.color_detail, -1),
        ({"color__chroma": 0.5}, look.saturation, 1),
        ({"color__vibrance": -0.5}, look.saturation, -1),
        ({"color__contrast": -0.4}, look.contrast, -1),
        ({"sharpen__amount": 1.5}, look.detail, 1),
    ],
)
def test_a_knob_moves_the_picture_the_way_that_its_name_says(darktable, neutral, values, measure, sign):
    moved = measure(darktable.render(SCENE, params_of(SPACE, **values), 0)) - measure(neutral)
    assert sign * moved > 0.002 * abs(measure(neutral))


@pytest.mark.slow
@needs_darktable
def test_the_program_loads_an_exported_set_to_the_same_picture(darktable, tmp_path):
    assert isinstance(darktable, WritesParameterFiles)
    (tmp_path / "set.xmp").write_bytes(darktable.parameter_file("xmp", EVERYTHING, None))
    write_scene(tmp_path / "shot.dng", SCENE)
    subprocess.run(
        [shutil.which("darktable-cli"), tmp_path / "shot.dng", tmp_path / "set.xmp", tmp_path / "out.tif",
         "--icc-type", "SRGB", "--core", "--configdir", tmp_path / "own", "--library", ":memory:", "--disable-opencl",
         "--conf", "plugins/imageio/format/tiff/bpp=16"],
        check=True, capture_output=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    rendered = darktable.render(
        SCENE, params_of(SPACE, **{k.replace(".", "__"): v for k, v in EVERYTHING.items()}), 0
    )
    assert rendered.equal(read_image(tmp_path / "out.tif"))


KILLED = """
import json, sys, torch
torch.set_num_threads(2)  # as in all tests
from pathlib import Path
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from isptune.runs.settings import from_mapping
run(Bench(from_mapping(json.loads(sys.argv[1]), "test")), Path(sys.argv[2]))
"""


@needs_darktable
@pytest.mark.slow
def test_a_run_that_is_killed_in_the_middle_of_a_generation_ends_with_the_same_bytes(tmp_path):
    write_dng(tmp_path / "shot.dng", capture_of())  # small, for speed
    settings = RunSettings(
        pipeline="darktable",
        objectives=("sharpness",),
        scenes=(str(tmp_path / "shot.dng"),),
        population=3,
        generations=2,
        confirm=1,
        second_opinions=("none",),
        tune=("exposure.ev", "sharpen.amount", "demosaic.method", "demosaic.color_smoothing"),
        device="cpu",
    )
    whole, cut = run(Bench(settings), tmp_path / "whole"), tmp_path / "cut"
    command = [sys.executable, "-c", KILLED, json.dumps(settings.as_dict()), str(cut)]
    killed = subprocess.Popen(command, start_new_session=True)
    while not _first_generation_of(cut):
        assert killed.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)  # the program is at work on the second
    killed.kill()
    killed.wait()
    assert (cut / "trials.jsonl").read_bytes() == _first_generation_of(whole)
    run(Bench(settings), cut)
    for name in ("trials.jsonl", "recommended.json"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()


def _first_generation_of(folder):
    """The first line of the log, once it stands there."""
    log = folder / "trials.jsonl"
    head, end, _ = log.read_bytes().partition(b"\n") if log.exists() else (b"", b"", b"")
    return head + end if end else b""


@pytest.mark.slow
@needs_darktable
def test_a_file_that_cannot_be_developed_costs_the_trial(darktable, tmp_path):
    (tmp_path / "broken.dng").write_bytes(b"no raw file")
    (scene,) = load_scenes([f"file:{tmp_path / 'broken.dng'}"])
    with pytest.raises(RenderError, match="darktable-cli ended with status 1: |wrote no picture"):
        darktable.render(scene, params_of(SPACE), 0)


def test_without_the_program_the_package_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        MissingExtra, match="darktable-cli is not installed; on Debian and Ubuntu: apt-get install"
    ):
        build("pipeline", "darktable")


def test_a_wrong_option_is_refused():
    with pytest.raises(ConfigError, match="darktable takes no argument, not 'fast'"):
        build("pipeline", "darktable:fast")
    with pytest.raises(
        ConfigError, match="darktable has no option 'opencl'; there are: sidecar, copy, timeout_s"
    ):
        build("pipeline", "darktable", opencl=True)


@needs_darktable
@pytest.mark.parametrize(("file_format", "template"), [("pp3", None), ("xmp", b"<x/>")])
def test_a_wrong_format_or_template_is_refused(darktable, file_format, template):
    with pytest.raises(
        ConfigError,
        match="darktable writes the format xmp, not 'pp3'|the template is no sidecar of darktable",
    ):
        darktable.parameter_file(file_format, SPACE.default, template)
