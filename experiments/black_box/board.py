"""A server that stands for a board in the laboratory: `python -m experiments.black_box.board [--port 8765]`.

It renders with small_isp.py what `remote:experiments/black_box/board.toml` asks for. It keeps the files of scenes by
their hash, and the last answers by their request's ID, so that a request that is sent again costs no second work.
"""

import argparse
import hashlib
import json
import tempfile
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import cv2

from experiments.black_box.small_isp import develop

KEPT_ANSWERS = 16
LARGEST_SCENE = 512_000_000
"""Bytes."""


class Board(BaseHTTPRequestHandler):
    """`PUT /render/scenes/HASH` takes a file, `POST /render` gives a picture; one request at a time, as boards do."""

    folder: ClassVar[Path]
    answers: ClassVar[OrderedDict[str, bytes]] = OrderedDict()

    def do_PUT(self) -> None:
        """Keep the file of a scene."""
        data = self._body()
        digest = hashlib.sha256(data).hexdigest()
        if self.path != f"/render/scenes/{digest}":
            return self._answer(400, b"the path is /render/scenes/ and the sha256 of the body")
        kind = ".png" if data.startswith(b"\x89PNG") else ".dng"
        (self.folder / f"{digest}{kind}").write_bytes(data)
        return self._answer(201, b"")

    def do_POST(self) -> None:
        """Render a candidate."""
        try:
            asked = json.loads(self._body())
            identity, digest, values = asked["id"], str(asked["scene"]["sha256"]), asked["params"]
        except (ValueError, KeyError, TypeError):
            return self._answer(400, b"the body must be JSON with id, scene and params")
        files = [path for path in self.folder.iterdir() if path.stem == digest]
        if not files:
            return self._answer(409, b"this scene is not here: PUT it to /render/scenes/HASH")
        if identity not in self.answers:
            try:
                encoded = cv2.imencode(".png", develop(str(files[0]), values))[1].tobytes()
            except (KeyError, ValueError, cv2.error) as error:
                return self._answer(422, f"cannot render this: {error!r}".encode())
            self.answers[identity] = encoded
            while len(self.answers) > KEPT_ANSWERS:
                self.answers.popitem(last=False)
        return self._answer(200, self.answers[identity])

    def _body(self) -> bytes:
        length = min(LARGEST_SCENE, int(self.headers.get("Content-Length", "0")))
        return self.rfile.read(length)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve on this machine only, until Ctrl-C."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=8765)
    port = parser.parse_args().port
    with tempfile.TemporaryDirectory() as folder, HTTPServer(("127.0.0.1", port), Board) as server:
        Board.folder = Path(folder)
        print(f"http://127.0.0.1:{server.server_port}/render", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
