import asyncio
import json
import time
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from starlette.requests import Request

from isptune.study.plan.schedule import schedule_of
from isptune.study.site import guard, owner_routes
from isptune.study.site.server import application
from isptune.study.votes.answers import Answers
from tests.study.served import CONDITIONS, Client, picture, small_study

OWNER = "O" * 32


class Site:
    """The application on a small study, without a network."""

    def __init__(self, study, client, answers):
        self.study, self.client, self.answers = study, client, answers
        self.owner = f"/owner/{OWNER}"

    def observer(self):
        return f"/o/{self.answers.add_observer().token}"

    def state(self, link):
        return self.client.get(f"{link}/state").json()

    def vote(self, link, number=None, answer="left", name="a" * 16, **more):
        number = self.state(link)["pairs"][0]["number"] if number is None else number
        return self.client.post(f"{link}/vote", json={"number": number, "id": name, "answer": answer, **more})


@contextmanager
def site(folder, **plan):
    study = small_study(folder, **plan)
    schedule = schedule_of(study)
    with (
        Answers(study.answers_path, schedule, sync_each=False) as answers,
        Answers(study.answers_path, schedule) as for_owner,
        Client(application(study, answers, for_owner, OWNER)) as client,
    ):
        yield Site(study, client, answers)


@pytest.fixture
def here(tmp_path):
    with site(tmp_path / "study") as made:
        yield made


def test_an_observer_trains_votes_and_finishes(here):
    link = here.observer()
    state = here.state(link)
    assert (state["phase"], state["done"], state["total"], state["training"]) == ("training", 0, 8, 1)
    phases = []
    for k in range(8):
        state = here.vote(link, answer=("left", "right", "same")[k % 3], name=f"vote-{k:03d}").json()
        phases.append(state["phase"])
    assert phases == ["voting"] * 7 + ["finished"]
    assert (state["done"], state["pairs"], state["last"]) == (8, [], 8)
    kept = [vote.answer for vote in here.answers.votes()]
    assert kept == ["first", "second", "none"] * 2 + ["first", "second"]


def test_response_time_and_screen_are_kept(here):
    here.vote(here.observer(), response_ms=1234, screen=[1920, 1080])
    (vote,) = here.answers.votes()
    assert (vote.response_ms, vote.screen) == (1234, (1920, 1080))


def test_a_vote_that_comes_again_is_the_same_vote(here):
    link = here.observer()
    answers = [here.vote(link, number=1, name="same-vote") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len(here.answers.votes()) == 1
    assert here.vote(link, number=1, name="same-vote", answer="right").status_code == 409


def test_undo_brings_the_pair_back_once(here):
    link = here.observer()
    before = here.state(link)
    here.vote(link, number=1)
    for _ in range(2):
        after = here.client.post(f"{link}/undo", json={"number": 1})
        assert after.json() == before
    assert here.vote(link, number=1, answer="right", name="b" * 16).status_code == 200
    assert [vote.answer for vote in here.answers.votes()] == ["second"]
    assert here.client.post(f"{link}/undo", json={"number": 7}).status_code == 409


@pytest.mark.parametrize("number", [0, -1, 2, 8, 99, 2**53])
def test_votes_for_pairs_that_are_not_asked_now_are_refused(here, number):
    link = here.observer()
    answer = here.vote(link, number=number)
    assert answer.status_code == 409
    assert "not asked" in answer.json()["error"]
    assert here.answers.votes() == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"answer": "best"}, 400),
        ({"answer": None}, 400),
        ({"number": "1"}, 400),
        ({"number": True}, 400),
        ({"number": 1.5}, 400),
        ({"number": 2**70}, 400),
        ({"id": "short"}, 409),
        ({"id": "semi;colon'--"}, 409),
        ({"id": "x" * 65}, 400),
        ({"id": 12345678}, 400),
        ({"response_ms": -1}, 409),
        ({"response_ms": "fast"}, 400),
        ({"screen": [0, 0]}, 409),
        ({"screen": [1920]}, 400),
        ({"screen": "big"}, 400),
    ],
)
def test_votes_with_wrong_values_are_refused(here, change, status):
    link = here.observer()
    vote = {"number": 1, "id": "a" * 16, "answer": "left"} | change
    answer = here.client.post(f"{link}/vote", json=vote)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert here.answers.votes() == []


async def pieces(text):
    yield text[:100].encode()
    yield text[100:].encode()


def test_oversized_bodies_are_refused_however_they_come(here):
    link = here.observer()
    big = json.dumps({"number": 1, "id": "a" * 16, "answer": "left", "more": "x" * guard.LARGEST_BODY})
    kind = {"content-type": "application/json"}
    told = here.client.post(f"{link}/vote", content=big, headers=kind)
    chunked = here.client.post(f"{link}/vote", content=pieces(big), headers=kind)
    assert (told.status_code, chunked.status_code) == (413, 413)
    assert here.answers.votes() == []


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"not json", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"[" * 4000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"", "application/json", 400),
        (b"number=1", "application/x-www-form-urlencoded", 415),
        (b'{"number": 1}', "text/plain", 415),
    ],
)
def test_bodies_that_are_no_json_object_are_refused(here, content, kind, status):
    answer = here.client.post(f"{here.observer()}/vote", content=content, headers={"content-type": kind})
    assert answer.status_code == status


