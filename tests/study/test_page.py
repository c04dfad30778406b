"""The page in a real browser: headless Chromium, driven by Playwright."""

import shutil

import httpx
import numpy as np
import pytest

from isptune.study.answers import Answers
from tests.study.served import SIZE, local_server, server, small_study

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium; 'apt-get install chromium' brings it"
)

DESK, WALL = {"width": 1280, "height": 800}, {"width": 3840, "height": 2160}
HAND = {"width": 390, "height": 844}
PHONE = {"viewport": HAND, "device_scale_factor": 3, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def window(browser):
    """Open a window on a link; errors and refusals of the content policy in any of them fail the test."""
    problems, contexts = [], []

    def opened(link, **options):
        context = browser.new_context(**({"viewport": DESK} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: line.type == "error" and problems.append(line.text))
        page.goto(link)
        return page

    opened.problems = problems
    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path / "study")


def votes(study):
    with Answers(study.answers_path) as answers:
        return [(vote.observer, vote.number, vote.answer) for vote in answers.votes()]


def screen(page, name):
    page.wait_for_selector(f"body[data-screen={name}]")


def begin(page):
    page.click("#card-go")
    screen(page, "pair")


def after_a_look(page):
    page.wait_for_timeout(280)  # sooner than 250 ms after a pair appears, keys are taken for a double press


def count(page, text):
    page.wait_for_function("text => document.getElementById('count').textContent === text", arg=text)


def answer_rest(page, key="ArrowDown"):
    """Vote until the card at the end appears."""
    for _ in range(20):
        page.wait_for_function("() => document.body.dataset.screen !== 'loading'")
        if page.evaluate("document.body.dataset.screen") == "finished":
            return
        if page.evaluate("document.body.dataset.screen") != "pair":
            begin(page)
        after_a_look(page)
        before = page.inner_text("#count")
        page.keyboard.press(key)
        page.wait_for_function(
            "old => document.body.dataset.screen !== 'pair' || document.getElementById('count').textContent !== old",
            arg=before,
        )


def middle_row(page, side):
    """What the canvas of a side shows along its middle row, RGB."""
    flat = page.evaluate(
        """side => {
          const canvas = document.querySelector(`#pane-${side} canvas`);
          const row = Math.floor(canvas.height / 2);
          return Array.from(canvas.getContext("2d").getImageData(0, row, canvas.width, 1).data);
        }""",
        side,
    )
    return np.array(flat, dtype=np.uint8).reshape(-1, 4)[:, :3]


def ramp_on(page, side):
    """The blue values of the picture on the middle row; blue runs from 0 to 255 over the picture's width."""
    row = middle_row(page, side)
    surround = (row == 0x77).all(axis=1)
    return row[~surround, 2]


def green_on(page):
    """The green that tells pictures apart, on each side."""
    return [int(middle_row(page, side)[:, 1].max()) for side in ("left", "right")]


RAMP = np.round(np.linspace(0, 255, SIZE[1])).astype(np.uint8)


def test_an_observer_trains_votes_by_keys_and_mouse_comes_back_and_finishes(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link)
        screen(page, "welcome")
        assert "1 pair for training" in page.inner_text("#card-text")
        page.keyboard.press("Enter")
        screen(page, "pair")
        assert page.inner_text("#stage-name") == "Training"
        after_a_look(page)
        page.keyboard.press("ArrowLeft")
        screen(page, "trained")
        assert votes(study) == [(1, 1, "first")]
        begin(page)
        assert page.inner_text("#stage-name") == ""
        after_a_look(page)
        page.click("[data-answer=right]")
        count(page, "1 of 7")
        after_a_look(page)
        page.click("[data-answer=same]")
        count(page, "2 of 7")
        assert votes(study) == [(1, 1, "first"), (1, 2, "second"), (1, 3, "none")]
        page.context.close()

        page = window(link)
        screen(page, "back")
        assert "5 pairs to go" in page.inner_text("#card-text")
        answer_rest(page, "ArrowRight")
        assert "Thank you" in page.inner_text("#card-title")
        assert votes(study)[3:] == [(1, number, "second") for number in range(4, 9)]
        page.reload()
        screen(page, "finished")


def test_undo_takes_the_last_vote_back_also_at_the_very_end(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link)
        begin(page)
        answer_rest(page, "ArrowLeft")
        page.click("#card-undo")
        screen(page, "pair")
        count(page, "6 of 7")
        page.keyboard.press("u")
        count(page, "5 of 7")
        assert len(votes(study)) == 6
        answer_rest(page, "ArrowRight")
        assert [answer for _, _, answer in votes(study)] == ["first"] * 6 + ["second"] * 2


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


def test_screens_that_scale_by_a_fraction_still_get_pixel_for_pixel(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link, viewport={"width": 1111, "height": 707}, device_scale_factor=1.5)
        begin(page)
        for side in ("left", "right"):
            np.testing.assert_array_equal(ramp_on(page, side), RAMP)


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


def test_both_in_one_place_must_be_seen_before_a_vote(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link)
        begin(page)
        page.keyboard.press("Space")
        assert page.evaluate("document.body.dataset.layout") == "place"
        assert [page.is_visible(f"#pane-{side} canvas") for side in ("left", "right")] == [False, True]
        page.keyboard.press("Space")
        assert [page.is_visible(f"#pane-{side} canvas") for side in ("left", "right")] == [True, False]
        after_a_look(page)
        page.keyboard.press("ArrowLeft")
        begin(page)
        after_a_look(page)
        page.keyboard.press("ArrowLeft")
        assert "both pictures" in page.inner_text("#notice")
        assert len(votes(study)) == 1
        page.click("#show-right")
        page.keyboard.press("ArrowLeft")
        count(page, "1 of 7")
        page.keyboard.press("t")
        assert page.evaluate("document.body.dataset.layout") == "side"
        assert len(votes(study)) == 2


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


def test_a_key_that_is_held_or_pressed_twice_votes_once(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link)
        begin(page)
        after_a_look(page)
        for _ in range(5):
            page.keyboard.down("ArrowLeft")  # repeats, as a held key does
        page.keyboard.up("ArrowLeft")
        begin(page)
        after_a_look(page)
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        count(page, "1 of 7")
        assert len(votes(study)) == 2


def test_two_observers_vote_at_once_and_the_owner_sees_both(study, window):
    with local_server(study, invite=2) as (owner, links):
        watching = window(owner)
        pages = [window(link) for link in links]
        for page in pages:
            begin(page)
        for page, key in zip(pages, ("ArrowLeft", "ArrowRight"), strict=True):
            after_a_look(page)
            page.keyboard.press(key)
            screen(page, "trained")
        answer_rest(pages[1], "ArrowRight")
        begin(pages[0])
        assert sorted(votes(study)) == [(1, 1, "first"), *((2, n, "second") for n in range(1, 9))]
        watching.wait_for_function("() => document.getElementById('done').textContent === '1 of 2'")
        assert [row.inner_text() for row in watching.locator("td.pairs").all()] == ["1 of 8", "8 of 8"]
        watching.wait_for_selector("#scale svg", timeout=20000)


def test_the_owner_invites_and_closes_the_study_in_the_middle(study, window):
    with local_server(study, invite=0) as (owner, _):
        watching = window(owner)
        watching.fill("#invite-count", "2")
        watching.click("#invite button")
        watching.wait_for_function("() => document.querySelectorAll('#observers tbody tr').length === 2")
        link = watching.locator(".link input").first.input_value()
        page = window(link)
        begin(page)
        watching.click("#close")
        watching.click("text=Not yet")
        assert httpx.get(f"{owner}/state").json()["open"] is True
        watching.click("#close")
        watching.click("#sure-yes")
        watching.wait_for_function("() => document.getElementById('state').textContent === 'Closed'")
        after_a_look(page)
        page.keyboard.press("ArrowLeft")
        screen(page, "closed")
        assert votes(study) == []
        window.problems[:] = [line for line in window.problems if "410" not in line]  # the refusal itself


def test_a_vote_waits_for_a_server_that_is_away_and_counts_once(study, window):
    with server(study.folder) as (process, _, (link,)):
        page = window(link)
        begin(page)
        after_a_look(page)
        process.kill()
        process.wait(10)
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#notice:has-text('trying again')")
    with server(study.folder, invite=0, port=int(link.split(":")[2].split("/")[0])):
        screen(page, "trained")
        assert votes(study) == [(1, 1, "first")]
        begin(page)  # the pictures have new names by now: the page asks for them
    window.problems[:] = [line for line in window.problems if "ERR_CONNECTION" not in line]


def test_markup_in_what_the_owner_wrote_stays_text(tmp_path, window):
    bad = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    study = small_study(tmp_path / "study", title=bad, question=bad, ask_name=True)
    with local_server(study) as (owner, (link,)):
        httpx.post(f"{owner}/invite", json={"count": 1, "name": "<b>Ada</b>"})
        page, watching = window(link), window(owner)
        screen(page, "welcome")
        assert page.inner_text("#card-title") == bad
        begin(page)
        assert page.inner_text("#question") == bad
        watching.wait_for_selector("text=<b>Ada</b>")
        assert watching.inner_text("#title") == bad
        assert page.locator("img").count() == watching.locator("img").count() == 0


def test_a_link_that_nobody_has_says_so(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link[:-1] + ("A" if link[-1] != "A" else "B"))
        assert "not known" in page.inner_text("h1")
        window.problems[:] = [line for line in window.problems if "404" not in line]


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


def test_on_a_phone_a_tap_flips_and_a_thumb_votes(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link, **PHONE)
        page.tap("#card-go")
        screen(page, "pair")
        after_a_look(page)
        page.tap("#pane-left canvas")
        assert [page.is_visible(f"#pane-{side} canvas") for side in ("left", "right")] == [False, True]
        np.testing.assert_array_equal(ramp_on(page, "right"), RAMP)
        page.tap("[data-answer=left]")
        screen(page, "trained")
        assert votes(study) == [(1, 1, "first")]
