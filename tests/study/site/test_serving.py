"""The server as a process of its own: how it starts, what it says, how it ends, and what outlives it."""

import asyncio
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import httpx
import pytest
import uvicorn

from isptune.errors import ConfigError, StudyError
from isptune.study.plan.folder import Plan
from isptune.study.plan.schedule import schedule_of
from isptune.study.site.server import OWNER, listen, owner_token, serve
from isptune.study.site.work import SharedSync, Together
from isptune.study.votes.answers import Answers
from tests.study.served import SERVE, server, small_study
from tests.study.studies import study_of

ANSWERS = {"left": "first", "right": "second", "same": "none"}


@pytest.fixture
def said(monkeypatch):
    """`serve` without the part that waits: what it says before."""
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets=None: None)

    def lines(*arguments, **options):
        heard = []
        serve(*arguments, **options, say=heard.append)
        return heard

    return lines


def vote_until_it_ends(link, kept, stop):
    """Vote on, and note each vote that was acknowledged."""
    rng = random.Random(link)
    with httpx.Client(timeout=10) as client:
        try:
            state = client.get(f"{link}/state").json()
            while state["pairs"] and not stop.is_set():
                number, answer = state["pairs"][0]["number"], rng.choice(list(ANSWERS))
                vote = {"number": number, "id": rng.randbytes(8).hex(), "answer": answer}
                got = client.post(f"{link}/vote", json=vote)
                assert got.status_code == 200, got.text
                kept.append((link.rsplit("/", 1)[1], number, ANSWERS[answer]))
                state = got.json()
        except httpx.TransportError:
            pass  # the server is gone


@pytest.mark.slow
def test_every_acknowledged_vote_is_there_after_the_server_is_killed_in_mid_load(tmp_path):
    study = small_study(tmp_path / "study", scenes=[f"s{k}" for k in range(40)])
    kept, stop = [], threading.Event()
    with server(study.folder, invite=6) as (process, _, links):
        voters = [threading.Thread(target=vote_until_it_ends, args=(link, kept, stop)) for link in links]
        for voter in voters:
            voter.start()
        deadline = time.monotonic() + 60
        while len(kept) < 60 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        stop.set()
        for voter in voters:
            voter.join(20)
    with Answers(study.answers_path) as answers:
        names = {observer.id: observer.token for observer in answers.observers()}
        there = {(names[vote.observer], vote.number): vote.answer for vote in answers.votes()}
    assert len(kept) >= 60
    assert all(there[token, number] == answer for token, number, answer in kept)
    assert len(there) <= len(kept) + len(links)  # at most one each that was not acknowledged any more
    with server(study.folder, invite=0) as (_, owner, _):  # and it goes on from there
        state = httpx.get(f"{owner}/state").json()
        assert sum(observer["done"] for observer in state["observers"]) == len(there)


@pytest.mark.slow
def test_ctrl_c_ends_the_server_at_once_while_connections_are_open(tmp_path):
    study = small_study(tmp_path / "study")
    with server(study.folder) as (process, _, links), httpx.Client() as client:
        assert client.get(f"{links[0]}/state").status_code == 200  # the connection stays open
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert time.monotonic() - started < 4


def test_links_stay_the_same_when_the_server_starts_again(tmp_path, said):
    study = small_study(tmp_path / "study")
    first = said(study.folder, "127.0.0.1", 0, invite=2)
    again = said(study.folder, "127.0.0.1", 0)
    owner = owner_token(study.folder)
    assert owner in first[1]
    assert owner in again[1]
    assert "0 observers" in first[0]
    assert "2 observers" in again[0]
    assert sum("/o/" in line for line in first) == 2
    assert stat.S_IMODE(os.stat(study.folder / OWNER).st_mode) == 0o600


def test_who_serves_a_study_that_simulations_voted_on_is_warned(tmp_path, said):
    study = small_study(tmp_path / "study")
    with Answers(study.answers_path) as answers:
        answers.add_observer(source="simulation")
        answers.add_observer()
    (warning,) = [line for line in said(study.folder, "127.0.0.1", 0) if "warning" in line]
    assert "1 of them is a simulation, whose votes would mix with those of people" in warning


def test_on_loopback_there_is_no_warning_and_elsewhere_it_says_who_can_reach_it(tmp_path, said):
    study = small_study(tmp_path / "study")
    assert not any("warning" in line for line in said(study.folder, "127.0.0.1", 0))
    (warning,) = [line for line in said(study.folder, "0.0.0.0", 0) if "warning" in line]
    assert "everyone on the networks of this machine can open these links" in warning
    assert "unencrypted" in warning


def test_it_listens_on_loopback_only_by_default():
    from isptune.commands.study_serve import serve as command

    defaults = {option.name: option.default for option in command.params}
    assert defaults["host"] == "127.0.0.1"
    with listen("127.0.0.1", 0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_an_address_that_is_taken_or_wrong_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port} cannot be used: .*; try another"):
            listen("127.0.0.1", port)
    for host in (
        "192.0.2.1",
        "a" * 300,
    ):  # an address for documentation, which no machine has; no name at all
        with pytest.raises(ConfigError, match="cannot be used"):
            listen(host, 8000)


