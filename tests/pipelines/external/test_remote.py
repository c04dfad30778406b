"""An ISP behind HTTP, played by a server on this machine that misbehaves as networks and boards do."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

import pipelines.external.remote
from isptune.errors import ConfigError, RenderError
from isptune.registry import build
from isptune.scenes.scene import load_scenes
from isptune.testing import check_pipeline
from tests.pipelines.external.fake_isp import SPACE, params_of

SCENE = load_scenes(["cat"], crop="24x16")[0]


class Board:
    """A server. `answers` are given one after another, then it renders; `requests` are what it was asked."""

    def __init__(self):
        self.answers, self.requests, self.files, self.done = [], [], {}, {}
        self.worked = 0
        board = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                board.requests.append((self.path, self.headers["Idempotency-Key"], json.loads(body)))
                answer = board.answers.pop(0) if board.answers else board.render
                answer(self, json.loads(body))

            def do_PUT(self):
                board.files[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                reply(self, 201, b"")

            def log_message(self, format, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/render"

    def render(self, handler, asked):
        """Render the scene, or ask for its file; what was done under an ID is not done again."""
        file = self.files.get(f"/render/scenes/{asked['scene']['sha256']}")
        if file is None:
            return reply(handler, 409, b"I have no such scene")
        if asked["id"] not in self.done:
            self.worked += 1
            image = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED).astype(float)
            image = (image * asked["params"]["tone.gain"]).clip(0, 65535).round().astype(np.uint16)
            suffix = ".tif" if asked["params"]["order"] == "bgr" else ".png"
            self.done[asked["id"]] = cv2.imencode(suffix, image)[1].tobytes()
        return reply(handler, 200, self.done[asked["id"]])

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def reply(handler, status, body, length=None, **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def replying(status, body=b"", length=None, **headers):
    return lambda handler, asked: reply(handler, status, body, length, **headers)


def hang_up(handler, asked):
    """Close the connection without a word."""
    handler.close_connection = True


def drip(handler, asked):
    """Send a byte every tenth of a second: no single read ever takes long."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(50):
        try:
            handler.wfile.write(b"x")
        except OSError:
            return
        time.sleep(0.1)


@pytest.fixture
def board():
    board = Board()
    yield board
    board.close()


@pytest.fixture
def spec(board, tmp_path, monkeypatch):
    monkeypatch.setattr(pipelines.external.remote, "FIRST_WAIT_S", 0.01)
    (tmp_path / "board.toml").write_text(f'url = "{board.url}"\n{SPACE}')
    return f"remote:{tmp_path / 'board.toml'}"


def test_the_server_gets_values_and_scene_and_its_picture_comes_back(board, spec):
    rendered = build("pipeline", spec).render(SCENE, params_of(0.7, 5), 3)
    assert (rendered - SCENE.image * 0.7).abs().max() <= 1.01 / 65535
    path, identity, asked = board.requests[-1]
    assert path == "/render"
    assert asked["id"] == identity
    assert asked["params"] == {"tone.gain": 0.7, "tone.offset": 5, "order": "rgb"}
    assert (asked["seed"], asked["scene"]["name"]) == (3, "cat")


def test_a_description_says_whether_the_seed_changes_pictures(board, spec, tmp_path, isptune):
    assert build("pipeline", spec).facts.uses_seed
    assert not build("pipeline", spec, uses_seed=False).facts.uses_seed
    (tmp_path / "board.toml").write_text(f'url = "{board.url}"\nuses_seed = false\n{SPACE}')
    short = ["--scene", "cat", "--crop", "24x16", "--population", "4", "--generations", "2", "--confirm", "4",
             "--second-opinion", "none", "--device", "cpu"]  # fmt: skip
    status, out, _ = isptune("run", "--pipeline", spec, "--objective", "tv", *short, "--out", "r")
    assert status == 0, out
    rendered = list({asked["id"]: asked["params"] for *_, asked in board.requests}.values())
    assert len(rendered) >= 8
    assert [values for values in rendered if rendered.count(values) > 1] == []


def test_the_file_of_a_scene_is_sent_once(board, spec):
    isp = build("pipeline", spec)
    for gain in (0.5, 0.6):
        isp.render(SCENE, params_of(gain, batch=2), 0)
    assert len(board.files) == 1
    assert board.worked == 4
    assert len(board.requests) == 5  # one was answered 409


def test_the_contract_of_pipelines_is_kept(spec):
    check_pipeline(build("pipeline", spec), SCENE)


