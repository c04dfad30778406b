"""The viewer of a report, in a real browser, from a file: what is chosen is shown pixel by pixel."""

import json

import numpy as np
import pytest
from PIL import Image

from isptune.report.importance import importance
from isptune.report.run_report import write_report
from isptune.runs.record import read_run
from tests.report.folders import write_run
from tests.study.site.driven_page import middle_row


@pytest.mark.slow
def test_the_viewer_shows_the_cuts_pixel_by_pixel_and_its_keys_work(tmp_path, window):
    write_run(tmp_path / "run", generations=2)
    page = window(write_report(tmp_path / "run").as_uri())
    page.wait_for_function("() => document.getElementById('show-right').textContent === 'recommended'")
    page.hover("#panes")
    whole = np.asarray(Image.open(tmp_path / "run" / "images" / "astronaut_recommended.png"))
    row = middle_row(page, "right")
    row = row[(row != 0x77).any(axis=1)]
    assert row.shape == (256, 3)
    assert any((whole[y, x : x + 256] == row).all() for y in range(300) for x in range(145))
    page.keyboard.press("2")
    assert page.inner_text("#zoom") == "2:1"
    page.keyboard.press(" ")
    assert page.get_attribute("#looking", "data-layout") == "place"
    page.select_option("#right-kind", "reference")
    page.wait_for_function("() => document.getElementById('show-right').textContent === 'reference'")


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280, 3840])
def test_nothing_overflows_on_a_phone_a_desk_and_a_wall_and_axe_finds_nothing(tmp_path, window, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    long = "a_scene_with_a_name_that_is_longer_than_a_phone_is_wide_by_far"
    write_run(tmp_path / "run", generations=2, objectives=("ssim", "tv"), scenes=(long, "b"), choice=True)
    for scheme in ("light", "dark"):
        page = window(
            write_report(tmp_path / "run").as_uri(),
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        page.wait_for_function("() => document.getElementById('show-right').textContent === 'recommended'")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:90]) for one in found] == []


@pytest.mark.slow
def test_plots_say_their_values_where_the_mouse_and_the_arrow_keys_are_and_print_as_pictures(
    tmp_path, window
):
    generations, _ = write_run(tmp_path / "run", generations=6)
    page = window(write_report(tmp_path / "run").as_uri())
    drawing = page.locator("[data-plots=convergence] svg")
    said = page.locator("[data-plots=convergence] .said")
    best = max(trial.scores["ssim"] for generation in generations for trial in generation.trials)
    assert f"best so far {float(f'{best:.4g}')}" in said.inner_text()
    drawing.focus()
    for _ in range(9):
        page.keyboard.press("ArrowLeft")
    first = max(trial.scores["ssim"] for trial in generations[0].trials)
    assert "generation 1" in said.inner_text()
    assert f"best so far {float(f'{first:.4g}')}".replace("-", "\u2212") in said.inner_text()
    box = drawing.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 14, box["y"] + 60)
    assert "generation 6" in said.inner_text()
    assert not page.locator("img.plot").first.is_visible()
    page.emulate_media(media="print")
    assert page.locator("img.plot").first.is_visible()
    assert page.locator("#cuts img").first.is_visible()
    assert not page.locator("#looking").is_visible()


@pytest.mark.slow
def test_the_bars_of_importance_say_whose_and_how_large_they_are(tmp_path, window):
    write_run(tmp_path / "run", generations=12)
    page = window(write_report(tmp_path / "run").as_uri())
    part = importance(record := read_run(tmp_path / "run"), record.objectives[0])
    names, shares = list(part.shares), list(part.shares.values())
    drawing, said = page.locator("[data-plots=importance] svg"), page.locator("[data-plots=importance] .said")
    assert said.inner_text() == f"{names[0]}: {100 * shares[0]:.1f} % of the explained variance"
    drawing.focus()
    page.keyboard.press("ArrowDown")
    assert said.inner_text().startswith(f"{names[1]}: ")
    drawing.locator(".bar rect").last.hover()
    assert said.inner_text().startswith(f"{names[drawing.locator('.bar').count() - 1]}: ")
    assert drawing.locator(".bar.at").count() == 1


@pytest.mark.slow
def test_the_front_says_which_member_is_under_the_mouse_and_the_arrow_keys(tmp_path, window):
    write_run(tmp_path / "run", generations=3, objectives=("ssim", "tv"))
    front = json.loads((tmp_path / "run" / "recommended.json").read_text())["front"]
    page = window(write_report(tmp_path / "run").as_uri())
    drawing, said = page.locator("[data-plots=front] svg"), page.locator("[data-plots=front] .said")
    assert {"all trials", "default", "recommended"} <= set(said.locator("span").all_inner_texts())
    assert drawing.locator(".member circle").count() == len(front)
    drawing.focus()
    for _ in range(len(front) + 2):
        page.keyboard.press("ArrowRight")
    assert "ssim" in said.inner_text()
    page.keyboard.press("Home")  # a key that it does not use
    drawing.locator(".start circle").hover()
    assert said.locator("span").first.inner_text() == "default"
    assert not page.locator("img.plot").first.is_visible()
