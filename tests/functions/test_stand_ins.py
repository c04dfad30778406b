"""A stand-in keeps its own name in all that is handed on."""

import csv
import io
import json

import pytest
import torch

from isptune.functions.stand_ins import own_name
from isptune.registry import build
from isptune.scenes.images import write_image
from objectives.qalign import qalign as module
from tests.toys import SHORT

STAND_INS = {
    "qalign": "qalign:bundled",
    "qalign?scores=0-1": "qalign:bundled?scores=0-1",
    "clipiqa": "clipiqa:bundled",
    "clipiqa:sharpness": "clipiqa:bundled?attribute=sharpness",
    "zsclip": "zsclip:bundled",
    "zsclip:score=h": "zsclip:bundled?score=h",
    "brisque": "brisque-refit",
    "weighted:0.7*ssim+0.3*unit(clipiqa)": "weighted:0.7*ssim+0.3*unit(clipiqa:bundled)",
}


@pytest.fixture(autouse=True)
def _no_published_weights(monkeypatch):
    monkeypatch.setattr(module, "cached_model", lambda *_: None)


@pytest.mark.parametrize(("spec", "named"), STAND_INS.items())
def test_what_stands_in_has_a_name_that_builds_the_same_and_stays(spec, named):
    assert own_name(spec) == named
    assert own_name(named) == named
    assert build("objective", named).facts.weights == build("objective", spec).facts.weights


@pytest.mark.parametrize(
    "spec",
    ["ssim", "clipiqa:encoder=openai:RN50", "qalign:bundled", "brisque:model.yml", "mine.py:f", "sism"],
)
def test_what_is_named_for_what_it_is_keeps_its_name(spec):
    assert own_name(spec) == spec


def test_with_the_published_weights_qalign_is_qalign(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "cached_model", lambda *_: tmp_path)
    assert own_name("qalign") == "qalign"


def test_scores_are_written_under_the_name_of_what_gave_them(isptune):
    write_image("a.png", torch.rand(1, 3, 64, 64))
    status, out, err = isptune("score", "a.png", "--objective", "qalign", "--objective", "brisque", "--csv")
    assert status == 0, err
    assert [row["objective"] for row in csv.DictReader(io.StringIO(out))] == [
        "qalign:bundled",
        "brisque-refit",
    ]


@pytest.mark.slow
def test_a_run_and_its_files_name_what_led_it(isptune, tmp_path, caplog):
    toy = ["--pipeline", "tint", "--scene", "cat", "--resize", "32", *SHORT]
    status, _, err = isptune(
        "run", "--objective", "brisque", "--constraint", "brisque>=-9", "--out", "r", *toy
    )
    assert status == 0, err
    assert "brisque is called brisque-refit here" in caplog.text
    settings = json.loads((tmp_path / "r" / "config.json").read_text())
    assert settings["objectives"] == ["brisque-refit"]
    assert settings["constraints"] == ["brisque-refit>=-9"]
    again = isptune("run", "--objective", "brisque", "--constraint", "brisque>=-9", "--out", "r", *toy)
    assert again[0] == 0, "the same command goes on, under the same name"
