"""Which pictures are put before a person: trials of a run from worst to best, or pictures of a folder."""

import json
import shutil

import pytest
import torch

from isptune.errors import ConfigError, RunFolderError
from isptune.rating.choice import of_folder, of_run
from isptune.runs.settings import RunSettings, read_settings
from isptune.scenes.images import write_image
from isptune.tuning.bench import Bench
from isptune.tuning.run import run


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    return tmp_path_factory.mktemp("made") / "run"


@pytest.fixture
def finished(tmp_path, toys, made_once):
    """A copy of a run of a toy pipeline with noise, on two scenes and two objectives in opposite directions."""
    if not made_once.exists():
        _make(made_once)
    return shutil.copytree(made_once, tmp_path / "run")


def _make(folder):
    settings = RunSettings(
        pipeline="tint",
        pipeline_options={"noise": 0.05},
        objectives=("redness", "sharpness"),
        optimizer="optuna:NSGA-II",
        scenes=("cat", "coffee"),
        crop="48x32",
        population=10,
        generations=4,
        confirm=2,
        second_opinions=("none",),
        start={"tint.green": 0.1},
        tune=("tint.red",),
    )
    run(Bench(settings), folder)


def trials(folder):
    lines = (folder / "trials.jsonl").read_text().splitlines()
    return [(json.loads(line)["seed"], trial) for line in lines for trial in json.loads(line)["trials"]]


@pytest.mark.slow
@pytest.mark.parametrize(("by", "sign"), [(None, -1), ("sharpness", 1)])
def test_trials_are_taken_from_the_worst_to_the_best(finished, by, sign):
    chosen = of_run(finished, 8, by=by)
    scores = [sign * one.score for one in chosen]
    every = [sign * trial["scores"][by or "redness"] for _, trial in trials(finished)]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (min(every), max(every))
    assert len({one.origin["trial"] for one in chosen}) == 8


@pytest.mark.parametrize("scene", [None, "coffee"])
def test_what_is_shown_is_what_was_scored(finished, scene):
    """The same noise and the values that were held: the picture's own score is the one in the log."""
    bench = Bench(read_settings(finished))
    shown = bench.scenes[0 if scene is None else 1]
    for one in of_run(finished, 3, scene=scene):
        _, trial = trials(finished)[one.origin["trial"]]
        assert one.origin["params"] == trial["params"]
        image = one.load()
        assert image.shape == (1, 3, 32, 48)
        score = float(bench.objectives["redness"].score(image, shown)[0])
        assert score == pytest.approx(trial["scenes"][shown.name]["redness"], abs=1e-6)


def test_a_run_that_crowds_near_its_best_is_still_shown_from_end_to_end(finished):
    """Of 40 trials all but five score alike, to a billionth: equal ranks would show the same picture often."""
    path = finished / "trials.jsonl"
    generations = [json.loads(line) for line in path.read_text().splitlines()]
    for number, trial in enumerate(trial for generation in generations for trial in generation["trials"]):
        trial["params"]["tint.red"] = 0.3 + 1e-9 * number if number >= 5 else 0.1 * number - 0.4
        trial["scores"]["redness"] = 1e-9 * number if number >= 5 else 1.0 - 0.15 * number
    path.write_text("".join(json.dumps(generation) + "\n" for generation in generations))
    scores = [one.score for one in of_run(finished, 6)]
    assert scores[:5] == pytest.approx([1.0, 0.85, 0.7, 0.55, 0.4])


def test_a_run_that_cannot_be_shown_says_why(finished, tmp_path):
    with pytest.raises(RunFolderError, match="no such run folder"):
        of_run(tmp_path / "absent", 5)
    with pytest.raises(ConfigError, match="the run has no scene 'dog'; it has: cat, coffee"):
        of_run(finished, 5, scene="dog")
    with pytest.raises(ConfigError, match="the run has no objective 'niqe'; it has: redness, sharpness"):
        of_run(finished, 5, by="niqe")
    provenance = json.loads((finished / "provenance.json").read_text())
    provenance["scenes"]["cat"] = "0" * 64
    (finished / "provenance.json").write_text(json.dumps(provenance))
    with pytest.raises(RunFolderError, match="the scene 'cat' is not the picture that this run was made on"):
        of_run(finished, 5)
    (finished / "trials.jsonl").write_text("")
    with pytest.raises(RunFolderError, match="0 different trials have a score; at least 3 are needed"):
        of_run(finished, 5, scene="coffee")


@pytest.fixture
def folder(tmp_path):
    """Twelve grey pictures whose red falls as their names rise, and what is no picture."""
    (tmp_path / "photos").mkdir()
    for number in range(12):
        write_image(tmp_path / "photos" / f"{number:02d}.png", torch.full((1, 3, 8, 8), 0.7 - 0.05 * number))
    (tmp_path / "photos" / "notes.txt").write_text("none")
    return tmp_path / "photos"


def test_a_folder_is_spread_by_name_or_by_an_objective(folder, toys):
    names = [one.origin["file"][-6:] for one in of_folder(folder, 5)]
    assert names == ["00.png", "03.png", "06.png", "09.png", "11.png"]  # the step is 10 // 3
    assert [one.score for one in of_folder(folder, 5)] == [None] * 5
    asked = []
    by_red = of_folder(folder, 5, "redness", lambda done, count: asked.append((done, count)))
    assert [one.origin["file"][-6:] for one in by_red] == ["11.png", "08.png", "05.png", "02.png", "00.png"]
    assert by_red[-1].score == pytest.approx(0.1, abs=0.01)
    assert asked[-1] == (12, 12)
    assert len(of_folder(folder, 20)) == 12
    torch.testing.assert_close(by_red[-1].load(), torch.full((1, 3, 8, 8), 0.7), atol=0.01, rtol=0)


def test_a_folder_that_cannot_be_used_says_why(folder, tmp_path, toys):
    with pytest.raises(ConfigError, match="absent: no such folder"):
        of_folder(tmp_path / "absent", 5)
    with pytest.raises(ConfigError, match="0 pictures; at least 3 are needed"):
        of_folder(tmp_path, 5)
    with pytest.raises(ConfigError, match=r"00\.png: cannot be scored: .*reference"):
        of_folder(folder, 5, "ssim")
    (folder / "00.png").write_text("broken")
    with pytest.raises(ConfigError, match=r"00\.png: is not a picture"):
        of_folder(folder, 5, "redness")
