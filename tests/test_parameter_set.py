import json
import tomllib

import numpy as np
import pytest

from isptune.errors import ConfigError, RunFolderError
from isptune.parameter_set import ParameterSet, parse_set, read_set, to_json, to_toml
from isptune.runs.aggregate import parse_aggregate
from isptune.space import Choice, Integer, Real, Space

PARAMS = (
    Real("denoise.strength", 0.01, 1.0, 0.5, log=True, unit="sigma"),
    Integer("sharpen.radius", 1, 9, 3),
    Choice("demosaic.method", ("fast", "careful"), "fast"),
)
SET = ParameterSet(
    name='night "shots"',
    values={"sharpen.radius": 7, "denoise.strength": 1e-2, "demosaic.method": "careful"},
    pipeline="tint",
    pipeline_options={"noise": 0.05, "steps": ["a", {"b": True}]},
    start={"sharpen.radius": 3, "denoise.strength": 0.5, "demosaic.method": "fast"},
    scores={"weighted:0.5*ssim+0.5*tv": {"recommended": 0.75, "default": -1e-7}},
)


@pytest.mark.parametrize("write", [to_toml, to_json])
def test_a_set_comes_back_from_its_file_as_it_was(tmp_path, write):
    file = tmp_path / "set"
    file.write_text(write(SET, PARAMS))
    assert read_set(file) == SET
    assert list(read_set(file).values) == [param.name for param in PARAMS]


def test_a_toml_file_says_unit_range_and_start_beside_each_value():
    text = to_toml(SET, PARAMS)
    assert "denoise.strength = 0.01  # 0.01 to 1 sigma; it started at 0.5\n" in text
    assert 'demosaic.method = "careful"  # fast, careful; it started at fast\n' in text
    assert tomllib.loads(text)["values"]["denoise"]["strength"] == 0.01


@pytest.mark.parametrize("name", ["a b", 'x"y', "one\ttwo", "ä.b", "del\x7f", "a..b", ""])
def test_odd_names_and_names_inside_others_are_quoted_and_come_back(tmp_path, name):
    odd = ParameterSet("s", {name: 1, "a": 0.5, "a.b": "a # b", "a.b.c": -3})
    assert parse_set(to_toml(odd), tmp_path / "s.toml") == odd


def test_a_set_written_by_hand_needs_values_only(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[values.denoise]\nstrength = 0.2\n[values]\nplain = 3\n")
    assert read_set(file) == ParameterSet("mine", {"denoise.strength": 0.2, "plain": 3})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no table 'values'"),
        (
            "denoise = 3",
            "has no table 'values', but 'denoise'; a parameter set has that, and may have: values, name",
        ),
        ("values = 3", "has no table 'values'"),
        ("denoise = 3\n[values]\na = 1", "unknown key 'denoise'; known are: values, name, pipeline, "),
        ("[values]\na = true", "values.a = True must be a number or text"),
        ("[values]\na = [1]", r"values.a = \[1\] must be a number or text"),
        ('{"values": {"a": null}}', "values.a = None must be a number or text"),
        ('{"values": ', "is not JSON that can be read"),
        ("values = ", "is not a TOML file that can be read"),
        ("pipeline = 3\n[values]\na = 1", "pipeline = 3 must be text"),
        ("scores = 3\n[values]\na = 1", "scores = 3 must be a table"),
        ("[values]\na = 1\n[scores]\nx.y = nan", "scores.x.y = nan is no number to work with"),
        ("[" * 5000, "is not a TOML file that can be read"),
        ('{"a":' * 5000, "is not JSON that can be read"),
    ],
)
def test_a_file_that_is_no_set_is_refused_in_words(tmp_path, text, message):
    file = tmp_path / "set.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_set(file)


def test_what_is_not_there_or_binary_or_no_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such file or run folder"):
        read_set(tmp_path / "none")
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff")
    with pytest.raises(ConfigError, match="read as a parameter set: is not a TOML file that can be read"):
        read_set(tmp_path / "picture")
    with pytest.raises(RunFolderError, match=r"holds no config\.json; is it a run folder"):
        read_set(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RunFolderError, match="is not finished"):
        read_set(tmp_path)
    (tmp_path / "recommended.json").write_text(json.dumps({"params": 3}))
    with pytest.raises(RunFolderError, match="is damaged"):
        read_set(tmp_path)


def test_the_distance_is_the_mean_change_of_the_ranges():
    space = Space(PARAMS)
    moved = {"denoise.strength": 0.05, "sharpen.radius": 5, "demosaic.method": "careful"}
    # A tenth of 0.5 is half of the two decades; 2 of 8; another choice.
    assert space.distance(space.default, moved) == pytest.approx((0.5 + 0.25 + 1) / 3)
    assert space.distance(moved, moved) == 0
    assert Space(()).distance({}, {}) == 0


def test_scores_of_scenes_become_one_by_mean_worst_or_quantile():
    scores = [0.2, 0.9, 0.4, 0.5]
    assert parse_aggregate("mean")(scores, "maximize", [1.0] * len(scores)) == pytest.approx(np.mean(scores))
    assert parse_aggregate("worst")(scores, "maximize", [1.0] * len(scores)) == 0.2
    assert parse_aggregate("worst")(scores, "minimize", [1.0] * len(scores)) == 0.9
    assert parse_aggregate("quantile:0")(scores, "maximize", [1.0] * len(scores)) == 0.2
    assert parse_aggregate("quantile:0")(scores, "minimize", [1.0] * len(scores)) == 0.9
    assert parse_aggregate("quantile:0.5")(scores, "minimize", [1.0] * len(scores)) == pytest.approx(
        np.median(scores)
    )
    assert parse_aggregate("quantile:0.25")(scores, "maximize", [1.0] * len(scores)) == pytest.approx(0.35)


@pytest.mark.parametrize(
    "spec", ["", "median", "quantile", "quantile:", "quantile:1.5", "quantile:nan", "mean:3"]
)
def test_an_aggregate_that_does_not_exist_is_refused(spec):
    with pytest.raises(ConfigError, match="is none of mean, worst and quantile:Q"):
        parse_aggregate(spec)
