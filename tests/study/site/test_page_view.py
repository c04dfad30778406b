"""How the page shows pictures, in a real browser: pixel by pixel, together, and within the window."""

import numpy as np
import pytest

from tests.study.served import local_server, small_study
from tests.study.site.driven_page import PHONE, RAMP, begin, green_on, ramp_on

DESK, WALL = {"width": 1280, "height": 800}, {"width": 3840, "height": 2160}


@pytest.mark.slow
def test_one_to_one_is_pixel_for_pixel_and_zoom_copies_whole_pixels_on_both_sides(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link)
        begin(page)
        for key, zoom in (("1", 1), ("2", 2), ("4", 4), ("+", 6), ("-", 4)):
            page.keyboard.press(key)
            assert page.inner_text("#zoom") == f"{zoom}:1"
            for side in ("left", "right"):
                np.testing.assert_array_equal(ramp_on(page, side), np.repeat(RAMP, zoom))
        page.click("#zoom")
        assert page.inner_text("#zoom") == "1:1"
        page.click("#zoom-in")
        assert page.inner_text("#zoom") == "2:1"


@pytest.mark.slow
def test_screens_that_scale_by_a_fraction_still_get_pixel_for_pixel(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link, viewport={"width": 1111, "height": 707}, device_scale_factor=1.5)
        begin(page)
        for side in ("left", "right"):
            np.testing.assert_array_equal(ramp_on(page, side), RAMP)


@pytest.mark.slow
def test_wheel_and_drag_move_both_pictures_together(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link)
        begin(page)
        box = page.locator("#pane-left canvas").bounding_box()
        assert box is not None
        x, y = box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        for _ in range(8):
            page.mouse.wheel(0, -100)
        page.wait_for_function("() => document.getElementById('zoom').textContent === '16:1'")
        zoomed = ramp_on(page, "left")
        assert zoomed.max() - zoomed.min() < 255  # part of the picture only
        page.mouse.down()
        page.mouse.move(x + 120, y, steps=4)
        page.mouse.up()
        moved = ramp_on(page, "left")
        assert moved.mean() < zoomed.mean()  # dragged to the right: what was on the left comes in
        np.testing.assert_array_equal(moved, ramp_on(page, "right"))
        page.keyboard.press("Shift+ArrowRight")
        assert ramp_on(page, "left").mean() > moved.mean()
        page.mouse.move(x - 5000, y)
        page.keyboard.press("1")
        np.testing.assert_array_equal(ramp_on(page, "right"), RAMP)  # and it comes back to the middle


@pytest.mark.slow
def test_the_reference_shows_while_its_key_is_held(tmp_path, window):
    study = small_study(tmp_path / "study", scenes=("pond_secret",))
    with local_server(study) as (_, (link,)):
        page = window(link)
        begin(page)
        before = green_on(page)
        page.keyboard.down("r")
        assert page.inner_text("#pane-left .tag") == "Reference"
        assert green_on(page) == [200, 200]
        page.keyboard.up("r")
        assert green_on(page) == before
        assert 200 not in before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "layout"), [({"viewport": DESK}, "side"), ({"viewport": WALL}, "side"), (PHONE, "place")]
)
def test_everything_fits_the_window_on_a_desk_a_wall_and_a_phone(study, window, size, layout):
    with local_server(study) as (_, (link,)):
        page = window(link, **size)
        begin(page)
        assert page.evaluate("document.body.dataset.layout") == layout
        width, height = size["viewport"]["width"], size["viewport"]["height"]
        assert page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        ) == [
            width,
            height,
        ]
        parts = ["#question", "#progress", ".tools", "#panes", "#votes"]
        boxes = [page.locator(part).bounding_box() for part in parts]
        for box in boxes:
            assert min(box["x"], box["y"]) >= 0
            assert box["x"] + box["width"] <= width + 0.5
            assert box["y"] + box["height"] <= height + 0.5
        for k, one in enumerate(boxes):
            assert not any(overlap(one, other) for other in boxes[k + 1 :])
        for button in page.locator("#votes button, .tools button:visible").all():
            assert button.evaluate("button => button.scrollWidth <= button.clientWidth + 1")


def overlap(one, other):
    across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
    down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
    return across > 0.5 and down > 0.5
