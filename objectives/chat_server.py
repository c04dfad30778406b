"""A server that answers chats over HTTP as OpenAI's does: vLLM, llama.cpp, Ollama and hosted ones.

A request that gets no answer is sent again after a while; every one that is sent counts towards a budget. The key
comes from an environment variable, is read anew for each request, and is kept nowhere. Redirects are not followed: a
key would go along to a host that nobody named.
"""

import http.client
import ipaddress
import json
import os
import re
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, final
from urllib.parse import urlsplit

from isptune.errors import ConfigError, ScoreError, in_words, one_line

DEFAULT_KEY = "OPENAI_API_KEY"
"""The environment variable that holds the key, as most clients of such servers have it."""

WORTH_ANOTHER_TRY = (408, 409, 425, 429, 500, 502, 503, 504)
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
"""Before the second attempt; it doubles from one to the next, and a server may ask for more (Retry-After)."""

MOST_BYTES = 1 << 24
"""Of an answer: some tokens with their alternatives are thousands."""

_LAST_WORDS = 300
_CHAT = "/chat/completions"


class _NoAnswer(Exception):
    """The connection failed, or the server asked for patience; another attempt may succeed."""

    def __init__(self, reason: str, wait_s: float = 0.0):
        self.wait_s = wait_s
        super().__init__(reason)


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for, and how often it is asked.

    Attributes:
        timeout_s: for one attempt, from the connection to the last byte.
        retries: attempts after the first one.
        budget: of attempts altogether.
    """

    timeout_s: float = 120.0
    retries: int = 4
    budget: int = 1000


@final
class ChatServer:
    """Sends chats, again and again if need be, from any thread.

    Attributes:
        name: its address without its path, for messages.
        address: with its path, up to where `/chat/completions` begins.
        used: how many requests have been sent.
    """

    def __init__(self, url: str, key_name: str | None = None, patience: Patience | None = None):
        """Check the address; nothing is sent yet.

        Args:
            url: `http://HOST:PORT/v1` or `https://...`, with or without `/chat/completions`.
            key_name: the environment variable with the key; "" for none; None for `DEFAULT_KEY`.
            patience: time-outs, retries and budget.

        Raises:
            ConfigError: the address or the name cannot be used, or the key of the default variable would cross a
                network in the clear.
        """
        parts = _split(url)
        self.secure, self.host, self.port = parts.scheme == "https", str(parts.hostname), parts.port
        self.path = parts.path.rstrip("/").removesuffix(_CHAT)
        self.name = f"{parts.scheme}://{parts.netloc}"
        self.address = self.name + self.path
        self.patience = patience or Patience()
        self.key_name = DEFAULT_KEY if key_name is None else key_name
        if self.key_name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.key_name):
            raise ConfigError(
                "key= takes the NAME of the environment variable that holds the key, not the key itself"
            )
        if key_name and not self._key():
            raise ConfigError("key= names an environment variable that is not set")
        if key_name is None and self._key() and not self.secure and not _is_here(self.host):
            raise ConfigError(
                f"{self.name}: the key in {DEFAULT_KEY} would cross the network in the clear; give an address with "
                f"https://, or key={DEFAULT_KEY} if it is to be sent, or key=none"
            )
        self.used = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket | None] = set()

    def models(self) -> list[str]:
        """The names of the models that it serves; not counted. Raises ScoreError, or ConfigError as `complete`."""
        answer = self._ask("GET", "/models", None, threading.Event(), counted=False)
        rows = answer.get("data")
        names = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return [name for name in names if isinstance(name, str)]

    def complete(self, chat: Mapping[str, Any], given_up: threading.Event | None = None) -> dict[str, Any]:
        """The answer to a chat, as decoded JSON.

        Args:
            chat: the request's fields.
            given_up: set by another thread to end all waiting.

        Raises:
            ConfigError: the key, the address or the model's name is not accepted; no other request will be either.
            ScoreError: no answer in the end, or the request is refused, or the budget is spent.
        """
        body = json.dumps(chat).encode()
        return self._ask("POST", _CHAT, body, given_up or threading.Event(), counted=True)

    def hang_up(self) -> None:
        """End the requests that are under way in other threads; they count as without an answer."""
        with self._lock:
            connected = list(self._open)
        for one in connected:
            if one is not None:
                _shut(one)

    def _ask(
        self, method: str, path: str, body: bytes | None, given_up: threading.Event, *, counted: bool
    ) -> dict[str, Any]:
        wait_s, reason = 0.0, ""
        for attempt in range(self.patience.retries + 1):
            if given_up.is_set() or (attempt and given_up.wait(wait_s)):
                break
            if counted:
                self._count()
            try:
                return self._ask_once(method, self.path + path, body, given_up)
            except _NoAnswer as error:
                reason = str(error)
                wait_s = min(LONGEST_WAIT_S, max(FIRST_WAIT_S * 2**attempt, error.wait_s))
        attempts = self.patience.retries + 1
        times = f"{attempts} attempts" if attempts > 1 else "one attempt"
        raise ScoreError(f"{self.name} gave no answer in {times}: {reason}")

    def _count(self) -> None:
        with self._lock:
            if self.used >= self.patience.budget:
                raise ScoreError(
                    f"{self.name}: the budget of requests is spent: {self.used} of {self.patience.budget} were sent; "
                    f"a larger one is given by budget=N"
                )
            self.used += 1

    def _key(self) -> str:
        key = os.environ.get(self.key_name, "").strip() if self.key_name else ""
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(
                f"the key in the environment variable {self.key_name} has characters that no key has"
            )
        return key

    def _ask_once(
        self, method: str, path: str, body: bytes | None, given_up: threading.Event
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        key = self._key()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        status, answer, fields = self._exchange(method, path, body, headers, given_up)
        if status in WORTH_ANOTHER_TRY:
            after = fields.get("retry-after", "")
            wait_s = float(after) if after.isascii() and after.isdigit() else 0.0
            raise _NoAnswer(f"it answered {status}{_words(answer, key)}", wait_s)
        if status != 200:
            self._refused(status, answer, fields.get("location", ""), key)
        try:
            decoded = json.loads(answer)
        except ValueError as error:
            raise _NoAnswer(f"what it sent is no JSON{_words(answer, key)}") from error
        if not isinstance(decoded, dict):
            raise _NoAnswer(f"it sent JSON that is no object{_words(answer, key)}")
        return decoded

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        given_up: threading.Event,
    ) -> tuple[int, bytes, dict[str, str]]:
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=self.patience.timeout_s)
        expired, watch, connected = threading.Event(), None, None
        late = f"longer than {self.patience.timeout_s:g} s"
        try:
            connection.connect()
            connected = connection.sock  # which the connection forgets once an answer begins
            with self._lock:
                self._open.add(connected)
            if given_up.is_set():  # perhaps just before it could be hung up
                raise _NoAnswer("given up")
            # A time-out of the socket is for one piece; a server that sends byte after byte would never meet it.
            watch = threading.Timer(self.patience.timeout_s, _cut, (connected, expired))
            watch.daemon = True
            watch.start()
            connection.request(method, path, body, dict(headers))
            with connection.getresponse() as response:
                answer = response.read(MOST_BYTES + 1)
                if response.length and len(answer) <= MOST_BYTES:
                    raise http.client.IncompleteRead(answer, response.length)
                status, fields = response.status, {k.lower(): v for k, v in response.getheaders()}
        except (OSError, http.client.HTTPException) as error:
            reason = late if expired.is_set() or isinstance(error, TimeoutError) else in_words(error)
            raise _NoAnswer(reason) from error
        finally:
            if watch is not None:
                watch.cancel()
            with self._lock:
                self._open.discard(connected)
            connection.close()
        if expired.is_set():
            raise _NoAnswer(late)
        if len(answer) > MOST_BYTES:
            raise ScoreError(f"{self.name} sent more than {MOST_BYTES >> 20} MiB")
        return status, answer, fields

    def _refused(self, status: int, answer: bytes, location: str, key: str) -> NoReturn:
        if status in (401, 403):  # what it says about a key may hold the key, or a part of it
            held = f"the key in {self.key_name}" if key else f"a request without a key ({self._no_key()})"
            raise ConfigError(f"{self.name} answered {status}: it does not accept {held}")
        if 300 <= status < 400:
            target = urlsplit(location)
            where = f"{target.scheme}://{target.hostname}" if target.hostname else "another address"
            raise ConfigError(
                f"{self.name} answered {status} and sends on to {one_line(where)}; give the address that it is to be: "
                "redirects are not followed, since the key would go along"
            )
        said = f"{self.name} answered {status}{_words(answer, key)}"
        raise ConfigError(said) if status == 404 else ScoreError(said)

    def _no_key(self) -> str:
        return f"{self.key_name} is not set" if self.key_name else "key=none was given"


def _split(url: str) -> Any:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"the address of the server cannot be read: {error}") from error
    # Neither is repeated in the message: both may hold a secret.
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "the address of a server must have no user, password or query: it is kept with the run"
        )
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise ConfigError(
            f"{one_line(url)!r} is no address of a server: http://HOST:PORT/v1 or https://HOST/v1"
        )
    return parts


def _is_here(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _cut(connected: socket.socket, expired: threading.Event) -> None:
    expired.set()
    _shut(connected)


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _words(body: bytes, key: str) -> str:
    """What a server said, on one line and not too long; the key, if it is in it, is left out."""
    text = " ".join(body[: 1 << 16].decode(errors="replace").split())
    text = text.replace(key, "[key]") if key else text
    return f": {one_line(text)[:_LAST_WORDS]}" if text else " and said nothing"
