"""Simulated observers that vote through the HTTP requests of the page."""

import asyncio
import json
import shutil
import socket
import threading
from dataclasses import replace

import httpx
import pytest

from isptune.errors import ConfigError, StudyError
from isptune.study.observers.connection import Connection
from isptune.study.observers.over_http import KnownPictures, Tally, percentile_95, vote_over_http
from isptune.study.observers.simulation import Habits, SimulatedObserver, scale_of_scores, vote_all
from isptune.study.plan.folder import read_study
from isptune.study.plan.schedule import schedule_of
from isptune.study.plan.shown_pictures import without_notes
from isptune.study.site.server import on_loopback
from isptune.study.votes.answers import Answers
from tests.study.served import CONDITIONS, picture, small_study


def simulated(study):
    """Observers by their number, with all the habits that there are."""
    scale, habits = scale_of_scores(study, 3.0), Habits(lapse=0.1, side_bias=0.3, tie_threshold=0.4)
    return lambda number: SimulatedObserver(scale, habits, number)


def over_http(study, count):
    with on_loopback(study) as (root, owner):
        return vote_over_http(study, f"{root}/owner/{owner}", count, simulated(study), lambda _: None)


def kept(study):
    with Answers(study.answers_path) as answers:
        votes = [replace(vote, screen=None) for vote in answers.votes()]
        return votes, [(observer.id, observer.label, observer.source) for observer in answers.observers()]


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["complete", "random", "swiss", "active"])
def test_the_same_observers_give_the_same_votes_over_http_and_through_the_store(tmp_path, schedule):
    study = small_study(tmp_path / "store", schedule=schedule, pairs_per_image=2, repeats=2, anchors=1)
    shutil.copytree(study.folder, tmp_path / "http")
    other = read_study(tmp_path / "http")
    with Answers(study.answers_path, schedule_of(study)) as answers:
        given = [len(list(vote_all(answers, simulated(study)(number)))) for number in range(3)]
    tallies = over_http(other, 3)
    assert kept(other) == kept(study)
    assert [tally.given for tally in tallies] == [tally.kept for tally in tallies] == given
    assert {vote.answer for vote in kept(other)[0]} == {"first", "second", "none"}
    assert [name for _, name, _ in kept(other)[1]] == ["simulation_01", "simulation_02", "simulation_03"]
    assert {source for *_, source in kept(other)[1]} == {"simulation"}


@pytest.mark.slow
def test_more_simulated_observers_go_on_where_the_earlier_ones_stopped(tmp_path):
    study = small_study(tmp_path / "study")
    over_http(study, 1)
    assert [tally.label for tally in over_http(study, 2)] == ["simulation_02", "simulation_03"]


@pytest.mark.slow
def test_beside_people_no_simulation_votes_neither_by_the_command_nor_by_the_page(tmp_path):
    study = small_study(tmp_path / "study")
    with Answers(study.answers_path, schedule_of(study)) as answers:
        answers.add_observer()
    with pytest.raises(ConfigError, match="1 people take part; simulations would mix with them"):
        over_http(study, 1)
    with on_loopback(study) as (root, owner):
        page = f"{root}/owner/{owner}"
        got = httpx.post(f"{page}/invite", json={"count": 1, "source": "simulation"})
        assert (got.status_code, "would mix" in got.json()["error"]) == (409, True)
        assert httpx.post(f"{page}/invite", json={"count": 1, "source": "import"}).status_code == 400
        assert httpx.post(f"{page}/invite", json={"count": 1, "source": [1]}).status_code == 400
    assert len(kept(study)[1]) == 1


def test_pictures_are_recognised_by_their_content_within_a_scene(tmp_path):
    study = small_study(tmp_path / "study")
    known = KnownPictures(study)
    files = {(s.scene, s.condition): without_notes(study.folder / s.file) for s in study.stimuli}
    pair = known.pair(files["hill_secret", CONDITIONS[2]], files["hill_secret", CONDITIONS[0]])
    assert (pair.scene, pair.first, pair.second) == ("hill_secret", CONDITIONS[2], CONDITIONS[0])
    with pytest.raises(StudyError, match="is it another study"):
        known.pair(files["hill_secret", CONDITIONS[2]], files["pond_secret", CONDITIONS[0]])
    with pytest.raises(StudyError, match="is it another study"):
        known.pair(b"", files["hill_secret", CONDITIONS[0]])


@pytest.mark.slow
def test_the_server_of_another_study_a_closed_one_and_none_are_told_in_one_line(tmp_path):
    study = small_study(tmp_path / "study")
    other = small_study(
        tmp_path / "other", scenes=("pond", "hill"), picture_of=lambda s, c: 255 - picture(s, c)
    )
    with on_loopback(study) as (root, owner):
        with pytest.raises(StudyError, match="is it another study"):
            vote_over_http(other, f"{root}/owner/{owner}", 1, simulated(other), print)
        with pytest.raises(StudyError, match="refused: this is not the owner"):
            vote_over_http(study, f"{root}/owner/{'x' * 32}", 1, simulated(study), print)
        with Answers(study.answers_path) as answers:
            answers.close_study()
        with pytest.raises(StudyError, match="refused: the study is closed"):
            vote_over_http(study, f"{root}/owner/{owner}", 1, simulated(study), print)
    with pytest.raises(ConfigError, match="is not the owner's link"):
        vote_over_http(study, "http://127.0.0.1:8000", 1, simulated(study), print)


def test_95_of_a_hundred_votes_are_within_the_95th_percentile():
    halves = [Tally("a", 50, 50, tuple(range(51, 101))), Tally("b", 50, 50, tuple(range(1, 51)))]
    assert percentile_95(halves) == 95
    assert percentile_95([]) == 0


def answered(*answers):
    """What a connection says to servers that send these bytes, one for each connection, and then close it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            for answer in answers:
                with listening.accept()[0] as peer:
                    peer.recv(65536)
                    peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()

        async def asked():
            connection = Connection(f"http://127.0.0.1:{listening.getsockname()[1]}")
            try:
                return await connection.get("/x")
            finally:
                connection.close()

        try:
            return asyncio.run(asked())
        finally:
            thread.join(10)


def whole(values, status=200):
    body = json.dumps(values).encode()
    return b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.slow
def test_a_request_without_an_answer_is_sent_again_on_a_new_connection():
    assert answered(b"", whole({"a": 1})[:-3], whole({"a": 1})) == {"a": 1}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (whole({"error": "no more"}, 410), "refused: no more"),
        (whole([1], 503), "refused: status 503"),
        (whole([1]), "no JSON object"),
        (b"SSH-2.0-x\r\n\r\n", "does not answer like the server of a study"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "does not answer like the server"),
    ],
)
def test_answers_of_other_servers_and_refusals_are_one_clear_line(answer, message):
    with pytest.raises(StudyError, match=message):
        answered(answer)


@pytest.mark.parametrize("root", ["ftp://x", "127.0.0.1:8000", "http://", "http://x:99999"])
def test_an_address_that_is_none_is_refused(root):
    with pytest.raises(ConfigError):
        Connection(root)
