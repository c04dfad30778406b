"""export, import and diff, and the options of a run that are about sets."""

import json
import tomllib
from dataclasses import replace

import pytest

from isptune.errors import ConfigError
from isptune.parameter_set import read_set
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import load_scenes
from isptune.tuning.bench import Bench
from isptune.tuning.effects import bench_of, effects
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.run import run
from tests import toys
from tests.toys import SHORT, TOY


@pytest.fixture
def made(isptune, tmp_path):
    assert isptune("run", *TOY, *SHORT, "--out", "made")[0] == 0
    return tmp_path / "made"


def _answer(folder):
    return json.loads((folder / "recommended.json").read_text())


@pytest.mark.slow
def test_an_exported_set_can_be_imported_and_exported_again_unchanged(isptune, tmp_path, made):
    for name in ("toml", "json"):
        assert isptune("export", made, "--format", name, "--out", f"set.{name}")[0] == 0
        assert read_set(tmp_path / f"set.{name}").values == _answer(made)["params"]
    status, out, _ = isptune("export", "set.json", "--format", "json")
    assert (status, out) == (0, (tmp_path / "set.json").read_text())
    arguments = [*TOY[2:], *SHORT, "--tune", "tint.green", "--out", "second"]
    assert isptune("import", "set.toml", *arguments)[0] == 0
    answer = _answer(tmp_path / "second")
    assert answer["default"] == _answer(made)["params"]
    assert answer["params"]["tint.red"] == _answer(made)["params"]["tint.red"]
    config = json.loads((tmp_path / "second" / "config.json").read_text())
    assert config["pipeline"] == "tint"


@pytest.mark.slow
def test_start_takes_files_folders_and_values_and_the_last_one_wins(isptune, tmp_path, made):
    (tmp_path / "by=hand.toml").write_text("[values]\ntint.red = 0.25\n")
    starts = ["--start", made, "--start", "by=hand.toml", "--start", "tint.green=-0.125"]
    assert isptune("run", *TOY, *SHORT, *starts, "--out", "r")[0] == 0
    assert _answer(tmp_path / "r")["default"] == {"tint.red": 0.25, "tint.green": -0.125}


@pytest.mark.slow
def test_export_never_overwrites_unless_told_to(isptune, tmp_path, made):
    (tmp_path / "mine.toml").write_text("precious")
    status, _, err = isptune("export", made, "--out", "mine.toml")
    assert (status, (tmp_path / "mine.toml").read_text()) == (2, "precious")
    assert "exists; choose another --out, or overwrite it with --force" in err
    assert isptune("export", made, "--out", "mine.toml", "--force")[0] == 0
    assert tomllib.loads((tmp_path / "mine.toml").read_text())["pipeline"] == "tint"
    status, _, err = isptune("export", made, "--out", ".", "--force")
    assert (status, "is a folder" in err) == (2, True)


class _Writer(toys.Tint):
    facts = replace(toys.Tint.facts, file_formats=("inked",))

    def parameter_file(self, file_format, candidate, template):
        if template is None:
            raise ConfigError("inked needs --template")
        return template + json.dumps(candidate).encode()


@pytest.mark.slow
def test_a_pipeline_writes_the_formats_that_it_names(isptune, tmp_path, made, monkeypatch):
    status, _, err = isptune("export", made, "--format", "inked")
    assert status == 2
    assert "a set of tint cannot be written as 'inked', only as: toml, json" in err
    monkeypatch.setattr(toys, "tint", lambda argument, **options: _Writer(**options))
    status, _, err = isptune("export", made, "--format", "pp3")
    assert "only as: toml, json, inked" in err
    status, _, err = isptune("export", made, "--format", "inked")
    assert (status, "inked needs --template" in err) == (2, True)
    status, _, err = isptune("export", made, "--format", "inked", "--template", "none")
    assert (status, "none: no such file" in err) == (2, True)
    (tmp_path / "template").write_text("kept")
    assert isptune("export", made, "--format", "inked", "--template", "template", "--out", "x")[0] == 0
    assert (tmp_path / "x").read_text() == "kept" + json.dumps(_answer(made)["params"])


