"""RawTherapee as a pipeline: every knob moves the picture the way that its name says, and failures cost a trial."""

import json
import os
import shutil
import subprocess

import pytest
import torch

from isptune.errors import ConfigError, MissingExtra, RenderError
from isptune.facts import PipelineFacts
from isptune.interfaces import WritesParameterFiles
from isptune.registry import build
from isptune.runs.settings import RunSettings
from isptune.scenes.images import read_image
from isptune.scenes.scene import load_scenes
from isptune.space import Integer, Real, Space
from isptune.testing import check_pipeline
from isptune.tuning.bench import Bench
from isptune.tuning.run import run
from pipelines.external.dng import write_dng
from pipelines.external.scene_files import write_scene
from pipelines.rawtherapee.knobs import KNOBS, OVERRULED, SPACE, TOOLS, UNSAID
from pipelines.rawtherapee.pp3 import NEUTRAL_PROFILE
from tests.pipelines import developers as look
from tests.pipelines.developers import SCENE, params_of, put_in_front
from tests.pipelines.resuming import check_cut_run_ends_with_the_same_bytes
from tests.raw_captures import capture_of

needs_rawtherapee = look.needs("rawtherapee-cli", "rawtherapee")


@pytest.fixture(scope="module")
def rawtherapee():
    return build("pipeline", "rawtherapee")


@pytest.fixture(scope="module")
def neutral(rawtherapee):
    return rawtherapee.render(SCENE, params_of(SPACE), 0)


def _keys(text):
    """The keys of a profile by section, read independently of what wrote them."""
    found, section = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line:
            key, value = line.split("=", 1)
            assert (section, key) not in found, f"{section}/{key} stands twice"
            found[section, key] = value
    return found


def _text(values):
    return NEUTRAL_PROFILE.with_values(values).file.text


def test_a_profile_says_every_knob_and_turns_tools_on_where_they_are_used():
    plain = _keys(_text({}))
    for knob in KNOBS:
        assert (knob.section, knob.key) in plain
        if knob.enables:
            assert plain[knob.section, "Enabled"] == "false"
    changed = {
        "denoise.luma": 12.5,
        "white_balance.red": 1.25,
        "sharpen.halo_control": 30,
        "raw.hot_pixels": "on",
    }
    keys = _keys(_text(changed))
    assert keys["Directional Pyramid Denoising", "Luma"] == "12.5"
    assert keys["Directional Pyramid Denoising", "Enabled"] == "true"
    assert keys["Channel Mixer", "Red"] == "1250;0;0;"
    assert keys["Sharpening", "HalocontrolEnabled"] == "true"
    assert keys["Sharpening", "Enabled"] == "false"  # no amount: nothing to hold back
    assert keys["RAW", "DeadPixelFilter"] == "true"
    assert NEUTRAL_PROFILE.space == SPACE


class _WithoutLumaDenoising:
    """RawTherapee denoises luma by FFTs that it chooses by the clock: the last digits differ from call to call."""

    space = Space(tuple(param for param in SPACE if param.name != "denoise.luma"))

    def __init__(self, rawtherapee):
        self.rawtherapee = rawtherapee
        self.facts = PipelineFacts(max_batch=1, uses_seed=False)

    def render(self, scene, params, seed):
        none = torch.zeros_like(params["denoise.chroma"])
        return self.rawtherapee.render(scene, {**params, "denoise.luma": none}, seed)


@pytest.mark.slow
@needs_rawtherapee
def test_the_contract_of_pipelines_is_kept(rawtherapee):
    check_pipeline(_WithoutLumaDenoising(rawtherapee), SCENE)


@needs_rawtherapee
def test_pictures_have_the_size_of_the_mosaic(neutral):
    assert neutral.shape == SCENE.image.shape


