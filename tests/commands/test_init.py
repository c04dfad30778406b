"""`isptune init`: files to start from, which work as they are."""

import json
import tomllib

import pytest

from isptune.errors import ConfigError
from isptune.registry import installed
from isptune.runs.settings_schema import in_our_words
from isptune.spaces import space_of
from isptune.tuning.config import load_settings


@pytest.mark.parametrize("kind", sorted(installed("starter")))
def test_a_file_names_its_schema_which_knows_all_of_its_keys(isptune, tmp_path, kind):
    status, out, _ = isptune("init", kind)
    (file,) = tmp_path.glob("*.toml")
    schema = json.loads(file.with_suffix(".schema.json").read_text())
    text = file.read_text()
    assert status == 0
    assert text.splitlines()[0] == f"#:schema ./{file.stem}.schema.json"
    assert set(tomllib.loads(text)) <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert str(file.name) in out
    assert max(map(len, text.splitlines())) <= 130


def test_the_descriptions_can_be_listed_at_once(isptune, tmp_path):
    isptune("init", "command")
    isptune("init", "remote")
    for kind, file in (("command", "isp.toml"), ("remote", "board.toml")):
        space = space_of(f"{kind}:{tmp_path / file}", {})
        assert space is not None
        assert {"denoise.strength", "tone.gain"} <= set(space.names)


@pytest.mark.slow
@pytest.mark.drawn
def test_the_small_isp_is_tuned_as_the_last_line_says(isptune, tmp_path):
    out = isptune("init", "command")[1]
    words = out.splitlines()[-1].split()[1:]
    short = [
        "--generations",
        "2",
        "--population",
        "4",
        "--resize",
        "32",
        "--confirm",
        "1",
        "--second-opinion",
        "none",
    ]
    status, out, err = isptune(*words, *short, "--out", "r")
    assert (status, err) == (0, "")
    assert "denoise.strength" in out


def test_nothing_is_overwritten_unasked(isptune, tmp_path):
    isptune("init", "run")
    (tmp_path / "run.toml").write_text("# mine")
    status, _, err = isptune("init", "run")
    assert (status, "run.toml" in err) == (2, True)
    assert (tmp_path / "run.toml").read_text() == "# mine"
    assert isptune("init", "run", "--force")[0] == 0


def test_a_configuration_has_the_types_of_toml_and_the_names_of_the_options(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(
        'scene = "cat"\nobjective = ["ssim", "tv"]\nresize = 128\ncrop = [64, 48]\nholdout = 0.25\nbudget-time = "1h"\n'
    )
    settings = load_settings(file, {})
    assert settings.scenes == ("cat",)
    assert settings.objectives == ("ssim", "tv")
    assert (settings.resize, settings.crop, settings.holdout) == ("128", "64x48", ("0.25",))
    assert settings.budget_time == "1h"
    assert load_settings(file, {"scenes": ("coffee",)}).scenes == ("coffee",)


def test_one_setting_under_two_names_is_refused():
    with pytest.raises(ConfigError, match="scenes is given twice"):
        in_our_words({"scenes": ["a.png"], "scene": "b.png"}, "run.toml")


def test_a_study_is_asked_as_a_file_says_and_options_win(isptune, tmp_path):
    (tmp_path / "study.toml").write_text('schedule = "swis"\n')
    status, _, err = isptune("study", "new", "s", "--config", "study.toml", "--images", "none")
    assert (status, "swis" in err) == (2, True)
    (tmp_path / "study.toml").write_text("schedul = 1\n")
    assert "did you mean 'schedule'?" in isptune("study", "new", "s", "--config", "study.toml")[2]
    (tmp_path / "study.toml").write_text('images = "from_file"\nschedule = "swiss"\n')
    assert "from_file: no such folder" in isptune("study", "new", "s", "--config", "study.toml")[2]
    assert (
        "given: no such folder"
        in isptune("study", "new", "s", "--config", "study.toml", "--images", "given")[2]
    )