@pytest.mark.slow
def test_diff_tells_change_and_what_it_buys_knob_by_knob(isptune, tmp_path, made):
    (tmp_path / "old.toml").write_text('pipeline = "tint"\n[values]\ntint.red = -0.4\ntint.green = 0.1\n')
    status, out, _ = isptune("diff", "old.toml", made, "--json")
    difference = json.loads(out)
    new = _answer(made)["params"]
    assert status == 0
    assert difference["objectives"] == {"redness": "minimize"}
    assert [c["knob"] for c in difference["changes"]] == sorted(
        new, key=lambda name: -abs(new[name] - {"tint.red": -0.4, "tint.green": 0.1}[name])
    )
    for change in difference["changes"]:
        assert change["stage"] == "tint"
        assert change["change_percent"] == pytest.approx(100 * (change["new"] - change["old"]))
        back = {**new, change["knob"]: change["old"]}
        evaluator = Evaluator(toys.Tint(), {"redness": toys.redness(None)}, load_scenes(["cat"], resize="24"))
        whole, alone = evaluator.evaluate([new, back], seed=0)
        expected = alone.scores["redness"] - whole.scores["redness"]
        assert change["if_it_goes_back"]["redness"]["mean"] == pytest.approx(expected, abs=1e-6)
    status, out, _ = isptune("diff", "old.toml", made)
    assert status == 0
    assert "redness if it goes back" in out
    assert "worse" in out