def test_a_body_that_never_ends_is_given_up(here, monkeypatch):
    monkeypatch.setattr(guard, "BODY_TIMEOUT_S", 0.05)

    async def never():
        await asyncio.sleep(60)

    async def read():
        scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
        with pytest.raises(guard.BadRequest) as given_up:
            await guard.json_body(Request(scope, receive=never))
        return given_up.value.status

    started = time.perf_counter()
    assert asyncio.run(read()) == 408
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "path",
    [
        "/page/../server.py",
        "/page/..%2fserver.py",
        "/page/%2e%2e%2f%2e%2e%2fcli.py",
        "/page/observer.html%00.css",
        "/page//etc/passwd",
        "/page/..\\server.py",
        "{link}/picture/..%2f..%2fstudy.toml",
        "{link}/picture/%2fetc%2fpasswd",
        "{link}/picture/../../../study.toml",
        "{link}/picture/stimuli/pond_secret/crisp_secret.png",
        "{link}/picture/",
        "{link}/../../answers.sqlite",
        "/stimuli/pond_secret/crisp_secret.png",
        "/answers.sqlite",
        "/owner_link.txt",
        "/docs",
        "/",
    ],
)
def test_no_other_path_leads_to_a_file(here, path):
    answer = here.client.get(path.format(link=here.observer()))
    assert answer.status_code == 404
    assert len(answer.content) < 1200


def test_forged_and_foreign_names_of_pictures_are_refused(here):
    mine, other = here.observer(), here.observer()
    url = here.state(mine)["pairs"][0]["left"]
    name = url.rsplit("/", 1)[1]
    assert here.client.get(url).status_code == 200
    assert here.client.get(f"{other}/picture/{name}").status_code == 404
    assert here.client.get(f"{mine}/picture/{'A' * 24}").status_code == 404
    assert here.client.get(f"{mine}/picture/{name[:-1]}é").status_code == 404


def test_only_pictures_of_the_pair_to_answer_and_the_next_are_served(here):
    link = here.observer()
    first, second = here.state(link)["pairs"]
    third = here.vote(link).json()["pairs"][1]
    assert here.client.get(first["left"]).status_code == 404
    assert here.client.get(second["left"]).status_code == 200
    assert here.client.get(third["left"]).status_code == 200
    here.client.post(f"{link}/undo", json={"number": 1})
    assert here.client.get(first["left"]).status_code == 200
    assert here.client.get(third["left"]).status_code == 404


def test_links_that_nobody_has_are_refused(here):
    here.observer()
    for link in ("/o/" + "A" * 32, "/o/1", "/o/' OR 1=1 --", "/o/%00"):
        assert here.client.get(link).status_code == 404
        assert here.client.get(f"{link}/state").status_code == 404
        assert (
            here.client.post(f"{link}/vote", json={"number": 1, "id": "a" * 16, "answer": "left"}).status_code
            == 404
        )
    for link in ("/owner/" + "A" * 32, "/owner/é", f"/owner/{OWNER}x", "/owner/" + OWNER.lower()):
        for name in ("", "/state", "/scale"):
            assert here.client.get(link + name).status_code == 404
        for name in ("/close", "/reopen", "/invite"):
            assert here.client.post(link + name, json={"count": 1}).status_code == 404
    assert here.answers.is_open
    assert len(here.answers.observers()) == 1


def test_an_observers_link_is_not_the_owners(here):
    token = here.observer().rsplit("/", 1)[1]
    assert here.client.get(f"/owner/{token}").status_code == 404
    assert here.client.get(f"/o/{OWNER}").status_code == 404


def test_a_closed_study_takes_nothing_until_it_is_opened_again(here):
    link = here.observer()
    assert here.vote(link, number=1, name="before-it").status_code == 200
    assert here.client.post(f"{here.owner}/close", json={}).json()["open"] is False
    state = here.state(link)
    assert (state["phase"], state["pairs"], state["done"]) == ("closed", [], 1)
    assert here.vote(link, number=2).status_code == 410
    assert here.vote(link, number=1, name="before-it").status_code == 200  # it is that vote, and it is kept
    assert here.client.post(f"{link}/undo", json={"number": 1}).status_code == 410
    assert here.client.post(f"{here.owner}/invite", json={"count": 1}).status_code == 410
    assert here.client.post(f"{here.owner}/reopen", json={}).json()["open"] is True
    assert here.vote(link, number=2).status_code == 200


def test_nothing_that_an_observer_gets_names_a_picture_or_its_score(here):
    link = here.observer()
    texts = [here.client.get(link).text]
    for k in range(8):
        answer = here.client.get(f"{link}/state")
        texts.append(answer.text + str(answer.headers))
        for pair in answer.json()["pairs"]:
            for side in ("left", "right", "reference"):
                if pair[side]:
                    got = here.client.get(pair[side])
                    texts.append(got.content.decode("latin-1") + str(got.headers))
        texts.append(here.vote(link, name=f"vote-{k:03d}").text)
    whole = "".join(texts)
    assert "secret" not in whole
    assert "987" not in json.dumps(here.state(link))


