"""TOML files that describe an ISP: every mistake is one line that names it."""

from pathlib import Path

import pytest

from isptune.errors import ConfigError, SpaceError
from isptune.registry import build
from tests.pipelines.external.fake_isp import GOOD, SPACE, write_isp


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[0.5, 2.0]", "[2.0, 0.5]"), "isp.toml: tone.gain: low = 2.0 is not below high = 0.5"),
        (("[0.5, 2.0]", "[-1.0, 2.0]"), "tone.gain: a logarithmic scale needs low > 0, not -1.0"),
        (("[0.5, 2.0]", "[0.5]"), "tone.gain: range = [0.5] must be a list of length 2"),
        (("default = 1.0", "default = 3"), "tone.gain = 3 is outside [0.5, 2]"),
        (("default = 1.0", "default = 'x'"), "tone.gain: default = 'x' must be a number"),
        (("default = 1.0", ""), "tone.gain: has no 'default'"),
        (("log = true", "log = 1"), "tone.gain: log = 1 must be true or false"),
        (
            ("log = true", "lgo = true"),
            "tone.gain: unknown key 'lgo'; did you mean 'log'? known are: name, range, default",
        ),
        (("[-20, 20]", "[-20.5, 20]"), "offset: range[0] = -20.5 must be a whole number"),
        (('"integer"', '"int"'), "offset: type 'int' is none of real, integer, choice"),
        (('default = "rgb"', 'default = "rbg"'), "order = 'rbg' is none of rgb, bgr"),
        (('["rgb", "bgr"]', '"rgb"'), "order: options = 'rgb' must be a list"),
        (('name = "order"', 'name = "tone.gain"'), "parameter names repeat"),
        (('name = "order"', ""), "parameter 3 has no name"),
    ],
)
def test_a_parameter_that_is_declared_wrongly_is_refused(tmp_path, change, message):
    spec = write_isp(tmp_path, space=SPACE.replace(*change))
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
        (GOOD, "timeout_s = 'x'", "timeout_s = 'x' must be a number"),
        (
            GOOD,
            "timeout = 5",
            "unknown key 'timeout'; did you mean 'timeout_s'? known are: command, timeout_s",
        ),
        (GOOD, "params_as = 'yaml'", "params_as = 'yaml' is none of json, toml"),
        (GOOD, "out_suffix = '.gif'", "out_suffix = '.gif' is none of .png"),
        (GOOD, "size = [0, 8]", "size[0] = 0 must be a whole number of 1 or more"),
        (GOOD, "timeout_s = nan", "timeout_s = nan is no number to work with"),
        (GOOD, "a = " + "[" * 5000, "is not a TOML file that can be read: it is nested too deeply"),
        (GOOD, "size = [1]", "size = [1] must be a list of length 2"),
    ],
)
def test_a_description_that_is_wrong_is_refused(tmp_path, command, settings, message):
    spec = write_isp(tmp_path, command=command, settings=settings)
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
