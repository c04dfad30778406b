"""Clients and pages from elsewhere that mean no good: names, redirects, locks, and requests that never end."""

import http.client
import logging
import socket
import sqlite3
import threading
import time
from urllib.parse import urlsplit

import pytest

from isptune.study.plan.folder import read_study
from isptune.study.plan.schedule import schedule_of
from isptune.study.site import patience
from isptune.study.site.guard import KnownHosts
from isptune.study.site.pages import nothing_here
from isptune.study.site.patience import WithoutLinks
from isptune.study.site.server import hosts_of, on_loopback
from isptune.study.votes.answers import Answers
from tests.study.served import small_study


@pytest.fixture
def served(tmp_path):
    study = small_study(tmp_path / "st")
    with Answers(study.answers_path, schedule_of(study)) as answers:
        tokens = [answers.add_observer().token for _ in range(2)]
    study = read_study(study.folder)
    with on_loopback(study) as (root, owner):
        yield study, urlsplit(root).port, tokens, owner


def _get(port, path, host=None, timeout=20):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    connection.request("GET", path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def test_a_slash_at_the_end_leads_to_no_other_host(served):
    _, port, tokens, owner = served
    for path in (f"/o/{tokens[0]}", f"/owner/{owner}"):
        status, fields, _ = _get(port, f"{path}/")
        location = {key.lower(): value for key, value in fields.items()}["location"]
        assert (status, location) == (307, f"../{path.rpartition('/')[2]}")
    assert _get(port, "/page/observer.css/")[0] == 404


def test_only_names_of_this_server_are_answered(served):
    _, port, tokens, _ = served
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "10.0.0.1"):
        status, _, body = _get(port, f"/o/{tokens[0]}", host)
        assert (status, tokens[0].encode() in body) == (400, False), host
    for host in (f"127.0.0.1:{port}", "localhost", f"LOCALHOST:{port}", "[::1]:8000"):
        assert _get(port, f"/o/{tokens[0]}", host)[0] == 200, host


def test_where_others_connect_addresses_are_known_and_other_names_are_not():
    known = KnownHosts(nothing_here, hosts_of("0.0.0.0", ["study.example.org"]))
    assert known._is_known("192.0.2.7:8000")
    assert known._is_known("study.example.org")
    assert not known._is_known("rebound.example")


def test_a_name_with_half_of_a_character_is_refused_as_a_bad_request(served):
    _, port, _, owner = served
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    fields = {"Content-Type": "application/json"}
    connection.request("POST", f"/owner/{owner}/invite", b'{"count": 1, "name": "\\ud800"}', fields)
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.slow
def test_nobody_waits_for_a_vote_that_waits_for_the_file(served):
    study, port, tokens, _ = served
    first = sqlite3.connect(study.answers_path, isolation_level=None)
    first.execute("BEGIN IMMEDIATE")
    vote = threading.Thread(target=lambda: _vote(port, tokens[0]))
    vote.start()
    time.sleep(0.3)
    for path in (f"/o/{tokens[1]}", f"/o/{tokens[1]}/state", f"/o/{tokens[0]}/state"):
        began = time.monotonic()
        assert _get(port, path)[0] == 200
        assert time.monotonic() - began < 2
    first.execute("ROLLBACK")
    first.close()
    vote.join(20)
    with Answers(study.answers_path) as answers:
        assert len(answers.votes()) == 1


def _vote(port, token):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = b'{"number": 1, "id": "abcdefgh", "answer": "left"}'
    connection.request("POST", f"/o/{token}/vote", body, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.slow
def test_clients_that_never_finish_lock_nobody_out(served, monkeypatch):
    _, port, tokens, _ = served
    monkeypatch.setattr(patience, "HEAD_TIMEOUT_S", 1.0)
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(patience.MOST_OF_AN_ADDRESS + 40)]
    for one in silent[::2]:
        one.sendall(b"GET /o/x HTTP/1.1\r\nHost: loc")
    assert _get(port, f"/o/{tokens[0]}")[0] == 200
    time.sleep(1.5)
    assert all(map(_is_dropped, silent[-3:]))
    for one in silent:
        one.close()
    assert _get(port, f"/o/{tokens[0]}")[0] == 200


def _is_dropped(connected):
    connected.settimeout(5)
    try:
        return connected.recv(1) == b""
    except ConnectionResetError:
        return True


def test_no_link_stands_in_what_the_server_writes_down():
    record = logging.LogRecord("uvicorn", logging.ERROR, "", 0, "GET /o/%s failed", ("a" * 32,), None)
    assert WithoutLinks("%(message)s").format(record) == "GET /o/[link] failed"
