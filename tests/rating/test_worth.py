"""Rated pictures are checked by each other, and against chance."""

import json

import pytest
import torch
from click.testing import CliRunner

from isptune.cli import cli
from isptune.errors import ConfigError
from isptune.facts import ObjectiveFacts
from isptune.rating.worth import read_rated, worth_of
from isptune.scenes.images import read_image, write_image
from isptune.system.tables import read_table

LEVELS = (0.1, 0.8, 0.4, 0.6, 0.2, 0.9, 0.45)


class Nearest:
    """Gives a picture the score of the rated one whose brightness is nearest."""

    facts = ObjectiveFacts("maximize")

    def __init__(self, path):
        table = read_table(path)
        self.rated = [
            (float(read_image(name).mean()), float(score))
            for name, score in zip(table.column("image"), table.column("score"), strict=True)
        ]

    def score(self, images, scene):
        return torch.tensor(
            [min(self.rated, key=lambda one: abs(one[0] - float(x.mean())))[1] for x in images]
        )


@pytest.fixture
def rated(tmp_path):
    lines = ["image,score"]
    for i, level in enumerate(LEVELS):
        write_image(tmp_path / f"{i}.png", torch.full((1, 3, 16, 16), level))
        lines.append(f"{i}.png,{10 * level}")
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "mine.csv"


def test_a_taste_that_others_tell_is_found_and_beats_chance(rated):
    told = []
    worth = worth_of(read_rated(rated), Nearest, 9, 0, lambda *progress: told.append(progress))
    assert worth.scores == pytest.approx([10 * level for level in LEVELS])
    assert worth.predicted == pytest.approx([2, 9, 4.5, 4.5, 1, 8, 4])  # the nearest of the others
    assert worth.correlation > 0.8
    assert worth.p == 0.1
    assert len(worth.by_chance) == 9
    assert told[-1] == (70, 70)


def test_what_cannot_be_checked_is_told(rated, tmp_path):
    (tmp_path / "same.csv").write_text("image,score\n" + "".join(f"{i}.png,3\n" for i in range(5)))
    same = read_rated(tmp_path / "same.csv")
    with pytest.raises(ConfigError, match="all scores are 3"):
        worth_of(same, Nearest, 0, 0)
    (tmp_path / "few.csv").write_text("image,score\n0.png,1\n1.png,2\n")
    with pytest.raises(ConfigError, match="takes 5 to 40 rated pictures, got 2"):
        read_rated(tmp_path / "few.csv")
    (tmp_path / "bad.csv").write_text("image,score\n" + "".join(f"{i}.png,good\n" for i in range(5)))
    with pytest.raises(ConfigError, match="has the score 'good', no number"):
        read_rated(tmp_path / "bad.csv")


@pytest.mark.slow
def test_the_command_tells_both_as_text_and_json(rated):
    text = CliRunner().invoke(cli, ["prompt", "check", str(rated), "--shuffles", "0"])
    assert text.exit_code == 0, text.output
    assert "each of 7 pictures scored by the others: SROCC" in text.stdout
    found = json.loads(
        CliRunner().invoke(cli, ["prompt", "check", str(rated), "--shuffles", "1", "--json"]).stdout
    )
    assert -1 <= found["srocc"] <= 1
    assert len(found["by_chance"]) == 1
    assert [one["score"] for one in found["scores"]] == pytest.approx([10 * level for level in LEVELS])
    refused = CliRunner().invoke(cli, ["prompt", "check", str(rated), "--objective", "tv"])
    assert "cannot learn from rated pictures" in str(refused.exception)
