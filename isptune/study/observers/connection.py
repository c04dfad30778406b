"""One connection to a study's server, kept open as a browser keeps it: for observers that are simulated."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, final
from urllib.parse import urlsplit

from isptune.errors import ConfigError, StudyError
from isptune.system.records import convert, parse_json

PAUSES_S = (0.3, 0.7, 1.5, 3.0, 5.0)
"""Before a request that got no answer is sent again, unchanged, as the page does: a vote that comes twice is one."""

LARGEST_HEAD = 65536


@final
class Connection:
    """Sends requests one after another; connects when it must. Close it with `close`.

    Args:
        root: http://HOST:PORT or https://HOST:PORT of the server.
    """

    def __init__(self, root: str):
        parts = urlsplit(root)
        try:
            port = parts.port
        except ValueError as error:
            raise ConfigError("the server's address has no port that can be read") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{root!r} is no address of a server; one is http://127.0.0.1:8000")
        self._root, self._host, self._tls = (
            f"{parts.scheme}://{parts.netloc}",
            parts.netloc,
            parts.scheme == "https",
        )
        self._place = (parts.hostname, port or (443 if self._tls else 80))
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, path: str) -> dict[str, Any]:
        """The object at a path. Raises StudyError if the server refuses or is not there."""
        return self._object(path, await self.send("GET", path))

    async def post(self, path: str, values: dict[str, Any]) -> dict[str, Any]:
        """What the server says to these values. Raises StudyError if it refuses or is not there."""
        return self._object(path, await self.send("POST", path, json.dumps(values).encode()))

    async def send(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The content of the answer to a request; sent again where none comes.

        Raises:
            StudyError: the server refuses, or gave no answer to any of the attempts.
        """
        head = f"{method} {path} HTTP/1.1\r\nhost: {self._host}\r\n"
        if body:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        status, content = await self._answer(head.encode() + b"\r\n" + body)
        if status != 200:
            raise StudyError(f"{self._root}: refused: {_reason(status, content)}")
        return content

    async def _answer(self, request: bytes) -> tuple[int, bytes]:
        pauses_s = iter(PAUSES_S)
        while True:
            try:
                return await self._exchange(request)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.close()
                pause_s = next(pauses_s, None)
                if pause_s is None:
                    reason = getattr(error, "strerror", None) or "the connection was closed"
                    raise StudyError(f"{self._root}: no answer: {reason}") from error
                await asyncio.sleep(pause_s)

    def close(self) -> None:
        """Close the connection; a later request opens a new one."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                *self._place, ssl=self._tls or None, limit=LARGEST_HEAD
            )
        self._writer.write(request)
        try:
            status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {
                name.strip().lower(): value for name, _, value in (line.partition(":") for line in lines)
            }
            return int(status.split()[1]), await self._reader.readexactly(int(fields["content-length"]))
        except (KeyError, ValueError, IndexError, asyncio.LimitOverrunError) as error:
            self.close()
            raise StudyError(f"{self._root}: does not answer like the server of a study") from error

    def _object(self, path: str, content: bytes) -> dict[str, Any]:
        try:
            return convert(parse_json(content, path, StudyError), dict[str, Any], path, StudyError)
        except StudyError as error:
            raise StudyError(
                f"{self._root}: what came is no JSON object; is it the server of a study? ({error})"
            ) from error


@dataclass(frozen=True)
class _Refused:
    error: str


def _reason(status: int, content: bytes) -> str:
    try:
        return convert(parse_json(content, "answer"), _Refused, "answer").error[:200]
    except ConfigError:
        return f"status {status}"
