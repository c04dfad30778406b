"""`isptune agree`: objectives beside a table of opinions."""

import csv

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from isptune.scenes.images import read_image, write_image

COUNT = 12


@pytest.fixture
def opinions(tmp_path, monkeypatch):
    """Pictures the redder the better, two of them missing, and a table that has them under other names."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    lines = ["Image name;MOS"]
    for k in range(COUNT):
        colour = torch.tensor([0.2 + 0.05 * k, *rng.uniform(0, 1, 2)], dtype=torch.float32)
        write_image(tmp_path / "in" / "deep" / f"p{k}.png", colour[None, :, None, None].expand(1, 3, 16, 16))
        lines.append(f"P{k}.JPG;{k + rng.normal():.3f}".replace(".", ",").replace(",JPG", ".JPG"))
    (tmp_path / "mos.csv").write_text("\n".join([*lines, "gone.png;1,5"]) + "\n")
    return tmp_path


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_objectives_are_ranked_by_their_agreement_and_told_apart(isptune, opinions):
    call = [
        "agree",
        "--scores",
        "mos.csv",
        "--images",
        "in",
        "--objectives",
        "greenness,redness",
        "--draws",
        "100",
    ]
    status, out, err = isptune(*call, "--out", "found")
    assert status == 0, err
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["redness", "greenness"]
    assert "redness agrees better than greenness" in out
    assert "1 pictures are not in in: gone.png" in err
    scores = {
        row["image"]: float(row["score"])
        for row in rows_of("found/scores.csv")
        if row["objective"] == "redness"
    }
    mos = [
        float(line.split(";")[1].replace(",", "."))
        for line in (opinions / "mos.csv").read_text().splitlines()[1:-1]
    ]
    best = rows_of("found/correlation.csv")[0]
    expected = spearmanr([scores[f"in/deep/p{k}.png"] for k in range(COUNT)], mos).statistic
    assert float(best["srocc"]) == pytest.approx(-expected, abs=1e-6), "redness is minimised here"
    assert float(best["srocc_low"]) <= float(best["srocc"]) <= float(best["srocc_high"])
    assert len(rows_of("found/metric_differences.csv")) == 1
    before = (opinions / "found" / "scores.csv").read_bytes()
    assert isptune(*call, "--out", "found")[1] == out, "it goes on with what is there"
    assert (opinions / "found" / "scores.csv").read_bytes() == before


def test_an_inverted_table_is_asked_about(isptune, opinions):
    lines = (opinions / "mos.csv").read_text().replace("MOS", "score").splitlines()
    turned = [
        f"{name};{100 - float(score.replace(',', '.'))}" for name, score in (x.split(";") for x in lines[1:])
    ]
    (opinions / "turned.csv").write_text("\n".join([lines[0], *turned]) + "\n")
    call = ["agree", "--images", "in", "--objectives", "redness", "--draws", "100", "--scores", "turned.csv"]
    assert "are lower scores better (--lower-is-better)?" in isptune(*call)[2]
    status, out, err = isptune(*call, "--lower-is-better")
    assert status == 0, err
    assert float(out.splitlines()[1].split()[1]) > 0.8
    assert read_image("in/deep/p0.png").shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scores", "none.csv", "--images", "in"], "none.csv: no such file"),
        (["--scores", "mos.csv", "--images", "out"], "out: no such folder of pictures"),
        (["--scores", "mos.csv", "--images", "empty"], "has 0 of the table's pictures"),
        (
            ["--scores", "mos.csv", "--images", "in", "--preset", "x"],
            "no preset of opinion tables is called 'x'",
        ),
    ],
)
def test_wrong_input_is_one_line(isptune, opinions, arguments, message):
    (opinions / "empty").mkdir()
    status, _, err = isptune("agree", *arguments, "--objectives", "redness")
    assert status == 2
    assert message in err
    assert "Traceback" not in err
