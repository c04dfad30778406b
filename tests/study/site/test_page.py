"""Voting in a real browser: headless Chromium, driven by Playwright."""

import httpx
import numpy as np
import pytest

from tests.study.served import local_server, server, small_study
from tests.study.site.driven_page import (
    PHONE,
    RAMP,
    after_a_look,
    answer_rest,
    begin,
    count,
    ramp_on,
    screen,
    votes,
)


@pytest.mark.slow
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


@pytest.mark.slow
def test_undo_takes_the_last_vote_back_also_at_the_very_end(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link)
        begin(page)
        answer_rest(page, "ArrowLeft")
        page.click("#card-undo")
        screen(page, "pair")
        count(page, "6 of 7")
        after_a_look(page)
        page.keyboard.press("u")
        count(page, "5 of 7")
        assert len(votes(study)) == 6
        answer_rest(page, "ArrowRight")
        assert [answer for _, _, answer in votes(study)] == ["first"] * 6 + ["second"] * 2


@pytest.mark.slow
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


@pytest.mark.slow
def test_no_key_votes_while_the_pictures_of_the_pair_are_on_their_way(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link)
        begin(page)
        page.route(
            "**/picture/*", lambda _: None
        )  # held: the next pair is there already, but not the one after
        after_a_look(page)
        page.keyboard.press("ArrowLeft")
        begin(page)
        after_a_look(page)
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#notice:has-text('on their way')")
        for key in ("ArrowRight", "u"):
            page.keyboard.press(key)
        assert page.get_attribute("#panes", "aria-busy") == "true"
        page.unroute("**/picture/*")  # lets them go
        after_a_look(page)
        page.keyboard.press("ArrowRight")
        count(page, "2 of 7")
        assert [answer for _, _, answer in votes(study)] == ["first", "first", "second"]


PRESS_AGAIN_ON_THE_NEXT_PAIR = """() => new Promise((resolve) => {
  const press = () => dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
  const count = document.getElementById("count");
  const before = count.textContent;
  press();
  press();
  const look = () => {
    if (count.textContent === before) return requestAnimationFrame(look);
    for (let k = 0; k < 5; k += 1) setTimeout(press, 10 * k); // the pictures were loaded ahead: it is there by now
    setTimeout(resolve, 60);
  };
  look();
})"""


@pytest.mark.slow
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
        page.evaluate(PRESS_AGAIN_ON_THE_NEXT_PAIR)
        count(page, "1 of 7")
        after_a_look(page)
        assert len(votes(study)) == 2


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_simulated_observer_is_named_as_one_on_both_pages(study, window):
    with local_server(study, invite=0) as (owner, _):
        state = httpx.post(f"{owner}/invite", json={"count": 1, "source": "simulation"}).json()
        token = state["observers"][0]["token"]
        page, watching = window(owner.split("/owner")[0] + f"/o/{token}"), window(owner)
        begin(page)
        assert page.inner_text("#stage-name") == "Simulated observer"
        watching.wait_for_selector(".chip:has-text('simulation')")
        assert watching.inner_text(".label") == "simulation_01"


@pytest.mark.slow
def test_a_link_that_nobody_has_says_so(study, window):
    with local_server(study) as (_, (link,)):
        page = window(link[:-1] + ("A" if link[-1] != "A" else "B"))
        assert "not known" in page.inner_text("h1")
        window.problems[:] = [line for line in window.problems if "404" not in line]


@pytest.mark.slow
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
