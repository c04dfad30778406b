"""`isptune rank`, and `isptune score` by a judge: win rates among the pictures that are given."""

import csv
import io
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import isptune.registry
from isptune.cli import cli
from isptune.errors import ScoreError
from isptune.facts import JudgeFacts
from isptune.library.pictures import as_images
from isptune.scenes.images import write_image
from isptune.tuning import ranking
from isptune.tuning.ranking import preferences, win_rates


class Brighter:
    """Prefers the brighter picture, with the probability of Bradley and Terry's model of their means."""

    facts = JudgeFacts()

    def prefer(self, first, second, scene):
        return torch.sigmoid(10 * (first.mean((1, 2, 3)) - second.mean((1, 2, 3))))


@pytest.fixture
def pictures(tmp_path):
    for name, level in (("dark", 0.2), ("bright", 0.8), ("middle", 0.5)):
        size = (24, 32) if name == "dark" else (20, 20)  # of any sizes
        write_image(tmp_path / f"{name}.png", (torch.full((1, 3, *size), level)))
    return tmp_path


@pytest.fixture
def brighter(monkeypatch):
    real = isptune.registry.build

    def build(kind, spec, **given):
        return Brighter() if kind == "judge" else real(kind, spec, **given)

    monkeypatch.setattr("isptune.registry.build", build)
    monkeypatch.setattr("isptune.tuning.win_rate.build_plug_in", build)


def _said(*arguments, status=0):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == status, (result.output, result.exception)
    return result


def test_win_rates_are_means_over_the_others_and_half_on_the_average():
    images = [as_images(np.full((8, 8, 3), level, np.float32)) for level in (0.2, 0.8, 0.5)]
    told = []
    preferred = preferences(Brighter(), images, on_pair=lambda *progress: told.append(progress))
    expected = 1 / (1 + np.exp(-10 * (np.array([0.2, 0.8, 0.5])[:, None] - np.array([0.2, 0.8, 0.5]))))
    assert preferred == pytest.approx(expected, abs=1e-6)  # float32
    rates = win_rates(preferred)
    assert rates[1] == pytest.approx((expected[1, 0] + expected[1, 2]) / 2, abs=1e-6)
    assert rates.mean() == pytest.approx(0.5)
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(ScoreError, match="two pictures at least"):
        preferences(Brighter(), images[:1])


def test_pictures_are_ranked_and_what_cannot_be_read_costs_a_line(pictures, brighter):
    (pictures / "broken.png").write_bytes(b"no picture")
    files = sorted(pictures.glob("*.png"))
    text = _said("rank", *files, status=1)
    assert [line.split()[1].rpartition("/")[2] for line in text.stdout.splitlines()] == [
        "bright.png",
        "middle.png",
        "dark.png",
    ]
    assert "broken.png" in text.stderr
    good = [file for file in files if file.stem != "broken"]
    found = json.loads(_said("rank", *good, "--json").stdout)["ranked"]
    rows = list(csv.DictReader(io.StringIO(_said("rank", *good, "--csv").stdout)))
    assert [float(row["win_rate"]) for row in rows] == [one["win_rate"] for one in found]
    assert found[0]["win_rate"] > 0.9
    assert "2 to 500 pictures" in str(_said("rank", good[0], status=1).exception)


def test_score_gives_the_same_numbers_and_refuses_a_table_to_go_on_with(pictures, brighter, tmp_path):
    files = sorted(pictures.glob("*.png"))
    ranked = {
        one["image"]: one["win_rate"] for one in json.loads(_said("rank", *files, "--json").stdout)["ranked"]
    }
    rows = csv.DictReader(io.StringIO(_said("score", *files, "--objective", "judge:mine", "--csv").stdout))
    assert {row["image"]: float(row["score"]) for row in rows} == pytest.approx(ranked, abs=1e-6)
    refused = _said("score", *files, "--objective", "judge:mine", "--out", tmp_path / "s.csv", status=1)
    assert "hold among the pictures" in str(refused.exception)
    assert not (tmp_path / "s.csv").exists()


def test_a_judge_that_gives_no_probability_is_told(monkeypatch):
    monkeypatch.setattr(Brighter, "prefer", lambda self, first, second, scene: torch.tensor([1.5]))
    with pytest.raises(ScoreError, match="no probability"):
        ranking.preferences(Brighter(), [torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)])
