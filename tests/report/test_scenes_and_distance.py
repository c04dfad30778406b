"""What the report and the console say of several scenes, and of a search that was kept near its start."""

import io
import json

import pytest
from rich.console import Console

from isptune.report.console import print_run
from isptune.report.run_report import write_report
from tests.report.folders import write_run


def _interval(mean):
    return {"mean": mean, "low": mean - 0.01, "high": mean + 0.01, "n": 10}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "run"
    scenes = ("day <1>", "night")
    _, answer = write_run(folder, scenes=scenes, config={"aggregate": "worst", "stay_near": 0.25})
    answer["scenes"] = {
        "day <1>": {
            "ssim": {"default": _interval(0.5), "recommended": _interval(0.7), "gain": _interval(0.2)}
        },
        "night": {
            "ssim": {"default": _interval(0.6), "recommended": _interval(0.55), "gain": _interval(-0.05)}
        },
    }
    answer |= {"distance": 0.12, "cost": 0.03}
    (folder / "recommended.json").write_text(json.dumps(answer))
    return folder


def test_the_report_shows_every_scene_and_what_the_distance_cost(folder, read_page):
    page = read_page(write_report(folder))
    assert page.balanced
    assert "One score of all scenes was optimised: the worst of them." in page.text
    assert "day <1> 0.500 0.700 +0.200 better" in page.text
    assert "night 0.600 0.550 −0.050 worse" in page.text
    assert "moving every tuned knob through its whole range would cost 0.25 in ssim" in page.text
    assert "is +12.0 % of the ranges away on average, which cost 0.03" in page.text


def test_the_console_shows_every_scene_and_what_the_distance_cost(folder):
    out = io.StringIO()
    print_run(folder, Console(file=out, width=200))
    assert "scene by scene (optimised: worst):" in out.getvalue()
    assert "  night    0.6           0.55" in out.getvalue()
    assert "kept near the default: +12.0 % of the ranges away on average, which cost 0.03" in out.getvalue()


@pytest.mark.slow
def test_of_one_scene_without_a_price_nothing_is_said(tmp_path, read_page):
    write_run(tmp_path / "run")
    page = read_page(write_report(tmp_path / "run"))
    assert "Scene by scene" not in page.text
    assert "kept near" not in page.text
