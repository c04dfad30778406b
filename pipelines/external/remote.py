"""An ISP behind HTTP as a pipeline, hardware in the loop for one: `remote:board.toml`.

The TOML file has `url = "http://board:8000/render"` and says what may be tuned (`pipelines.external.description`). For
each candidate the server gets

    POST /render
    Idempotency-Key: ID
    {"id": ID, "scene": {"name": "cat", "sha256": HASH}, "params": {"denoise.strength": 0.5}, "seed": 7}

and answers 200 with the picture (sRGB; PNG, TIFF or JPEG), or with any other status and one line of text, which costs
the trial. Where parameters are written to files (`pipelines.external.write`), the request also has `"files"`:
by name each file with the values in it, as base64. A server that needs the scene's file and does not have it answers
409: it gets the file by `PUT /render/scenes/HASH` (a DNG of a raw capture, a PNG of 16 bits of a photograph,
`file:PATH` as it is), and the same request again. A server with scenes of its own may go by the name.

Where no answer comes, or 408, 429, 502, 503 or 504, the request is sent again with the same ID after a while: a
server that remembers the last few answers by their ID need not do the work twice.

A server is taken to draw noise by the seed, so that what is found is confirmed over several. One whose picture depends
on scene and values alone says `uses_seed = false` in the TOML file: no picture is asked for twice.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final
from urllib.parse import urlsplit
from uuid import uuid4

from isptune.arrays import Images, Params
from isptune.deeds import Deed
from isptune.errors import ConfigError, RenderError, one_line
from isptune.facts import EditedFile, FileSet, PipelineFacts
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.system.http import Address, Answer, NoAnswer, exchange, insistently
from isptune.system.program import call_folder
from pipelines.external.description import Description, files_taken, read_settings
from pipelines.external.exported_files import ExportedFiles
from pipelines.external.scene_files import (
    SceneFiles,
    candidates_of,
    read_result,
    sha256_of,
    stack,
)
from pipelines.external.settings import RemoteSettings, described_board

SCENE_IS_UNKNOWN = 409
WORTH_ANOTHER_TRY = (408, 429, 502, 503, 504)
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 30.0
"""Before the second attempt; it doubles from one to the next, and a server may ask for more (Retry-After)."""


@final
class Remote:
    """Pipeline, and all that has to do with parameter files: one request for each image of a batch."""

    def __init__(self, description: Description[RemoteSettings]):
        self.space = description.space
        self.settings = description.settings
        self.files = ExportedFiles(description)
        versions = {description.path.name: description.sha256, **self.files.versions}
        self.facts = PipelineFacts(
            max_batch=1,
            uses_seed=self.settings.uses_seed,
            versions=versions,
            file_formats=self.files.formats,
            left_out=self.files.left_out,
            suffixes=self.files.suffixes,
            plain=description.plain,
        )
        self._server = _Server(str(description.path), self.settings)
        self._scenes = SceneFiles()
        self._hashes: dict[Path, str] = {}

    def render(self, scene: Scene, params: Params, seed: int) -> Images:
        """Ask the server for the picture of each candidate of the batch. Raises RenderError."""
        return stack(
            [self._render(scene, values, seed) for values in candidates_of(params, self.space)], scene
        )

    def parameter_file(self, file_format: str, candidate: Candidate, template: bytes | None) -> bytes:
        """A file of the ISP with a candidate's values in it. Raises ConfigError."""
        return self.files.exported(file_format, candidate, {}, template).data

    def edited_file(
        self, file_format: str, candidate: Candidate, start: Candidate, template: bytes | None
    ) -> EditedFile:
        """A file of the ISP with what a candidate changes of the start. Raises ConfigError."""
        return self.files.exported(file_format, candidate, start, template)

    def file_of_series(
        self,
        file_format: str,
        number: float,
        at: Callable[[float], Candidate],
        start: Candidate,
        template: bytes | None,
    ) -> EditedFile:
        """The same for one ISO of a series, of which lists by ISO hold all. Raises ConfigError."""
        return self.files.exported(file_format, at(number), start, template, at)

    def set_of_file(self, data: bytes, path: Path) -> FileSet:
        """Where the parameters stand in a file of the user's own, which stands in for one of the ISP's."""
        return self.files.set_of_file(data, path)

    def _render(self, scene: Scene, values: Candidate, seed: int) -> Images:
        file = self._scenes.path(scene)
        if file not in self._hashes:
            self._hashes[file] = sha256_of(file)
        digest = self._hashes[file]
        identity = str(uuid4())
        asked = {
            "id": identity, "scene": {"name": scene.name, "sha256": digest},
            "params": self.space.existing(values), "seed": seed,
        }  # fmt: skip
        files = self.files.in_base64(values)
        body = json.dumps({**asked, "files": files} if files else asked).encode()
        answer = self._server.ask("POST", "", body, "application/json", identity)
        if answer.status == SCENE_IS_UNKNOWN:
            self._server.ask(
                "PUT", f"/scenes/{digest}", file.read_bytes(), "application/octet-stream", digest
            )
            answer = self._server.ask("POST", "", body, "application/json", identity)
        if answer.status != 200:
            raise RenderError(f"{self._server.name} answered {answer.status}{answer.words()}")
        tiff = answer.body[:4] in (b"II*\0", b"MM\0*")
        with call_folder() as folder:
            picture = folder / ("answer.tif" if tiff else "answer")
            try:
                picture.write_bytes(answer.body)
            except OSError as error:
                raise RenderError(f"the answer cannot be written: {error.strerror}") from error
            return read_result(picture, "", scene, self._scenes, self.settings.size)


