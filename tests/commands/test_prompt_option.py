"""`--prompt FILE` of run and score: which objectives get it, what is recorded, what is refused and warned of."""

import json

import pytest
import torch

from isptune.scenes.images import write_image
from isptune.scenes.scene import bundled
from objectives.promptiqa.compact import WEIGHTS_FILE

RUN = ("--crop", "64x48", "--population", 4, "--generations", 2, "--confirm", 2, "--second-opinion", "none")


@pytest.fixture
def here(tmp_path):
    """A folder with four rated crops of the scene."""
    image = bundled("astronaut")[0].image
    for number in range(4):
        write_image(tmp_path / f"{number}.png", image[:, :, 220:280, 200 + 8 * number : 280 + 8 * number])
    write_image(tmp_path / "stripes.png", (torch.arange(96) % 8 < 4).float().expand(1, 3, 96, 96))
    (tmp_path / "mine.csv").write_text("image,score\n0.png,1\n1.png,5\n2.png,2\n3.png,4\n")
    return tmp_path


@pytest.mark.slow
def test_a_run_records_its_prompt_goes_on_with_it_and_refuses_a_changed_one(isptune, here):
    command = ("run", "--objective", "promptiqa", "--prompt", "mine.csv", "--out", "r", *RUN)
    code, _out, err = isptune(*command)
    assert (code, err) == (0, "")
    assert json.loads((here / "r" / "config.json").read_text())["objectives"] == ["promptiqa:prompt=mine.csv"]
    weights = json.loads((here / "r" / "provenance.json").read_text())["weights"]
    assert {"mine.csv", *(f"{n}.png" for n in range(4)), WEIGHTS_FILE.name} <= set(weights)

    rated = (here / "mine.csv").read_text()
    (here / "mine.csv").write_text("image,score\n0.png,5\n1.png,1\n2.png,2\n3.png,4\n")
    code, _out, err = isptune(*command)  # finished, but of another taste
    assert code == 1
    assert "this run began with other files: by sha256 mine.csv was" in err
    (here / "mine.csv").write_text(rated)

    log = (here / "r" / "trials.jsonl").read_bytes()
    (here / "r" / "recommended.json").unlink()
    (here / "r" / "trials.jsonl").write_bytes(log[: log.index(b"\n") + 1])
    assert isptune(*command)[0] == 0
    assert (here / "r" / "trials.jsonl").read_bytes() == log

    (here / "r" / "recommended.json").unlink()
    (here / "mine.csv").write_text("image,score\n0.png,5\n1.png,1\n2.png,2\n3.png,4\n")
    code, _out, err = isptune(*command)
    assert code == 1
    assert err.count("\n") == 1
    assert "this run began with other files: by sha256 mine.csv was" in err

    (here / "other.csv").write_text("image,score\n0.png,5\n1.png,1\n2.png,2\n3.png,4\n")
    code, _out, err = isptune("run", "--objective", "promptiqa", "--prompt", "other.csv", "--out", "r", *RUN)
    assert "holds another run (objectives" in err


@pytest.mark.slow
def test_warnings_come_before_the_run_and_stay_with_its_end(isptune, here):
    (here / "mine.csv").write_text("image,score\n0.png,3\n1.png,3\n")
    command = ("run", "--objective", "promptiqa", "--prompt", "mine.csv", "--scene", "stripes.png")
    code, out, err = isptune(*command, "--out", "r", *RUN)
    assert code == 0
    expected = [
        "mine.csv: 2 rated pictures say little of a taste; at least 3, better 10, are needed",
        "mine.csv: all scores are 3, which says nothing of a taste",
    ]
    lines = [line.removeprefix("warning: ") for line in err.splitlines()]
    assert lines[:2] == expected
    assert lines[2].startswith("mine.csv: the picture to score is unlike the rated ones (distance ")
    assert json.loads((here / "r" / "recommended.json").read_text())["warnings"][:3] == lines
    assert "all scores are 3" in out.replace("\n", " ")


@pytest.mark.slow
def test_scores_take_the_prompt_and_name_the_picture_that_is_unlike_it(isptune, here):
    command = ("score", "0.png", "stripes.png", "--csv", "--objective", "tv", "--objective")
    code, out, err = isptune(*command, "promptiqa", "--prompt", "mine.csv")
    assert code == 0
    assert err.startswith("warning: stripes.png: mine.csv: the picture to score is unlike the rated ones")
    assert err.count("\n") == 1
    assert out == isptune(*command, "promptiqa:prompt=mine.csv")[1]
    assert "0.png,promptiqa:prompt=mine.csv," in out
    assert "0.png,tv," in out


@pytest.mark.slow
def test_a_sum_of_objectives_passes_warnings_on(isptune, here):
    (here / "mine.csv").write_text("image,score\n0.png,3\n1.png,3\n2.png,3\n")
    spec = "weighted:0.5*promptiqa:prompt=mine.csv + 0.5*sharpness"
    code, _out, err = isptune("score", "0.png", "--objective", spec)
    assert code == 0
    assert err == "warning: mine.csv: all scores are 3, which says nothing of a taste\n"


@pytest.mark.slow
def test_options_of_the_objective_stay_in_front_of_the_prompt(isptune, here):
    command = ("score", "0.png", "1.png", "--csv", "--objective", "promptiqa:direction=lower", "--prompt")
    code, out, _err = isptune(*command, "mine.csv")
    assert code == 0
    assert '"promptiqa:direction=lower,prompt=mine.csv"' in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--objective", "ssim"),
            "--prompt mine.csv: ssim cannot learn from rated pictures; these can: promptiqa",
        ),
        (("--objective", "promptiqa:mine.csv"), "promptiqa: prompt is given twice"),
        (("--objective", "promptiqa", "--prompt", "absent.csv"), "absent.csv: no such file"),
        (("--objective", "promptiqa", "--prompt", "a,b.csv"), "a,b.csv: no such file"),
        (("--objective", "promptiqa", "--prompt", "study:s"), "study:s: there is no s/prompt.csv"),
        (("--objective", "promptik"), "no objective is called 'promptik'"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_refused_in_one_line(isptune, here, arguments, message):
    given = arguments if "--prompt" in arguments else (*arguments, "--prompt", "mine.csv")
    for command in (("run", *RUN), ("score", "0.png")):
        code, _out, err = isptune(*command, *given)
        assert code == 2
        assert message in err
        assert err.count("\n") == 1
