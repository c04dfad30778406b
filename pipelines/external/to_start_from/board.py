"""A small server to try isptune with, and to replace by your board: python board.py."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, HTTPServer

import cv2
import numpy as np

SCENES = {}


def isp(picture, values):
    """The picture (0 to 1) with these values of the knobs in board.toml."""
    if values["denoise.strength"] > 0:
        picture = cv2.GaussianBlur(picture, (0, 0), values["denoise.strength"])
    blurred = cv2.GaussianBlur(picture, (0, 0), 1.5)
    return (picture + values["sharpen.amount"] * (picture - blurred)) * values["tone.gain"]


class Board(BaseHTTPRequestHandler):
    def do_PUT(self):  # /render/scenes/HASH: a scene's file, sent once
        data = self.rfile.read(int(self.headers["Content-Length"]))
        SCENES[hashlib.sha256(data).hexdigest()] = data
        self.answer(200, b"")

    def do_POST(self):  # /render: the values, and which scene
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = SCENES.get(asked["scene"]["sha256"])
        if data is None:
            self.answer(409, b"send the scene first")
            return
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        rendered = isp((picture / np.iinfo(picture.dtype).max).astype(np.float32), asked["params"])
        encoded = cv2.imencode(".png", (rendered.clip(0, 1) * 65535).round().astype(np.uint16))[1]
        self.answer(200, encoded.tobytes())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 8765), Board).serve_forever()