@final
class _Server:
    """Sends requests, again and again if need be."""

    def __init__(self, file: str, settings: RemoteSettings):
        url = settings.url
        if not url:
            raise ConfigError(f'{file}: has no url = "http://HOST:PORT/PATH"')
        if "@" in url:  # it is not repeated: it may hold a secret
            raise ConfigError(
                f"{file}: url must have no user and no password: it is told in messages and reports"
            )
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"{file}: url = {url!r}: {error}") from error
        plain = parts.hostname and not (parts.query or parts.fragment)
        if parts.scheme not in ("http", "https") or not plain:
            raise ConfigError(f"{file}: url = {url!r} is not http://HOST:PORT/PATH or https://HOST:PORT/PATH")
        self.address = Address(parts.scheme == "https", str(parts.hostname), port)
        self.path = parts.path.rstrip("/")
        self.name = f"{parts.scheme}://{parts.netloc}"
        self.timeout_s = settings.timeout_s
        self.attempts = settings.retries + 1
        self.max_bytes = round(settings.max_picture_mb * 1e6)

    def ask(self, method: str, path: str, body: bytes, kind: str, identity: str) -> Answer:
        """Send one request, each time under the same identity. Raises RenderError if there is no answer in the end."""
        headers = {"Content-Type": kind, "Idempotency-Key": identity, "Connection": "close"}
        target = (self.path + path) or "/"
        waits_s = FIRST_WAIT_S, LONGEST_WAIT_S
        try:
            return insistently(lambda: self._ask_once(method, target, body, headers), self.attempts, waits_s)
        except NoAnswer as error:
            raise RenderError(f"{self.name} {error}") from error

    def _ask_once(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        answer = exchange(self.address, (method, path, body, headers), self.timeout_s, self.max_bytes)
        if len(answer.body) > self.max_bytes:
            raise RenderError(f"{self.name} sent more than {self.max_bytes / 1e6:g} MB")
        if answer.status in WORTH_ANOTHER_TRY:
            raise NoAnswer(f"it answered {answer.status}{answer.words()}", answer.retry_after_s)
        return answer


def build(argument: str | None, **options: Any) -> Remote:
    """`remote:FILE.toml`: an ISP behind HTTP; options win over the file's settings.

    Args:
        argument: path of the TOML file.
        options: `url`, `timeout_s` of each attempt, `retries`, `uses_seed`, `max_picture_mb`, `size`, `base`.

    Raises:
        ConfigError: no file is named, or the file or an option is wrong.
    """
    return Remote(described_board(argument, options))


def deeds(argument: str | None, options: Mapping[str, Any]) -> list[Deed]:
    """The server that scenes are sent to, and the files that go along."""
    file = argument or ""
    try:
        settings = read_settings(file, RemoteSettings, options)
    except ConfigError:
        return [Deed(f"send scenes to the server that {one_line(file)} names")]
    return [Deed(f"send scenes to {one_line(settings.url)}"), *files_taken(settings.base, Path(file))]
