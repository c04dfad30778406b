"""A small server that speaks the protocol of OpenAI's chat completions, with a model that prefers bright pictures."""

import base64
import io
import json
import math
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

SLOPE, LEAN = 0.04, 0.7
"""Log-odds of A: SLOPE times the difference of the mean levels (0 to 255), and LEAN, whatever is shown."""


class Stub:
    """What the server does and has seen.

    Attributes:
        script: replies that come before the model's own: (status, headers, bytes), or a function of the handler.
        reply: of the model, a function from the decoded request and its pictures to a completion.
        requests: decoded bodies; headers: of all requests.
    """

    def __init__(self, reply):
        self.reply, self.script = reply, []
        self.requests, self.headers, self.models = [], [], ["bright"]
        self.lock = threading.Lock()
        self.url = ""


def pictures_of(request):
    parts = request["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert all(url.startswith("data:image/png;base64,") for url in urls)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))) for url in urls]


def text_of(request):
    return "".join(part.get("text", "[picture]") for part in request["messages"][0]["content"])


def completion(text, tokens=None):
    """`tokens`: (text, logprob, {alternative: logprob}); None for a server that gives no logprobs."""
    rows = [
        {
            "token": token,
            "logprob": logprob,
            "top_logprobs": [{"token": other, "logprob": value} for other, value in top.items()],
        }
        for token, logprob, top in tokens or ()
    ]
    logprobs = None if tokens is None else {"content": rows}
    return {"choices": [{"message": {"role": "assistant", "content": text}, "logprobs": logprobs}]}


def prefers_bright(request, pictures, spell=" {}", before=(("Image", 0.0, {"Image": 0.0}),)):
    a, b = (float(picture.mean()) for picture in pictures[-2:])
    odds = SLOPE * (a - b) + LEAN
    logprobs = {"A": -math.log1p(math.exp(-odds)), "B": -math.log1p(math.exp(odds))}
    letter = max(logprobs, key=lambda one: logprobs[one])
    top = {spell.format(one): value for one, value in logprobs.items()}
    tokens = [*before, (spell.format(letter), logprobs[letter], top)]
    return completion("".join(token for token, _, _ in tokens), tokens if request.get("logprobs") else None)


@contextmanager
def serving(reply=prefers_bright):
    """A server on a free port of this machine; gives its `Stub`."""
    stub = Stub(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200, {}, json.dumps({"data": [{"id": name} for name in stub.models]}).encode())

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with stub.lock:
                stub.requests.append(body)
                stub.headers.append(dict(self.headers))
                scripted = stub.script.pop(0) if stub.script else None
            if callable(scripted):
                scripted(self)
            elif scripted is not None:
                self.answer(*scripted)
            elif self.path != "/v1/chat/completions":
                self.answer(404, {}, b"no such page")
            else:
                self.answer(200, {}, json.dumps(stub.reply(body, pictures_of(body))).encode())

        def answer(self, status, headers, body):
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):  # the other side has gone away, as after a time-out
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
