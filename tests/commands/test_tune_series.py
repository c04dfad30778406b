"""A set for each condition, each search started from its neighbour."""

import json
import re
import tomllib

import pytest

from isptune.parameter_set import read_set

TOY = ["--pipeline", "tint", "--objective", "redness", "--resize", "24", "--population", "6", "--confirm", "2",
       "--second-opinion", "none", "--device", "cpu"]  # fmt: skip
THREE = [
    "--condition",
    "100=cat",
    "--condition",
    "400=coffee",
    "--condition",
    "400=astronaut",
    "--condition",
    "1 600=rocket",
]


def _json(path):
    return json.loads(path.read_text())


@pytest.mark.slow
def test_a_series_ends_in_a_table_a_page_and_a_set_for_each_condition(isptune, tmp_path):
    arguments = [*TOY, *THREE, "--generations", "5", "--out", "s"]
    status, out, err = isptune("tune-series", *arguments)
    assert (status, err) == (0, "")
    assert re.search(r"knob +100 +400 +1 600", out)
    folder = tmp_path / "s"
    table, series = tomllib.loads((folder / "series.toml").read_text()), _json(folder / "series.json")
    assert table["conditions"] == ["100", "400", "1 600"]
    for index, (name, run) in enumerate((("100", "100"), ("400", "400"), ("1 600", "1-600"))):
        chosen = read_set(folder / "sets" / f"{run}.toml")
        assert chosen.name == name
        assert chosen.values == {knob: values[index] for knob, values in series["values"].items()}
        assert table["values"]["tint"]["red"][index] == chosen.values["tint.red"]
        assert (folder / run / "report.html").exists()
        fitted = read_set(folder / "fitted" / f"{run}.toml")
        assert fitted.values == {knob: values[index] for knob, values in series["fitted"].items()}
    scores = series["scores"]["redness"]
    assert len(scores["fitted"]) == len(scores["tuned_again"]) == 3
    assert [score is None for score in scores["left_out"]] == [True, False, True]
    page = (folder / "report.html").read_text()
    assert "<h2>Sets by condition</h2>" in page
    assert re.search("the fitted table (costs|gains)", page)
    assert page.count('<img class="plot"') == 1
    _check_chain(folder, series)
    _check_going_on(isptune, folder, arguments)


def _check_chain(folder, series):
    """Each search has its own scenes, and starts from its neighbour."""
    configs = [_json(folder / name / "config.json") for name in ("100", "400", "1-600")]
    assert [config["scenes"] for config in configs] == [["cat"], ["coffee", "astronaut"], ["rocket"]]
    assert configs[0]["start"] == {}
    for index in (1, 2):
        assert configs[index]["start"] == {k: values[index - 1] for k, values in series["values"].items()}
    scores = series["scores"]["redness"]
    assert all(tuned <= start for tuned, start in zip(scores["tuned"], scores["start"], strict=True))


def _check_going_on(isptune, folder, arguments):
    """What was interrupted goes on to the same result, and another series is kept out."""
    before = (folder / "series.json").read_bytes()
    (folder / "series.json").unlink()
    status, out, _ = isptune("tune-series", *arguments)
    assert (status, out.count("finished already")) == (0, 3)
    assert "the fitted set on the scenes of" not in out  # its scores are kept
    assert (folder / "series.json").read_bytes() == before
    (folder / "fitted_scores.json").write_text("{")
    status, out, _ = isptune("tune-series", *arguments)
    assert (status, out.count("the fitted set on the scenes of")) == (0, 3)
    assert (folder / "series.json").read_bytes() == before
    status, out, _ = isptune("tune-series", *arguments, "--monotone", "tint.red=down")
    assert (status, out.count("finished already")) == (0, 3)
    red = _json(folder / "series.json")["fitted"]["tint.red"]
    assert red == sorted(red, reverse=True)
    status, _, err = isptune("tune-series", *arguments, "--seed", "3")
    assert (status, "holds another series" in err) == (1, True)


@pytest.mark.slow
def test_smoothness_keeps_what_buys_nothing_as_it_is_at_the_neighbour(isptune, tmp_path):
    two = ["--condition", "a=cat", "--condition", "b=coffee", "--generations", "10"]
    arguments = [*TOY, *two, "--out"]
    assert isptune("tune-series", *arguments, "free")[0] == 0
    assert isptune("tune-series", *arguments, "smooth", "--smoothness", "5")[0] == 0
    free, smooth = (_json(tmp_path / name / "series.json") for name in ("free", "smooth"))
    assert free["values"]["tint.red"][0] == smooth["values"]["tint.red"][0]
    assert max(smooth["steps"][1:]) < 0.02
    assert sum(smooth["steps"][1:]) < sum(free["steps"][1:])


