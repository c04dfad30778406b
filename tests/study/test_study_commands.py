import csv
import json

import numpy as np
import pytest
from PIL import Image

from isptune.study.plan.folder import read_study
from isptune.study.votes.answers import Answers

TINT = ["--pipeline", "tint", "--objective", "redness", "--device", "cpu"]
DMC = ["study", "new", "s", "--dmc", "cat", "--resize", "24", "--count", "8", "--pairs-per-image", "5", *TINT]
RUN = [
    "run",
    "--pipeline",
    "tint",
    "--objective",
    "redness",
    "--scene",
    "cat",
    "--resize",
    "24",
    "--out",
    "r",
]
RUN += [
    "--population",
    "6",
    "--generations",
    "2",
    "--confirm",
    "2",
    "--second-opinion",
    "none",
    "--device",
    "cpu",
]


TABLE = """observer,session_id,scene,condition_A,condition_B,is_A_selected
M01,1,window,a b,c,1
M01,1,window,c,d,0.5
F02,2,window,c,a b,0
F02,2,window,d,a b,1
"""


def picture(path, level, size=(16, 12)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_making_a_study_tells_how_far_it_is(isptune, monkeypatch):
    monkeypatch.setattr("isptune.commands.progress.PLAIN_COUNT_EVERY_S", 0.0)
    status, _, told = isptune(*DMC)
    assert status == 0
    assert "rendered and scored: 64 of 64 pictures" in told
    assert [line for line in told.splitlines() if line.startswith("written: ")][
        -1
    ] == "written: 7 of 8 pictures"


@pytest.fixture
def voted(isptune):
    """A study of eight renderings, voted on by four simulated observers."""
    assert isptune(*DMC)[::2] == (0, "")
    assert isptune("study", "simulate", "s", "--observers", "4", "--span", "4")[::2] == (0, "")


@pytest.mark.slow
@pytest.mark.drawn
def test_a_study_goes_from_one_scene_to_the_report(isptune, voted, tmp_path):
    study = read_study(tmp_path / "s")
    assert [s.condition for s in study.stimuli] == [f"{k:03d}" for k in range(1, 9)]
    assert all((tmp_path / "s" / s.file).is_file() and s.params for s in study.stimuli)
    scores = np.sort([s.score for s in study.stimuli])
    assert np.diff(scores).max() < 2.5 * np.ptp(scores) / 7, "qualities are spread about evenly"
    status, out, err = isptune("study", "fit", "s", "--draws", "50")
    assert status == 0, err
    assert "cat: 80 votes of 4 observers on 8 images" in out
    assert "4 of 4 observers are simulations, not people." in err
    rows = rows_of(tmp_path / "s" / "scale.csv")
    assert {"image", "scene", "condition", "score", "low", "high", "win_share", "group"} <= set(rows[0])
    assert [float(r["score"]) for r in rows] == sorted((float(r["score"]) for r in rows), reverse=True)
    assert all(float(r["low"]) <= float(r["score"]) <= float(r["high"]) for r in rows)
    known = [float(r["known_score"]) for r in rows]
    assert np.corrcoef(known, [float(r["score"]) for r in rows])[0, 1] > 0.8
    prompt = rows_of(tmp_path / "s" / "prompt.csv")
    assert all((tmp_path / "s" / row["image"]).is_file() for row in prompt)
    assert len(prompt) == 8
    page = (tmp_path / "s" / "report.html").read_text()
    assert page.count("simulation</strong>") == 4
    assert "http" not in page.replace("http-equiv", "")
    result = json.loads((tmp_path / "s" / "result.json").read_text())
    assert result["simulated_observers"] == 4
    assert result["scenes"]["cat"]["connected_groups"] == 1


@pytest.mark.slow
def test_simulated_observers_vote_over_http_and_stay_named_as_such(isptune, tmp_path):
    assert isptune(*DMC)[::2] == (0, "")
    status, out, err = isptune("study", "simulate", "s", "--observers", "2", "--http")
    assert (status, err) == (0, "")
    assert out.startswith("simulation_01: 30 answers\nsimulation_02: 30 answers\nover HTTP: 60 votes in ")
    assert "ms; the server keeps 60 of them\n" in out
    exported = isptune("study", "export", "s")[1].splitlines()[1:]
    assert {line.split(",")[0] for line in exported} == {"simulation_01", "simulation_02"}
    assert "give one of them" in isptune("study", "simulate", "s", "--http", "--url", "http://x/owner/y")[2]
    assert "is not the owner's link" in isptune("study", "simulate", "s", "--url", "http://x/o/y")[2]


@pytest.mark.slow
def test_the_same_votes_give_the_same_bytes(isptune, voted, tmp_path):
    assert isptune("study", "fit", "s", "--draws", "50")[0] == 0
    before = {
        p.name: p.read_bytes() for p in (tmp_path / "s").glob("*.*") if p.suffix in (".csv", ".html", ".json")
    }
    assert isptune("study", "fit", "s", "--draws", "50")[0] == 0
    assert before == {name: (tmp_path / "s" / name).read_bytes() for name in before}


@pytest.mark.slow
def test_objectives_are_compared_with_the_votes(isptune, voted, tmp_path):
    status, out, err = isptune(
        "study", "correlate", "s", "--objectives", "redness,greenness", "--draws", "20"
    )
    assert status == 0, err
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["redness", "greenness"]
    best, other = rows_of(tmp_path / "s" / "correlation.csv")
    assert float(best["srocc"]) > 0.8 > float(other["srocc"])
    assert float(best["accuracy_low"]) <= float(best["accuracy"]) <= float(best["accuracy_high"])
    status, out, err = isptune(
        "study", "weights", "s", "--objectives", "redness", "--objectives", "greenness"
    )
    assert status == 0, err
    spec, _, kept = out.splitlines()[-1].removeprefix("--objective ").partition(", or --objective ")
    assert spec.startswith("'weighted:")
    assert "*redness" in spec
    assert kept == "study:s"
    written, read = (
        isptune("score", "s/stimuli/cat/001.png", "--objective", one, "--csv")
        for one in (spec.strip("'"), kept)
    )
    assert written[0] == read[0] == 0
    assert written[1].split(",")[-3] == read[1].split(",")[-3]


def test_a_study_whose_weights_were_not_fitted_is_no_objective_yet(isptune, tmp_path):
    (tmp_path / "s").mkdir()
    status, _, err = isptune("run", "--objective", "study:s", "--out", "r")
    assert status == 2
    assert "isptune study weights s --objectives" in err
    for damaged in ("[]", '{"objective": "ssim"}', "{"):
        (tmp_path / "s" / "weights.json").write_text(damaged)
        status, _, err = isptune("run", "--objective", "study:s", "--out", "r")
        assert status == 2
        assert "weights.json: holds" in err
    assert not (tmp_path / "r").exists()


@pytest.mark.slow
def test_the_pictures_of_a_run_are_its_spread_its_default_and_the_reference(isptune, tmp_path):
    assert isptune(*RUN)[0] == 0
    status, out, err = isptune(
        "study", "new", "s", "--from-run", "r", "--finalists", "4", "--schedule", "complete"
    )
    assert status == 0, err
    study = read_study(tmp_path / "s")
    names = [s.condition for s in study.stimuli]
    assert names[:2] == ["default", "recommended"]
    assert names[-1] == "reference"
    assert len(names) == 6
    assert study.reference("cat") is not None
    assert set(study.stimuli[0].params) == {"tint.red", "tint.green"}
    assert "25 pairs an observer (complete)" in out


def test_a_folder_of_pictures_becomes_a_study(isptune, tmp_path):
    for scene in ("sky", "sea side"):
        for k, level in enumerate((20, 90, 200)):
            picture(tmp_path / "in" / scene / f"c{k}.png", level)
    picture(tmp_path / "in" / "sky" / "reference.png", 250)
    status, _, err = isptune("study", "new", "s", "--images", "in")
    assert status == 0, err
    study = read_study(tmp_path / "s")
    assert study.scenes == ["sea-side", "sky"]
    assert study.plan.anchors == 0, "no scores are known"
    assert study.reference("sky") is not None
    assert study.reference("sea-side") is None
    with Image.open(tmp_path / "s" / "stimuli" / "sky" / "c1.png") as opened:
        assert opened.getpixel((0, 0)) == (90, 90, 90)


def test_pairs_are_handed_out_as_files_and_collected_once(isptune, tmp_path):
    for k, level in enumerate((20, 90, 200)):
        picture(tmp_path / "in" / f"c{k}.png", level)
    options = ["--images", "in", "--schedule", "complete", "--repeats", "0", "--training", "0"]
    assert isptune("study", "new", "s", *options)[0] == 0
    assert isptune("study", "hand-out", "s", "ada", "--name", "Ada")[::2] == (0, "")
    files = sorted(p.name for p in (tmp_path / "ada").iterdir())
    assert files == [
        "001_A.png",
        "001_B.png",
        "002_A.png",
        "002_B.png",
        "003_A.png",
        "003_B.png",
        "observer.txt",
    ]
    (tmp_path / "ada" / "001_A.png").unlink()
    (tmp_path / "ada" / "002_B.png").unlink()
    assert isptune("study", "collect", "s", "ada")[1] == "ada: 3 answers, 3 of them new\n"
    assert isptune("study", "collect", "s", "ada")[1] == "ada: 3 answers, 0 of them new\n"
    with Answers(tmp_path / "s" / "answers.sqlite") as answers:
        assert [vote.answer for vote in answers.votes()] == ["second", "first", "none"]
        assert answers.observers()[0].label == "Ada"
    (tmp_path / "ada" / "003_A.png").unlink()
    status, _, err = isptune("study", "collect", "s", "ada")
    assert (status, "is kept as 'none' on pair 3" in err) == (1, True)
    (tmp_path / "ada" / "003_B.png").unlink()
    assert "of pair 3 both files are gone" in isptune("study", "collect", "s", "ada")[2]


@pytest.mark.slow
def test_damage_in_the_middle_of_the_answers_is_one_clear_line(isptune, voted, tmp_path):
    path = tmp_path / "s" / "answers.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(range(256)) * ((len(whole) - 4096) // 256))
    for command in (["fit"], ["export"], ["simulate", "--observers", "1"]):
        status, _, err = isptune("study", command[0], "s", *command[1:])
        assert status == 1
        assert err.startswith("isptune: s/answers.sqlite: ")
        assert "malformed" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new", "s"], "made with one of --from-run, --images and --dmc; 0 are given"),
        (["new", "s", "--images", "nowhere"], "nowhere: no such folder"),
        (["new", "s", "--from-run", "nowhere"], "nowhere: no such folder"),
        (["new", "in", "--images", "in"], "in: is not empty; a study starts in a new folder"),
        (["new", "s", "--images", "mixed"], "mixed/b: is 8x8, others of its scene are 16x12"),
        (["new", "s", "--images", "one"], "scene 'one' has one picture only"),
        (["new", "s", "--dmc", "bundled"], "--dmc takes one scene; 'bundled' stands for 4"),
        (["fit", "nowhere"], "nowhere: is no study (there is no study.toml)"),
        (["import", "s", "none.csv"], "none.csv: no such file"),
        (["import", "s", "bad.csv"], "bad.csv, line 2: the answer is 'maybe'"),
        (["import", "s", "short.csv"], "short.csv: has no column 'condition_A' or 'condition_B'"),
        (["import", "s", "bad.csv", "--column", "x=y"], "--column is NAME=COLUMN with a NAME of: observer"),
        (["collect", "empty", "in"], "empty: is no study"),
        (["import", "s", "none_in_it.csv"], "none_in_it: the table has no votes"),
    ],
)
def test_wrong_input_gives_one_clear_line(isptune, tmp_path, arguments, message):
    picture(tmp_path / "in" / "a.png", 9)
    picture(tmp_path / "one" / "a.png", 9)
    picture(tmp_path / "mixed" / "a.png", 9)
    picture(tmp_path / "mixed" / "b.png", 9, size=(8, 8))
    (tmp_path / "bad.csv").write_text(TABLE.split("\n")[0] + "\no,1,s,a,b,maybe\n")
    (tmp_path / "short.csv").write_text("observer,scene\n")
    (tmp_path / "none_in_it.csv").write_text(TABLE.split("\n")[0] + "\n")
    status, _, err = isptune("study", *arguments)
    assert status in (1, 2)
    assert message.split(",")[0] in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert not (tmp_path / "s").exists() or not any((tmp_path / "s").iterdir())