def test_a_picture_arrives_pixel_by_pixel_without_its_notes(here):
    link = here.observer()
    shown = here.state(link)["pairs"][0]
    asked = here.answers.open_pairs(link.rsplit("/", 1)[1], 1)[0].pair
    scene = here.study.scenes.index(asked.scene)
    for side, condition in (("left", asked.first), ("right", asked.second)):
        content = here.client.get(shown[side]).content
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(pixels, picture(scene, CONDITIONS.index(condition)))
        assert b"tEXt" not in content
    assert (shown["reference"] is not None) == (asked.scene == here.study.scenes[0])


def test_names_of_pictures_differ_between_observers_pairs_and_sides(here):
    shown = [pair for link in (here.observer(), here.observer()) for pair in here.state(link)["pairs"]]
    names = {pair[side].rsplit("/", 1)[1] for pair in shown for side in ("left", "right")}
    assert len(names) == 8


def test_every_answer_carries_strict_headers(here):
    link = here.observer()
    answers = [
        here.client.get(link),
        here.client.get(f"{link}/state"),
        here.client.get(here.state(link)["pairs"][0]["left"]),
        here.client.get("/page/observer.js"),
        here.client.get("/nothing"),
        here.client.get(here.owner),
        here.vote(link),
        here.client.post(f"{link}/vote", content=b"x" * 9000, headers={"content-type": "application/json"}),
        here.client.send("PUT", f"{link}/vote", json={}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4 + [404, 200, 200, 413, 405]
    for answer in answers:
        for name, value in guard.HEADERS.items():
            assert answer.headers[name] == value
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", ["observer.html", "owner.html", "unknown.html"])
def test_pages_hold_no_inline_scripts_styles_or_foreign_addresses(name):
    from importlib.resources import files

    text = files("isptune.study.site").joinpath("page", name).read_text()
    assert "<script>" not in text
    assert "<style" not in text
    assert " style=" not in text
    assert " onclick" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_the_owner_invites_and_sees_progress_and_the_scale(here):
    state = here.client.post(f"{here.owner}/invite", json={"count": 3}).json()
    links = [f"/o/{observer['token']}" for observer in state["observers"]]
    assert len(links) == 3
    for link in links:
        for k in range(8):
            here.vote(link, name=f"vote-{k:03d}", response_ms=1000 + k)
    state = here.client.get(f"{here.owner}/state").json()
    assert [(o["done"], o["total"], o["finished"]) for o in state["observers"]] == [(8, 8, True)] * 3
    assert (state["votes"], state["same"], state["median_ms"]) == (21, 0, 1004)
    scale = here.client.get(f"{here.owner}/scale").json()
    assert {scene["scene"] for scene in scale["scenes"]} == set(here.study.scenes)
    for scene in scale["scenes"]:
        rows = {row["name"]: row for row in scene["conditions"]}
        assert set(rows) == set(CONDITIONS)
        # Observers who agree leave an interval of no width, up to how far resamples are fitted.
        assert all(row["low"] - 0.01 <= row["value"] <= row["high"] + 0.01 for row in rows.values())


def test_names_are_kept_only_where_the_study_asks_for_them(tmp_path):
    with site(tmp_path / "without") as plain:
        answer = plain.client.post(f"{plain.owner}/invite", json={"count": 1, "name": "Ada"})
        assert answer.status_code == 400
        assert plain.answers.observers() == []
    with site(tmp_path / "with", ask_name=True) as asking:
        state = asking.client.post(f"{asking.owner}/invite", json={"count": 1, "name": "Ada"}).json()
        assert [observer["label"] for observer in state["observers"]] == ["Ada"]
        for count in (0, -1, 101, "1"):
            assert asking.client.post(f"{asking.owner}/invite", json={"count": count}).status_code == 400


def test_the_scale_has_no_interval_for_few_observers_and_says_so(here, monkeypatch):
    monkeypatch.setattr(owner_routes, "SCALE_PAUSE", 0)
    assert here.client.get(f"{here.owner}/scale").json()["scenes"] == []
    link = here.observer()
    here.vote(link, name="training")
    here.vote(link, name="first-one")
    scale = here.client.get(f"{here.owner}/scale").json()
    assert "not known" in scale["note"]  # one vote does not connect three pictures
    assert all(row["low"] is None for scene in scale["scenes"] for row in scene["conditions"])
    for k in range(6):
        here.vote(link, name=f"vote-{k:03d}")
    assert "Intervals come with 3" in here.client.get(f"{here.owner}/scale").json()["note"]


def test_the_scale_is_computed_again_after_a_rest_only(here, monkeypatch):
    link = here.observer()
    here.vote(link, name="training")
    monkeypatch.setattr(owner_routes, "SCALE_PAUSE", 1e9)
    scales = []
    for k in range(2):
        here.vote(link, name=f"vote-{k:03d}")
        scales.append(here.client.get(f"{here.owner}/scale").json())
    assert scales[0] == scales[1]
    assert scales[1]["votes"] == 1