@pytest.mark.slow
@needs_rawtherapee
@pytest.mark.parametrize(
    ("low", "high", "measure"),
    [
        ({"exposure__compensation": -1.0}, {"exposure__compensation": 1.0}, look.brightness),
        ({"tone__brightness": -50}, {"tone__brightness": 50}, look.brightness),
        ({"exposure__black": 2000}, {"exposure__black": -1000}, look.shadows),
        ({"exposure__highlight_compression": 400}, {}, look.highlights),
        ({"tone__contrast": -50}, {"tone__contrast": 50}, look.contrast),
        ({}, {"tone__shadows": 80}, look.shadows),
        ({"tone__highlights": 80}, {}, look.highlights),
        ({}, {"local_contrast__amount": 0.8}, look.contrast),
        ({"color__saturation": -50}, {"color__saturation": 50}, look.saturation),
        ({"color__vibrance_pastels": -80}, {"color__vibrance_saturated": 80}, look.saturation),
        ({"white_balance__red": 0.8}, {"white_balance__red": 1.25}, look.red),
        ({"white_balance__blue": 0.8}, {"white_balance__blue": 1.25}, look.blue),
        ({"denoise__luma": 80.0}, {}, look.detail),
        ({"denoise__luma": 80.0, "denoise__luma_detail": 0.0}, {"denoise__luma": 80.0, "denoise__luma_detail": 99.0},
         look.detail),
        ({"denoise__chroma": 90.0}, {}, look.color_detail),
        ({"demosaic__false_color_steps": 5}, {}, look.color_detail),
        ({"denoise__impulse": 90}, {}, look.detail),
        ({}, {"sharpen__amount": 400}, look.detail),
        ({"sharpen__amount": 900, "sharpen__contrast_threshold": 150},
         {"sharpen__amount": 900, "sharpen__contrast_threshold": 0}, look.detail),
        ({"sharpen__amount": 900, "sharpen__halo_control": 100}, {"sharpen__amount": 900}, look.detail),
        ({}, {"sharpen__microcontrast": 80}, look.detail),
        ({}, {"capture_sharpening__iterations": 40}, look.detail),
    ],
)  # fmt: skip
def test_a_knob_moves_the_picture_the_way_that_its_name_says(rawtherapee, low, high, measure):
    less, more = (rawtherapee.render(SCENE, params_of(SPACE, **values), 0) for values in (low, high))
    assert measure(more) > 1.01 * measure(less) + 1e-3


@needs_rawtherapee
@pytest.mark.parametrize("values", [{"demosaic__method": "vng4"}, {"raw__green_equilibration": 50}])
def test_a_choice_changes_the_picture_a_little(rawtherapee, neutral, values):
    assert 0.0005 < look.change(rawtherapee.render(SCENE, params_of(SPACE, **values), 0), neutral) < 0.05


@needs_rawtherapee
def test_the_program_loads_an_exported_set_to_the_same_picture(rawtherapee, tmp_path):
    assert isinstance(rawtherapee, WritesParameterFiles)
    values = {
        "denoise.chroma": 31.4159,
        "sharpen.amount": 321,
        "demosaic.method": "lmmse",
        "exposure.compensation": 0.3,
    }
    (tmp_path / "set.pp3").write_bytes(rawtherapee.parameter_file("pp3", SPACE.complete(values), None))
    write_scene(tmp_path / "shot.dng", SCENE)
    subprocess.run(
        [shutil.which("rawtherapee-cli"), "-q", "-o", tmp_path / "out.tif", "-t", "-b16", "-p", tmp_path / "set.pp3",
         "-c", tmp_path / "shot.dng"], check=True, capture_output=True, timeout=60,
        env={**os.environ, "HOME": str(tmp_path), "RT_SETTINGS": str(tmp_path), "RT_CACHE": str(tmp_path)},
    )  # fmt: skip
    rendered = rawtherapee.render(
        SCENE, params_of(SPACE, **{k.replace(".", "__"): v for k, v in values.items()}), 0
    )
    assert rendered.equal(read_image(tmp_path / "out.tif"))


@needs_rawtherapee
@pytest.mark.slow
@pytest.mark.parametrize("case", OVERRULED, ids=lambda case: f"{case[0]} {case[1]}")
def test_knobs_that_are_overruled_have_no_say_with_the_program_either(rawtherapee, case):
    section, key, _, names = case
    other = {
        "Auto": "true",
        "HistogramMatching": "true",
        "Method": "rld",
        "LMethod": "CUR",
        "CMethod": "AUT",
    }[key]
    places = {knob.param.name: (knob.section, knob.key) for knob in KNOBS}
    tool = {(section, "Enabled"): "true"} if section in TOOLS else {}
    # An amount of 0 turns sharpening off by any method.
    sharpening = {("Sharpening", "HalocontrolEnabled"): "true", ("Sharpening", "Amount"): "100"}
    own = NEUTRAL_PROFILE.file.with_keys({**tool, (section, key): other, **sharpening})
    plain = rawtherapee.render_file("pp3", own.to_bytes(), SCENE)
    for name in names:
        high = next(param.high for param in SPACE.numeric if param.name == name)
        moved = own.with_keys({places[name]: f"{high:g}"})
        assert look.change(rawtherapee.render_file("pp3", moved.to_bytes(), SCENE), plain) < 1e-4, name