@pytest.mark.slow
def test_a_study_nobody_voted_on_and_one_of_people_are_told_apart(isptune, tmp_path):
    for k in range(3):
        picture(tmp_path / "in" / f"c{k}.png", 60 * k)
    assert isptune("study", "new", "s", "--images", "in")[0] == 0
    assert "nobody has voted yet" in isptune("study", "fit", "s")[2]
    assert "has no scores in stimuli.csv" in isptune("study", "simulate", "s")[2]
    assert isptune("study", "new", "t", "--dmc", "cat", "--resize", "24", "--count", "4", *TINT)[0] == 0
    assert isptune("study", "hand-out", "t", "ada")[0] == 0
    assert "1 people take part; simulations would mix with them" in isptune("study", "simulate", "t")[2]


@pytest.mark.parametrize(
    "command",
    ["new", "fit", "correlate", "weights", "judge", "simulate", "hand-out", "collect", "import", "export"],
)
def test_every_command_teaches_by_example(isptune, command):
    status, out, _ = isptune("study", command, "--help")
    assert status == 0
    assert f"isptune study {command}" in out.split("Options:")[0].split("Usage:")[1].split("\n", 1)[1]


def test_study_toml_refuses_what_it_does_not_know(isptune, tmp_path):
    for k in range(3):
        picture(tmp_path / "in" / f"c{k}.png", 60 * k)
    assert isptune("study", "new", "s", "--images", "in")[0] == 0
    plan = tmp_path / "s" / "study.toml"
    text = plan.read_text()
    plan.write_text(text + "colour = 1\n")
    assert "unknown key 'colour'; known are: title, question" in isptune("study", "fit", "s")[2]
    plan.write_text(text.replace('"random"', '"lottery"'))
    assert (
        "schedule = 'lottery' is none of random, complete, swiss, active" in isptune("study", "fit", "s")[2]
    )
    plan.write_text(text.replace("repeats = 5", 'repeats = "5"'))
    assert "repeats = '5' must be a whole number" in isptune("study", "fit", "s")[2]
    (tmp_path / "s" / "stimuli.csv").write_text(
        "scene,condition,file,params,score\nx,a,../../etc/passwd,{},\n"
    )
    plan.write_text(text)
    assert "must be 'stimuli/x/a.png'" in isptune("study", "fit", "s")[2]
