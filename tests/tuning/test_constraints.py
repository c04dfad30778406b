"""Limits that come before all objectives."""

import json

import numpy as np
import pytest

from isptune.errors import ConfigError
from isptune.runs.constraints import Constraint, parse_constraint, violation
from isptune.runs.settings import RunSettings
from isptune.space import Real, Space
from isptune.tuning.losses import LossRule
from tests.toys import SHORT, TOY

SPACE = Space((Real("x", 0, 1, 0.5),))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("overshoot<=10", ("overshoot", "<=", 10.0)),
        ("mtf50:box=80x110+600+235 >= 0.2", ("mtf50:box=80x110+600+235", ">=", 0.2)),
        ("weighted:0.5*ssim+0.5*tv<=-1e-3", ("weighted:0.5*ssim+0.5*tv", "<=", -1e-3)),
        ("command:m.toml?timeout_s=3<=7", ("command:m.toml?timeout_s=3", "<=", 7.0)),
    ],
)
def test_limits_are_read(text, parts):
    assert parse_constraint(text) == Constraint(*parts)


@pytest.mark.parametrize("text", ["overshoot", "overshoot<10", "<=10", "overshoot<=", "snr<=much", "a<=nan"])
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(ConfigError, match="is no OBJECTIVE<=LIMIT"):
        RunSettings(constraints=(text,))


def test_feasible_candidates_come_first_and_the_others_by_how_far_they_are_from_it():
    limits = (parse_constraint("overshoot<=10"), parse_constraint("snr>=30"))
    rule = LossRule({"ssim": "maximize"}, SPACE, constraints=limits)
    scores = [
        {"ssim": 0.1, "overshoot": 10, "snr": 30},
        {"ssim": 0.9, "overshoot": 12, "snr": 30},
        {"ssim": 0.8, "overshoot": 11, "snr": 29.5},
        {"ssim": 0.2, "overshoot": 3, "snr": 50},
        {},
    ]
    assert np.argsort(rule.losses(scores)[:, 0]).tolist() == [3, 0, 2, 1, 4]
    assert violation(limits, scores[2]) == pytest.approx(1.5)


@pytest.mark.slow
def test_the_best_that_keeps_a_limit_is_recommended(tmp_path, toys, isptune):
    limit = ["--constraint", "redness>=0.1", "--generations", "12"]  # by itself it would go to 0
    status, out, err = isptune("run", *TOY, *SHORT, *limit, "--out", "r")
    assert status == 0, err
    answer = json.loads((tmp_path / "r" / "recommended.json").read_text())
    (kept,) = answer["constraints"]
    assert kept["kept"]
    assert 0.1 <= kept["scores"]["recommended"]["mean"] < 0.2
    assert "limit redness>=0.1: kept" in out
    assert "Limit <code>redness&gt;=0.1</code>" in (tmp_path / "r" / "report.html").read_text()


@pytest.mark.slow
def test_a_limit_that_nothing_keeps_is_told_and_what_is_measured_for_it_is_logged(tmp_path, toys, isptune):
    status, out, err = isptune("run", *TOY, *SHORT, "--constraint", "greenness<=-1", "--out", "r")
    assert status == 0, err
    answer = json.loads((tmp_path / "r" / "recommended.json").read_text())
    assert not answer["constraints"][0]["kept"]
    assert "the recommended set breaks the limit greenness<=-1" in " ".join(answer["warnings"])
    first = json.loads((tmp_path / "r" / "trials.jsonl").read_text().splitlines()[0])
    assert set(first["trials"][0]["scores"]) == {"redness", "greenness"}
    assert "best redness seen" not in out
