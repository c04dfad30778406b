"""What other programs read of a run, and what ends a continuous integration."""

import json

import pytest
import torch

from isptune.commands.limits import broken, parse_limits
from isptune.errors import ConfigError
from isptune.report.next_steps import next_steps
from isptune.runs.record import read_run
from isptune.scenes.images import write_image
from tests.report.folders import write_run
from tests.toys import SHORT, TOY


def test_show_as_json_has_the_answer_and_what_to_do_next(isptune, tmp_path):
    write_run(tmp_path / "r", generations=3)
    status, out, _ = isptune("show", "r", "--json")
    data = json.loads(out)
    assert status == 0
    assert data["finished"] is True
    assert data["answer"]["params"].keys() == {"denoise.strength", "sharpen.radius", "tone.points"}
    assert data["objectives"]["ssim"]["direction"] == "maximize"
    assert any(step.startswith("isptune export r") for step in data["next"])


def test_the_last_lines_say_what_to_do_next_with_names_that_a_shell_takes(isptune, tmp_path):
    write_run(tmp_path / "my run", generations=2)
    isptune("report", "my run")
    out = isptune("show", "my run")[1]
    assert f"report: {(tmp_path / 'my run' / 'report.html').as_uri()}" in out
    for word in ("export", "diff", "verify"):
        assert f"isptune {word} 'my run'" in out
    assert "isptune study new studies/mine --from-run 'my run'" in out


def test_an_unfinished_run_is_gone_on_with_and_not_exported(tmp_path):
    write_run(tmp_path / "r", generations=2, finished=False)
    assert not any("export" in step for step in next_steps(read_run(tmp_path / "r")))


def test_limits_are_of_one_objective_or_named():
    assert parse_limits(["0.9"], ["ssim"]) == {"ssim": 0.9}
    assert parse_limits(["clipiqa?encoder=bundled=0.5"], ["clipiqa?encoder=bundled", "tv"]) == {
        "clipiqa?encoder=bundled": 0.5
    }
    for wrong in ("0.9", "niqe=3", "ssim=much", "ssim=nan"):
        with pytest.raises(ConfigError, match="fail-below"):
            parse_limits([wrong], ["ssim", "tv"])


def test_worse_is_below_where_higher_is_better_and_above_where_lower_is():
    directions = {"ssim": "maximize", "tv": "minimize"}
    limits = {"ssim": 0.9, "tv": 0.1}
    assert broken(limits, directions, {"ssim": 0.9, "tv": 0.1}) == []
    assert len(broken(limits, directions, {"ssim": 0.89, "tv": 0.11})) == 2
    assert len(broken(limits, directions, {"ssim": None, "tv": float("nan")})) == 2


@pytest.mark.slow
@pytest.mark.drawn
def test_a_run_ends_with_status_1_below_its_limit_and_prints_nothing_but_json(isptune):
    status, out, err = isptune("run", *TOY, *SHORT, "--out", "r", "--json", "--fail-below", "-9")
    assert status == 1
    assert json.loads(out)["finished"] is True
    assert "redness" in err
    assert "which is worse than -9" in err
    assert isptune("run", *TOY, *SHORT, "--out", "r", "--fail-below", "9")[0] == 0


def test_score_ends_with_status_1_for_a_picture_below_the_limit(isptune, tmp_path):
    for name, red in (("pale.png", 0.2), ("red.png", 0.75)):
        image = torch.full((1, 3, 24, 32), 0.5)
        image[:, 0] = red
        write_image(tmp_path / name, image)
    status, out, err = isptune("score", "pale.png", "red.png", "--objective", "redness", "--csv")
    scores = {row.split(",")[0]: float(row.split(",")[2]) for row in out.splitlines()[1:]}
    middle = sum(scores.values()) / 2
    status, out, err = isptune(
        "score", "pale.png", "red.png", "--objective", "redness", "--fail-below", middle
    )
    assert status == 1
    assert err.count("which is worse than") == 1
    low = min(scores.values()) - 1, max(scores.values()) + 1
    assert {isptune("score", "pale.png", "--objective", "redness", "--fail-below", x)[0] for x in low} == {
        0,
        1,
    }
