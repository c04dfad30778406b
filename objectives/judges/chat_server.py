"""A server that answers chats over HTTP as OpenAI's does: vLLM, llama.cpp, Ollama and hosted ones.

A request that gets no answer is sent again after a while; every one that is sent counts towards a budget. The key
comes from an environment variable, is read anew for each request, and is kept nowhere. Redirects are not followed: a
key would go along to a host that nobody named.
"""

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

from isptune.errors import ConfigError, ScoreError, one_line
from isptune.system.http import Address, Answer, NoAnswer, exchange, hang_up, insistently
from isptune.system.records import parse_json

DEFAULT_KEY = "OPENAI_API_KEY"
"""The environment variable that holds the key, as most clients of such servers have it."""

BASE_URL = "OPENAI_BASE_URL"
"""The environment variable that names the server of that key."""

WORTH_ANOTHER_TRY = (408, 409, 425, 429, 500, 502, 503, 504)
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
"""Before the second attempt; it doubles from one to the next, and a server may ask for more (Retry-After)."""

MOST_BYTES = 1 << 24
"""Of an answer: some tokens with their alternatives are thousands."""

_CHAT = "/chat/completions"


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
        self._server = Address(parts.scheme == "https", str(parts.hostname), parts.port)
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
        if key_name is None and self._key() and not self._server.secure and not _is_here(self._server.host):
            raise ConfigError(
                f"{self.name}: the key in {DEFAULT_KEY} would cross the network in the clear; give an address with "
                f"https://, or key={DEFAULT_KEY} if it is to be sent, or key=none"
            )
        self.used = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    @property
    def key_at_risk(self) -> str:
        """Which key goes along, and where to; empty where there is none, or the user named this server for it.

        So does whoever sets `BASE_URL`, as clients of such servers read it; `DEFAULT_KEY` is OpenAI's, who know it.
        """
        home = self.key_name == DEFAULT_KEY and self.name in _servers_of_the_key()
        return f"the key in {self.key_name} to {self.name}" if self._key() and not home else ""

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
            hang_up(one)

    def _ask(
        self, method: str, path: str, body: bytes | None, given_up: threading.Event, *, counted: bool
    ) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            if given_up.is_set():
                raise NoAnswer("given up")
            if counted:
                self._count()
            return self._ask_once(method, self.path + path, body, given_up)

        waits_s = FIRST_WAIT_S, LONGEST_WAIT_S
        try:
            return insistently(ask, self.patience.retries + 1, waits_s, given_up.wait)
        except NoAnswer as error:
            raise ScoreError(f"{self.name} {error}") from error

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
        answer = self._exchange((method, path, body, headers), given_up)
        if answer.status in WORTH_ANOTHER_TRY:
            raise NoAnswer(f"it answered {answer.status}{answer.words(key)}", answer.retry_after_s)
        if answer.status != 200:
            self._refused(answer, key)
        try:
            decoded = parse_json(answer.body, "answer")
        except ConfigError as error:
            raise NoAnswer(f"what it sent is no JSON{answer.words(key)}") from error
        if not isinstance(decoded, dict):
            raise NoAnswer(f"it sent JSON that is no object{answer.words(key)}")
        return decoded

    def _exchange(
        self, request: tuple[str, str, bytes | None, Mapping[str, str]], given_up: threading.Event
    ) -> Answer:
        own: list[socket.socket] = []

        def connected(one: socket.socket) -> None:
            own.append(one)
            with self._lock:
                self._open.add(one)
            if given_up.is_set():  # perhaps just before it could be hung up
                raise NoAnswer("given up")

        try:
            answer = exchange(self._server, request, self.patience.timeout_s, MOST_BYTES, connected)
        finally:
            with self._lock:
                self._open.difference_update(own)
        if len(answer.body) > MOST_BYTES:
            raise ScoreError(f"{self.name} sent more than {MOST_BYTES >> 20} MiB")
        return answer

    def _refused(self, answer: Answer, key: str) -> NoReturn:
        status = answer.status
        if status in (401, 403):  # what it says about a key may hold the key, or a part of it
            held = f"the key in {self.key_name}" if key else f"a request without a key ({self._no_key()})"
            raise ConfigError(f"{self.name} answered {status}: it does not accept {held}")
        if 300 <= status < 400:
            target = urlsplit(answer.fields.get("location", ""))
            where = f"{target.scheme}://{target.hostname}" if target.hostname else "another address"
            raise ConfigError(
                f"{self.name} answered {status} and sends on to {one_line(where)}; give the address that it is to be: "
                "redirects are not followed, since the key would go along"
            )
        said = f"{self.name} answered {status}{answer.words(key)}"
        raise ConfigError(said) if status == 404 else ScoreError(said)

    def _no_key(self) -> str:
        return f"{self.key_name} is not set" if self.key_name else "key=none was given"


def _servers_of_the_key() -> list[str]:
    named = urlsplit(os.environ.get(BASE_URL, "").strip())
    return ["https://api.openai.com", f"{named.scheme}://{named.netloc}"]


def _split(url: str) -> Any:
    # None of these is repeated in the message, not even by who reads the port: each may hold a secret.
    if any(mark in url for mark in "@?#"):
        raise ConfigError(
            "the address of a server must have no user, password or query: it is kept with the run"
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"the address of the server cannot be read: {error}") from error
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