def test_tiff_comes_back_as_png_does(spec):
    isp = build("pipeline", spec)
    assert isp.render(SCENE, params_of(order="bgr"), 0).equal(isp.render(SCENE, params_of(), 0))


@pytest.mark.parametrize(
    "trouble",
    [
        hang_up,
        replying(503, b"busy"),
        replying(429, b"slow down", Retry_After="0"),
        replying(200, b"half", 99),
    ],
)
def test_a_request_is_sent_again_under_the_same_id(board, spec, trouble):
    isp = build("pipeline", spec)
    first = isp.render(SCENE, params_of(0.7), 0)
    board.requests.clear()
    board.answers = [trouble, trouble]
    assert isp.render(SCENE, params_of(0.7), 0).equal(first)
    assert len(board.requests) == 3
    assert len({identity for _, identity, _ in board.requests}) == 1


def test_an_answer_that_is_lost_on_its_way_is_not_worked_for_twice(board, spec):
    def render_and_hang_up(handler, asked):
        handler.wfile = type(
            "Lost", (), {"write": lambda *_: 0, "flush": lambda *_: None, "close": lambda *_: None}
        )()
        board.render(handler, asked)
        handler.close_connection = True

    isp = build("pipeline", spec)
    isp.render(SCENE, params_of(0.7), 0)
    board.answers = [render_and_hang_up]
    isp.render(SCENE, params_of(0.8), 0)
    assert board.worked == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (replying(422, b"tone.gain is\n\x1b[31m too high"), r"answered 422: tone.gain is \x1b[31m too high"),
        (replying(500), "answered 500 and said nothing"),
        (replying(302, Location="http://elsewhere/"), "answered 302"),
        (
            replying(200, b"no picture at all"),
            "the program's picture answer cannot be used: is not a picture",
        ),
        (replying(200, b"II*\0 no TIFF"), "the program's picture answer.tif cannot be used"),
        (replying(200, cv2.imencode(".png", np.zeros((4, 5), np.uint8))[1].tobytes()), "is 5x4, not 24x16"),
        (replying(200, b"x" * 2_000_001), "sent more than 2 MB"),
    ],
)
def test_a_wrong_answer_costs_the_trial_at_once(board, spec, answer, message):
    board.answers = [answer] * 2
    with pytest.raises(RenderError) as raised:
        build("pipeline", spec, max_picture_mb=2).render(SCENE, params_of(), 0)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(board.requests) == 1


def test_a_scene_that_the_server_still_does_not_know_costs_the_trial(board, spec):
    board.answers = [replying(409, b"what scene?")] * 2
    with pytest.raises(RenderError, match=r"answered 409: what scene\?"):
        build("pipeline", spec).render(SCENE, params_of(), 0)


def test_a_server_that_never_answers_costs_the_trial_after_its_attempts(board, spec):
    board.answers = [hang_up] * 9
    with pytest.raises(RenderError, match="gave no answer in 3 attempts: RemoteDisconnected"):
        build("pipeline", spec, retries=2).render(SCENE, params_of(), 0)
    assert len(board.requests) == 3


@pytest.mark.parametrize("slow", [drip, lambda handler, asked: time.sleep(1.0)])
def test_the_time_out_is_for_the_whole_answer(board, spec, slow):
    board.answers = [slow]
    start = time.monotonic()
    with pytest.raises(RenderError, match=r"gave no answer in one attempt: longer than 0\.4 s"):
        build("pipeline", spec, retries=0, timeout_s=0.4).render(SCENE, params_of(), 0)
    assert time.monotonic() - start < 3


def test_nobody_there_is_said_to_be_that(board, spec):
    nowhere = board.url.replace(str(board.server.server_port), "1")
    with pytest.raises(
        RenderError, match=r"http://127\.0\.0\.1:1 gave no answer in 2 attempts: ConnectionRefused"
    ):
        build("pipeline", spec, url=nowhere, retries=1).render(SCENE, params_of(), 0)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "board",
        "ftp://board/",
        "http://",
        "http+unix://%2Fvar%2Frun%2Fboard.sock/",
        "http://me:secret@board/",
        "http://:secret@board/",
        "http://me:sec/ret@board/",
        "http://board:x/",
        "http://board/?a=b",
    ],
)
def test_an_address_that_is_none_is_refused(spec, url):
    with pytest.raises(ConfigError, match="url") as refused:
        build("pipeline", spec, url=url)
    assert "sec" not in str(refused.value)


def test_without_a_file_the_way_to_give_one_is_said():
    with pytest.raises(ConfigError, match=r"Give remote:FILE\.toml"):
        build("pipeline", "remote")