@pytest.mark.slow
def test_diff_of_one_run_is_against_its_start_and_files_alone_have_no_effects(isptune, tmp_path, made):
    status, out, _ = isptune("diff", made)
    assert (status, "made, start -> made" in out) == (0, True)
    isptune("export", made, "--out", "set.toml")
    status, out, _ = isptune("diff", made, "set.toml", "--no-effects")
    assert (status, "the sets are equal in all 2 knobs" in out) == (0, True)
    (tmp_path / "old.toml").write_text("[values]\ntint.red = -0.4\n")
    status, out, _ = isptune("diff", "old.toml", "set.toml")
    assert status == 0
    assert "tint.green: not in old" in out
    assert "what each change buys is measured on a run: --on RUN" in out
    status, out, _ = isptune("diff", "old.toml", "set.toml", "--on", made)
    assert "redness if it goes back" in out


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("[values]\nx = 1", ["s.toml"], "does not say what it started from"),
        ("[values]\nx = 1", ["s.toml", "s.toml"], "does not say which pipeline it is for"),
        ("[values]\nx = 1", ["s.toml", "s.toml", "--effects"], "neither A nor B is one"),
        ("[values]\nx = 1", ["s.toml", "s.toml", "--on", "nowhere"], "nowhere is none that an objective led"),
        ('pipeline = "tint"\n[values]\nx = 1', ["s.toml", "s.toml"], "has 'x', which the pipeline"),
        ('pipeline = "tint"\n[values]\ntint.red = 7', ["s.toml", "s.toml"], "tint.red = 7 is outside"),
        ('pipeline = "none"\n[values]\nx = 1', ["s.toml", "s.toml"], "no pipeline is called 'none'"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused_in_one_line(isptune, tmp_path, text, arguments, message):
    (tmp_path / "s.toml").write_text(text)
    status, _, err = isptune("diff", *arguments)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


SETTINGS = RunSettings(
    pipeline="tint", objectives=("redness",), scenes=("cat", "coffee"), resize="24", population=8,
    generations=12, confirm=2, second_opinions=("none",), device="cpu", optimizer="cma",
)  # fmt: skip


def _run(folder, **changes):
    bench = Bench(replace(SETTINGS, **changes))
    run(bench, folder)
    return bench, _answer(folder)


@pytest.mark.slow
@pytest.mark.usefixtures("toys")
def test_stay_near_holds_back_what_buys_nothing_and_leaves_scores_as_they_are(tmp_path):
    _, free = _run(tmp_path / "free")
    # redness does not look at green, and red buys more than its price.
    _, near = _run(tmp_path / "near", stay_near=0.5, generations=25)
    assert abs(near["params"]["tint.green"]) < 0.02 < abs(free["params"]["tint.green"])
    gained = (
        near["objectives"]["redness"]["default"]["mean"]
        - near["objectives"]["redness"]["recommended"]["mean"]
    )
    assert gained > 0.15
    moved = (abs(near["params"]["tint.red"]) + abs(near["params"]["tint.green"])) / 2
    assert near["distance"] == pytest.approx(moved)
    assert near["cost"] == pytest.approx(0.5 * moved)
    _, stuck = _run(tmp_path / "stuck", stay_near=10.0)
    assert stuck["distance"] < 0.01


@pytest.mark.slow
@pytest.mark.usefixtures("toys")
def test_the_worst_scene_and_the_mean_lead_to_different_sets(tmp_path):
    bench, worst = _run(tmp_path / "worst", aggregate="worst", tune=("tint.red",))
    _, mean = _run(tmp_path / "mean", tune=("tint.red",))
    for answer, combine in ((worst, max), (mean, lambda values: sum(values) / len(values))):
        scenes = [row["redness"]["recommended"]["mean"] for row in answer["scenes"].values()]
        total = answer["objectives"]["redness"]["recommended"]["mean"]
        assert list(answer["scenes"]) == ["cat", "coffee"]
        assert total == pytest.approx(combine(scenes))
        assert answer["scenes"]["cat"]["redness"]["gain"]["mean"] == pytest.approx(
            answer["scenes"]["cat"]["redness"]["recommended"]["mean"]
            - answer["scenes"]["cat"]["redness"]["default"]["mean"]
        )
    worst_of = {name: max(r["redness"]["recommended"]["mean"] for r in a["scenes"].values())
                for name, a in (("worst", worst), ("mean", mean))}  # fmt: skip
    assert worst_of["worst"] <= worst_of["mean"] + 1e-6
    assert bench.evaluator.evaluate([worst["params"]], 0)[0].scores["redness"] == pytest.approx(
        worst["objectives"]["redness"]["recommended"]["mean"]
    )


@pytest.mark.slow
@pytest.mark.usefixtures("toys")
def test_effects_name_the_knob_that_cannot_be_rendered_alone(tmp_path):
    changes = {"pipeline": "moody", "start": {"tint.red": 0.1}, "scenes": ("cat",)}
    _, answer = _run(tmp_path / "moody", **changes)
    bench = bench_of(tmp_path / "moody")
    found, failed = effects(bench, answer["params"], {"tint.red": 0.4, "tint.green": 0.3}, seeds=2)
    assert list(found) == ["tint.green"]
    assert failed == {"tint.red": "cat: red is above 0.2"}


def test_settings_about_sets_are_checked(isptune):
    for arguments, message in (
        (["--stay-near", "-1"], "stay_near = -1.0 must be 0 or more"),
        (
            ["--stay-near", "1", "--objective", "greenness"],
            "stay_near is a price in the unit of one objective",
        ),
        (["--aggregate", "best"], "aggregate = 'best' is none of mean, worst"),
    ):
        status, _, err = isptune("run", *TOY, *arguments)
        assert (status, message in err) == (2, True), err


@pytest.mark.slow
def test_a_run_of_an_earlier_version_without_the_new_settings_goes_on(isptune, made):
    config = json.loads((made / "config.json").read_text())
    for key in ("stay_near", "aggregate"):
        del config[key]
    (made / "config.json").write_text(json.dumps(config))
    status, out, err = isptune("run", *TOY, *SHORT, "--out", "made")
    assert (status, err) == (0, "")
    assert "finished already" in out