@needs_rawtherapee
def test_what_a_profile_does_not_say_is_what_the_program_takes_for_it(tmp_path):
    write_scene(tmp_path / "shot.dng", SCENE)
    subprocess.run(
        [shutil.which("rawtherapee-cli"), "-q", "-O", tmp_path / "out.tif", "-t", "-c", tmp_path / "shot.dng"],
        check=True, capture_output=True, timeout=60,
        env={**os.environ, "HOME": str(tmp_path), "RT_SETTINGS": str(tmp_path), "RT_CACHE": str(tmp_path)},
    )  # fmt: skip
    keys = _keys((tmp_path / "out.tif.pp3").read_text())
    for knob in KNOBS:
        place = knob.section, knob.key
        assert keys[place] == UNSAID.get(place, f"{knob.param.default:g}" if isinstance(knob.param, Integer | Real)
                                         else knob.text(knob.param.default))  # fmt: skip
    assert all(keys[place] == text for place, text in UNSAID.items())


@needs_rawtherapee
def test_a_file_that_cannot_be_developed_costs_the_trial(rawtherapee, tmp_path):
    (tmp_path / "broken.dng").write_bytes(b"no raw file")
    (scene,) = load_scenes([f"file:{tmp_path / 'broken.dng'}"])
    with pytest.raises(RenderError, match="rawtherapee-cli ended with status 254: Error loading file"):
        rawtherapee.render(scene, params_of(SPACE), 0)


@pytest.mark.slow
@needs_rawtherapee
def test_a_mixed_space_is_searched_past_a_killed_and_a_hanging_program_and_goes_on_to_the_same_end(
    tmp_path, monkeypatch
):
    put_in_front("rawtherapee-cli", tmp_path, monkeypatch)
    write_dng(tmp_path / "shot.dng", capture_of())  # small, for speed
    settings = RunSettings(
        pipeline="rawtherapee",
        pipeline_options={"timeout_s": 8.0},
        objectives=("sharpness",),
        scenes=(str(tmp_path / "shot.dng"),),
        population=4,
        generations=2,
        confirm=1,
        second_opinions=("none",),
        tune=("exposure.compensation", "sharpen.amount", "demosaic.method"),
        device="cpu",
    )
    whole = run(Bench(settings), tmp_path / "whole")
    log = (whole / "trials.jsonl").read_bytes()
    errors = [trial.get("error") for line in log.splitlines() for trial in json.loads(line)["trials"]]
    assert sum("was ended by SIGKILL" in str(error) for error in errors) == 1
    assert sum("took longer than 8 s and was stopped: thinking" in str(error) for error in errors) == 1
    assert errors.count(None) == 6
    check_cut_run_ends_with_the_same_bytes(settings, whole, tmp_path / "cut")


def test_without_the_program_the_package_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        MissingExtra, match="rawtherapee-cli is not installed; on Debian and Ubuntu: apt-get install"
    ):
        build("pipeline", "rawtherapee")


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("rawtherapee:fast", {}, "rawtherapee takes no argument, not 'fast'"),
        (
            "rawtherapee",
            {"timeout": 2},
            "rawtherapee has no option 'timeout'; there are: profile, copy, timeout_s",
        ),
        ("rawtherapee", {"timeout_s": "2"}, "timeout_s = '2' must be a number above 0"),
    ],
)
def test_a_wrong_option_is_refused(spec, options, message):
    with pytest.raises(ConfigError, match=message):
        build("pipeline", spec, **options)


@needs_rawtherapee
@pytest.mark.parametrize(
    ("file_format", "template", "message"),
    [
        ("xmp", None, "rawtherapee writes the format pp3, not 'xmp'"),
        ("pp3", b"text", "the template is no pp3 profile: it has no section"),
        ("pp3", b"\xff\xfe\xff", "the template is no pp3 profile: it has no section"),
    ],
)
def test_a_wrong_format_or_template_is_refused(rawtherapee, file_format, template, message):
    with pytest.raises(ConfigError, match=message):
        rawtherapee.parameter_file(file_format, SPACE.default, template)
