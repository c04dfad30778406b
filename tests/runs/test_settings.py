import pytest

from isptune.errors import ConfigError
from isptune.runs.settings import RunSettings, from_mapping, keys
from isptune.tuning.config import default_folder, load_settings, parse_assignments


def test_options_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    file = tmp_path / "tune.toml"
    file.write_text('objectives = ["niqe"]\nseed = 3\n[pipeline_options]\nmap = "coupled"\nmap_seed = 4\n')
    settings = load_settings(
        file, {"seed": 9, "pipeline_options": {"map_seed": 5}, "scenes": (), "crop": None}
    )
    assert settings.objectives == ("niqe",)
    assert settings.seed == 9
    assert settings.pipeline_options == {"map": "coupled", "map_seed": 5}
    assert settings.population == 30


def test_settings_come_back_from_their_own_dict():
    settings = RunSettings(objectives=("a", "b"), start={"x": 1.5})
    assert from_mapping(settings.as_dict(), "config.json") == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("popultion = 3", r"unknown key 'popultion'; did you mean 'population'\? known are: pipeline, "),
        ('population = "3"', "population = '3' must be a whole number"),
        ("population = true", "must be a whole number"),
        ("population = 1", "population = 1 must be at least 2"),
        ("objectives = [1]", r"objectives\[0\] = 1 must be text"),
        ("objectives = 1", "objectives = 1 must be a list"),
        ("stay_near = nan", "stay_near = nan is no number to work with"),
        ("seed = " + "9" * 5000, "a number has too many digits"),
        ("start = " + "[" * 5000, "it is nested too deeply"),
        ("objectives = []", "objectives is empty"),
        ('objectives = ["a", "a"]', "objectives repeat"),
        ("pipeline_options = 3", "must be a table"),
        ("seed = -1", "seed = -1 must be in"),
        ("seed = ", "is not a TOML file that can be read"),
    ],
)
def test_a_wrong_file_is_refused_in_words(tmp_path, text, message):
    file = tmp_path / "tune.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_settings(file, {})


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_settings(tmp_path / "none.toml", {})


def test_assignments_are_read_as_toml_else_as_text():
    pairs = ["a=1", "b=0.5", "c=coupled", "d=[1, 2]", "e = gaussian_blur:5,jpeg:96"]
    expected = {"a": 1, "b": 0.5, "c": "coupled", "d": [1, 2], "e": "gaussian_blur:5,jpeg:96"}
    assert parse_assignments(pairs, "-P") == expected
    with pytest.raises(ConfigError, match="'a' is not KEY=VALUE"):
        parse_assignments(["a"], "-P")


def test_the_same_settings_lead_to_the_same_folder_and_others_to_another():
    folder = default_folder(RunSettings())
    assert folder == default_folder(RunSettings())
    assert folder.parent.name == "runs"
    assert folder.name.startswith("synthetic-ssim-")
    assert folder != default_folder(RunSettings(seed=1))


def test_every_setting_is_checked_and_documented():
    for key in keys():
        assert f"{key}" in RunSettings.__doc__
        if key not in ("crop", "resize"):
            with pytest.raises(ConfigError):
                from_mapping({key: object()}, "test")