@pytest.mark.slow
def test_where_nothing_better_is_found_the_neighbours_set_stays(isptune, tmp_path):
    # The same scene twice: the price of any move is above what is left to gain.
    same = ["--condition", "a=cat", "--condition", "b=cat", "--smoothness", "1000", "--generations", "8"]
    status, out, _ = isptune("tune-series", *TOY, *same, "--out", "s")
    assert status == 0
    series = _json(tmp_path / "s" / "series.json")
    assert series["kept"] == ["b"]
    assert all(values[0] == values[1] for values in series["values"].values())
    assert "b: nothing better was found" in out


@pytest.mark.slow
def test_the_place_in_a_scene_takes_the_name_of_the_condition(isptune, tmp_path):
    arguments = ["--scene", "bundled:{}", "--condition", "cat", "--condition", "coffee", "--generations", "2"]
    assert isptune("tune-series", *TOY, *arguments, "--out", "s")[0] == 0
    assert _json(tmp_path / "s" / "coffee" / "config.json")["scenes"] == ["bundled:coffee"]


@pytest.mark.slow
def test_isos_name_conditions_and_their_numbers_go_into_scenes(isptune, tmp_path):
    """The scene has the number, its condition and folder the letters too; held-out scenes are filled as well."""
    raw = [
        "--pipeline",
        "raw",
        "--objective",
        "psnr",
        "--tune",
        "sharpen.amount",
        "--crop",
        "64x64",
        *TOY[4:][2:],
    ]
    scenes = ["--scene", "unprocessed:cat?iso={iso}", "--holdout", "unprocessed:rocket?iso={iso}"]
    status, _, err = isptune(
        "tune-series", *raw, *scenes, "--iso", "100,1600", "--generations", "2", "--out", "s"
    )
    assert status == 0, err
    config = _json(tmp_path / "s" / "iso1600" / "config.json")
    assert config["scenes"] == ["unprocessed:cat?iso=1600"]
    assert config["holdout"] == ["unprocessed:rocket?iso=1600"]
    assert config["reference_at"] == {}
    status, _, err = isptune("lookup", "s", "--iso", "400")
    assert (status, err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            [],
            2,
            "needs two conditions or more, each with a name (--iso 100,800 or --condition NAME); got: none",
        ),
        (["--iso", "100,high"], 2, "--iso 'high' is no number above 0"),
        (["--iso", "100,100"], 2, "needs two conditions or more"),
        (["--iso", "100,400"], 2, "the condition 'iso100' has no scene of its own"),
        (
            ["--condition", "day", "--condition", "night", "--scene", "unprocessed:cat.png?iso={iso}"],
            2,
            "the condition 'day' has no number above 0",
        ),
        (
            ["--condition", "1=cat", "--condition", "2=cat", "--monotone", "blue=up"],
            2,
            "matches no number that is tuned",
        ),
        (
            ["--condition", "day=cat", "--condition", "night=cat", "--monotone", "tint.red=up"],
            2,
            "the condition 'day' has no number above 0",
        ),
        (["--condition", "a=cat"], 2, "needs two conditions or more"),
        (
            ["--condition", "=cat", "--condition", "b=cat"],
            2,
            "needs two conditions or more, each with a name",
        ),
        (["--condition", "a=cat", "--condition", "b"], 2, "the condition 'b' has no scene of its own"),
        (["--condition", "a b=cat", "--condition", "A-B=cat"], 2, "would share a folder"),
        (["--condition", "a=cat", "--condition", "b=none.png"], 2, "none.png: no such file"),
        (["--condition", "a=cat", "--condition", "b=cat", "--stay-near", "1"], 2, "--smoothness says what"),
        (
            ["--condition", "a=cat", "--condition", "b=cat", "--smoothness", "-1"],
            2,
            "smoothness = -1.0 must be",
        ),
        (
            ["--condition", "a=cat", "--condition", "b=cat", "--out", "full"],
            1,
            "is not empty (x) and holds no series",
        ),
    ],
)
def test_a_wrong_series_is_refused_before_anything_runs(isptune, tmp_path, arguments, status, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    left, _, err = isptune("tune-series", *TOY, *arguments)
    assert (left, err.count("\n")) == (status, 1)
    assert message in err
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").rglob("trials.jsonl"))
