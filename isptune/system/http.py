"""One exchange over HTTP that ends in time: for those who ask a server again where no answer came."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from isptune.errors import in_words, one_line

Result = TypeVar("Result")

LAST_WORDS = 300
"""How many characters of what a server said an error message holds."""


class NoAnswer(Exception):
    """The connection failed, or the server asked for patience; another attempt may succeed.

    Attributes:
        wait_s: how long the server wants to be left alone; 0 where it did not say.
    """

    def __init__(self, reason: str, wait_s: float = 0.0):
        self.wait_s = wait_s
        super().__init__(reason)


@dataclass(frozen=True)
class Address:
    """Where a server is; port None is the usual one."""

    secure: bool
    host: str
    port: int | None


@dataclass(frozen=True)
class Answer:
    """What a server sent; names of fields are in small letters."""

    status: int
    body: bytes
    fields: Mapping[str, str]

    @property
    def retry_after_s(self) -> float:
        """The seconds of Retry-After; 0 without it, and for a date."""
        after = self.fields.get("retry-after", "")
        return float(after) if after.isascii() and after.isdigit() else 0.0

    def words(self, secret: str = "") -> str:
        """What it says, for the end of a message: on one line, not too long, and without the secret."""
        text = " ".join(self.body[: 1 << 16].decode(errors="replace").split())
        text = text.replace(secret, "[key]") if secret else text
        return f": {one_line(text)[:LAST_WORDS]}" if text else " and said nothing"


def insistently(
    ask: Callable[[], Result],
    attempts: int,
    waits_s: tuple[float, float],
    pause: Callable[[float], bool | None] = time.sleep,
) -> Result:
    """Ask until there is an answer.

    Args:
        ask: asks once.
        attempts: how often, at most.
        waits_s: before the second attempt, which doubles from one to the next unless the server asks for more; and the
            longest.
        pause: waits for so many seconds; true where nothing is to be asked any more.

    Raises:
        NoAnswer: there was none in the end; says why the last attempt had none.
    """
    first_s, longest_s = waits_s
    wait_s, reason = 0.0, ""
    for attempt in range(attempts):
        if attempt and pause(wait_s):
            break
        try:
            return ask()
        except NoAnswer as error:
            reason = str(error)
            wait_s = min(longest_s, max(first_s * 2**attempt, error.wait_s))
    times = f"{attempts} attempts" if attempts > 1 else "one attempt"
    raise NoAnswer(f"gave no answer in {times}: {reason}")


def exchange(
    address: Address,
    request: tuple[str, str, bytes | None, Mapping[str, str]],
    timeout_s: float,
    most_bytes: int,
    on_connect: Callable[[socket.socket], None] = lambda connected: None,
) -> Answer:
    """Send a request over a connection of its own, and read the whole answer.

    Args:
        address: of the server.
        request: method, path, body and fields, as `http.client` takes them.
        timeout_s: from the connection to the last byte.
        most_bytes: of the answer's body; of a longer one, one byte more than that comes back.
        on_connect: gets the socket once it is connected; whoever shuts it down ends the exchange.

    Raises:
        NoAnswer: the connection failed, broke off, or took longer than `timeout_s`.
    """
    kind = http.client.HTTPSConnection if address.secure else http.client.HTTPConnection
    connection = kind(address.host, address.port, timeout=timeout_s)
    expired, watch = threading.Event(), None
    late = f"longer than {timeout_s:g} s"
    try:
        connection.connect()
        connected = connection.sock  # which the connection forgets once an answer begins
        on_connect(connected)
        # A time-out of the socket is for one piece; a server that sends byte after byte would never meet it.
        watch = threading.Timer(timeout_s, _cut, (connected, expired))
        watch.daemon = True
        watch.start()
        method, path, body, fields = request
        connection.request(method, path, body, dict(fields))
        with connection.getresponse() as response:
            content = response.read(most_bytes + 1)
            if response.length and len(content) <= most_bytes:
                raise http.client.IncompleteRead(content, response.length)
            answer = Answer(response.status, content, {k.lower(): v for k, v in response.getheaders()})
    except (OSError, http.client.HTTPException) as error:
        reason = late if expired.is_set() or isinstance(error, TimeoutError) else in_words(error)
        raise NoAnswer(reason) from error
    finally:
        if watch is not None:
            watch.cancel()
        connection.close()
    if expired.is_set():
        raise NoAnswer(late)
    return answer


def hang_up(connected: socket.socket) -> None:
    """End the exchange that goes over this socket."""
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _cut(connected: socket.socket, expired: threading.Event) -> None:
    expired.set()
    hang_up(connected)
