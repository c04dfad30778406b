"""The page to rate on: what it tells, what it takes, and what it refuses; then in a real browser, if there is one."""

import asyncio
import json
import re
import shutil
import threading
from contextlib import closing

import httpx
import pytest

from isptune.errors import ConfigError
from isptune.rating.server import LINK, _listening, application, serve
from isptune.rating.sitting import go_on
from isptune.study.site.guard import LARGEST_BODY
from isptune.study.site.server import owner_token
from isptune.study.votes.viewing import Plate, Viewing, read_viewing
from tests.rating.sittings import sitting

TOKEN = "t" * 32


@pytest.fixture
def begun(tmp_path):
    return sitting(tmp_path)


@pytest.fixture
def finished():
    return []


class Browser:
    """Asks the application, each time over a connection of its own."""

    def __init__(self, app):
        self.app = app

    def get(self, path, **options):
        return asyncio.run(self._ask("GET", path, options))

    def post(self, path, **options):
        return asyncio.run(self._ask("POST", path, options))

    async def _ask(self, method, path, options):
        root = f"http://127.0.0.1:8000/{TOKEN}/"
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=root) as client:
            return await client.request(method, path, **options)


@pytest.fixture
def browser(begun, finished):
    return Browser(application(begun, TOKEN, lambda: finished.append(True)))


def test_the_page_and_its_parts_are_there_and_load_nothing_from_elsewhere(browser):
    for name in ("", "rate.css", "rate.js", "rate.svg"):
        answer = browser.get(name)
        assert answer.status_code == 200
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", answer.text)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    assert browser.get("picture/1.png").content.startswith(b"\x89PNG")


def test_the_screen_is_asked_about_once_and_the_page_speaks_the_browsers_language(browser, begun):
    page = browser.get("", headers={"accept-language": "de-CH, en;q=0.5"}).text
    assert '<html lang="de">' in page
    assert "Bewerten Sie Bilder nach Ihrem Geschmack" in page
    assert "{{" not in page
    assert browser.get("pictures").json()["ask_viewing"] is True
    assert browser.post("viewing", json={"dark": 9, "light": 8, "plates": []}).status_code == 400
    said = {"dark": 6, "light": 8, "plates": [{"kind": "protan", "shown": 4, "read": None}]}
    assert browser.post("viewing", json=said).json()["ask_viewing"] is False
    assert read_viewing(begun.folder)[1] == Viewing(1, 6, 8, (Plate("protan", 4),))


def test_nothing_that_is_known_of_a_picture_is_told(browser, begun):
    text = browser.get("pictures").text
    assert "secret" in (begun.folder / "sitting.json").read_text()
    assert "secret" not in text
    assert json.loads(text)["pictures"][0] == {"number": 1, "width": 24, "height": 16, "score": None}


def test_a_score_is_kept_at_once_and_may_be_changed(browser, begun):
    for score in (2, 5):
        answer = browser.post("rate", json={"picture": 4, "score": score})
        assert answer.status_code == 200
        assert answer.json()["pictures"][3]["score"] == score
        assert go_on(begun.target).scores == {4: score}


@pytest.mark.parametrize(
    "path",
    ["picture/0.png", "picture/6.png", "picture/../../mine.csv", "sitting.json", "ratings.json", "server.py"],
)
def test_what_is_not_listed_is_not_there(browser, path):
    assert browser.get(path).status_code == 404
    assert browser.get(path.replace("..", "%2e%2e").replace("/", "%2f")).status_code == 404