def test_a_study_without_pictures_or_a_damaged_owners_link_is_refused(tmp_path, said):
    votes_only = study_of(tmp_path / "imported", images=3, plan=Plan(anchors=0))
    with pytest.raises(StudyError, match="3 of 3 pictures are not there"):
        said(votes_only.folder, "127.0.0.1", 0)
    study = small_study(tmp_path / "study")
    (study.folder / OWNER).write_text("../../etc\n")
    with pytest.raises(StudyError, match="does not hold 32 letters"):
        said(study.folder, "127.0.0.1", 0)
    with pytest.raises(StudyError, match="is no study"):
        said(tmp_path / "nowhere", "127.0.0.1", 0)


@pytest.mark.slow
def test_starting_the_server_imports_no_torch(tmp_path):
    study = small_study(tmp_path / "study")
    code = (
        "import sys, uvicorn; uvicorn.Server.run = lambda self, sockets=None: None\n"
        "import atexit; atexit.register(lambda: print('torch' in sys.modules))\n" + SERVE
    )
    command = [sys.executable, "-c", code, str(study.folder), "--port", "0"]
    got = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert got.returncode == 0, got.stderr
    assert got.stdout.splitlines()[-1] == "False"


def test_those_who_wait_for_the_disk_share_a_sync_that_began_after_their_vote():
    async def play():
        begun, release = [], threading.Event()

        def sync():
            begun.append(len(begun))
            assert release.wait(10)

        synced = SharedSync(sync)
        first = asyncio.create_task(synced())
        while not begun:
            await asyncio.sleep(0.001)
        later = [asyncio.create_task(synced()) for _ in range(5)]  # the sync that runs is too early for them
        await asyncio.sleep(0.02)
        assert not any(task.done() for task in (first, *later))
        release.set()
        await asyncio.gather(first, *later)
        await synced()
        synced.stop()
        return len(begun)

    assert asyncio.run(play()) == 3


def test_a_sync_that_fails_fails_for_all_who_wait_for_it_and_the_next_one_is_tried():
    async def play():
        results = iter([StudyError("disk full"), None])

        def sync():
            result = next(results)
            if result:
                raise result

        synced = SharedSync(sync)
        failed = await asyncio.gather(synced(), synced(), return_exceptions=True)
        assert [str(error) for error in failed] == ["disk full"] * 2
        await synced()
        synced.stop()

    asyncio.run(play())


def votes_together(answers, tokens, calls=()):
    """First votes of observers at the same time, with other calls among them; their outcomes in this order."""

    async def play():
        together = Together(answers.transaction)
        tasks = [together(answers.vote, token, 1, f"vote-{k:04d}", "first") for k, token in enumerate(tokens)]
        outcomes = await asyncio.gather(*tasks, *map(together, calls), return_exceptions=True)
        together.stop()
        return outcomes

    return asyncio.run(play())


@pytest.fixture
def asked(tmp_path):
    study = small_study(tmp_path / "study")
    with Answers(study.answers_path, schedule_of(study), sync_each=False) as answers:
        yield answers, [answers.add_observer().token for _ in range(5)]


def test_votes_that_come_together_are_one_transaction_and_each_has_its_own_answer(asked):
    answers, tokens = asked
    begun = []
    answers._connection.set_trace_callback(lambda text: begun.append(text) if "BEGIN" in text else None)
    outcomes = votes_together(answers, [tokens[0], "nobody", *tokens[1:], tokens[1]])
    assert outcomes[0] is True
    assert "no observer has this link" in str(outcomes[1])
    assert outcomes[2:6] == [True] * 4
    assert "pair 1 is not asked now; pair 2 is" in str(outcomes[6])
    assert len(begun) == 1
    assert [(vote.observer, vote.number) for vote in answers.votes()] == [(k, 1) for k in range(1, 6)]


def test_where_the_end_of_a_transaction_fails_no_vote_of_it_is_acknowledged_or_kept(asked):
    answers, tokens = asked

    def disk_full():
        answers._connection.execute("ROLLBACK")  # as SQLite does by itself when a disk is full

    outcomes = votes_together(answers, tokens, [disk_full])
    assert {type(outcome) for outcome in outcomes} == {StudyError}
    assert "cannot be written" in str(outcomes[0])
    assert answers.votes() == []
    assert votes_together(answers, tokens) == [True] * 5


def test_a_statement_that_the_disk_refuses_takes_its_whole_transaction_back(asked):
    answers, tokens = asked

    def refused():
        with answers._write() as db:
            db.execute("INSERT INTO nowhere VALUES (1)")

    outcomes = votes_together(answers, tokens, [refused])
    assert {type(outcome) for outcome in outcomes} == {StudyError}
    assert answers.votes() == []