@pytest.mark.parametrize("token", ["", "x" * 32, TOKEN[:-1], TOKEN + "t", "%C3%A4" * 32])
def test_without_the_secret_part_of_the_address_nothing_is_there(browser, begun, token):
    for path in ("", "pictures", "picture/1.png", "rate.js"):
        assert browser.get(f"http://127.0.0.1:8000/{token}/{path}").status_code == 404
    answer = browser.post(f"http://127.0.0.1:8000/{token}/rate", json={"picture": 1, "score": 1})
    assert answer.status_code in (404, 405)
    assert go_on(begun.target).scores == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"picture": 6, "score": 3}, 404),
        ({"picture": 0, "score": 3}, 404),
        ({"picture": 1, "score": 6}, 400),
        ({"picture": 1, "score": 0}, 400),
        ({"picture": 1, "score": 2.5}, 400),
        ({"picture": "1", "score": 2}, 400),
        ({"picture": True, "score": 2}, 400),
        ({"score": 2}, 400),
        ([1, 2], 400),
        ({"picture": 1, "score": 2, "more": "x" * LARGEST_BODY}, 413),
    ],
)
def test_a_score_that_no_page_of_ours_sends_is_refused(browser, begun, body, status):
    answer = browser.post("rate", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert go_on(begun.target).scores == {}


def test_forms_of_other_sites_and_other_names_of_this_machine_are_refused(browser, begun):
    as_form = {"content-type": "text/plain"}
    assert browser.post("rate", content='{"picture": 1, "score": 2}', headers=as_form).status_code == 415
    elsewhere = {"host": "evil.example"}
    assert browser.post("rate", json={"picture": 1, "score": 2}, headers=elsewhere).status_code == 400
    assert browser.get("rate").status_code == 404
    assert go_on(begun.target).scores == {}


def test_it_is_finished_when_all_are_rated_and_not_before(browser, begun, finished):
    for number in begun.numbers:
        assert browser.post("finish", json={}).status_code == 409
        browser.post("rate", json={"picture": number, "score": number})
    assert not finished
    assert browser.post("finish", json={}).json() == {"written": str(begun.target)}
    assert finished == [True]
    assert begun.target.read_text().splitlines()[:2] == ["image,score", "mine_pictures/01.png,1"]
    assert browser.post("finish", json={}).status_code == 409


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium")
def test_a_person_rates_by_keys_and_by_mouse_in_a_browser(begun):
    playwright = pytest.importorskip("playwright.sync_api")
    said, told = [], threading.Event()

    def say(address):
        said.append(address)
        told.set()

    serving = threading.Thread(target=serve, args=(begun, 0, say), daemon=True)
    serving.start()
    assert told.wait(30)
    problems = []
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(said[0])
        page.locator("#viewing .skip").click()
        playwright.expect(page.locator("#viewing")).to_be_hidden()
        current = page.locator("figure.current .number")
        playwright.expect(current).to_have_text("1")
        page.keyboard.press("3")
        playwright.expect(current).to_have_text("2")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        playwright.expect(page.locator("#closer-name")).to_have_text("3 of 5")
        page.keyboard.press("5")
        playwright.expect(page.locator("#closer-name")).to_have_text("4 of 5")
        page.keyboard.press("Escape")
        playwright.expect(current).to_have_text("4")
        with page.expect_response(
            lambda answer: answer.request.method == "POST"
        ):  # an earlier one was saved, too
            page.locator("figure").nth(1).get_by_role("button", name="2", exact=True).click()
        playwright.expect(page.locator("#saved")).to_have_text("saved")
        assert go_on(begun.target).scores == {1: 3, 2: 2, 3: 5}
        page.reload()
        playwright.expect(page.locator("#done")).to_have_text("3")
        playwright.expect(current).to_have_text("4")
        page.keyboard.press("1")
        playwright.expect(current).to_have_text("5")
        playwright.expect(page.locator("#finish")).to_have_text("1 to go")
        page.keyboard.press("4")
        page.locator("#finish").click()
        playwright.expect(page.locator("code")).to_have_text(str(begun.target))
        chromium.close()
    serving.join(30)
    assert not serving.is_alive()
    assert problems == []
    assert [row.rpartition(",")[2] for row in begun.target.read_text().split()] == ["score", *"32514"]


def test_the_address_stays_over_restarts_and_gives_way_where_its_port_is_taken(begun):
    token = owner_token(begun.folder, LINK)
    assert owner_token(begun.folder, LINK) == token
    with closing(_listening(0, token)) as first:
        usual = first.getsockname()[1]
        with closing(_listening(0, token)) as second:
            assert second.getsockname()[1] != usual
        with pytest.raises(ConfigError, match=f"port {usual} cannot be used"):
            _listening(usual, token)
    with closing(_listening(0, token)) as again:
        assert again.getsockname()[1] == usual
