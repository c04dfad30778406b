"""How long a server waits for a request, how many connections an address may hold, and what it writes down."""

import asyncio
import logging
import re
from typing import Any, Final, final

from uvicorn.protocols.http import h11_impl

HEAD_TIMEOUT_S = 10.0
"""From the connection, or the first byte of a further request, to the end of its head."""

MOST_OF_AN_ADDRESS = 256
"""Connections: a browser has six, and a room full of observers may share one address."""

_LINK = re.compile(r"[A-Za-z0-9_-]{32,}")


@final
class PatientProtocol(h11_impl.H11Protocol):
    """HTTP as uvicorn speaks it, to clients that may never finish what they begin.

    A request whose head does not end in time is dropped. Where an address holds too many connections, that one of them
    goes that has waited longest without a request, so that others behind the same address are not locked out.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._since = self.loop.time()
        self._late: asyncio.TimerHandle | None = None
        self._wait_for_head()
        mine = [one for one in self.connections if self._same_address(one)]
        if len(mine) > MOST_OF_AN_ADDRESS:
            waiting = [one for one in mine if isinstance(one, PatientProtocol) and one.is_waiting]
            oldest = min(waiting, key=lambda one: one._since, default=self)
            oldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # uvicorn brings h11, and has it under this name.
        if self.conn.their_state is not h11_impl.h11.IDLE:  # pyright: ignore[reportPrivateImportUsage]
            self._stop_waiting()
        elif self._late is None:
            self._wait_for_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def is_waiting(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def _same_address(self, other: Any) -> bool:
        return bool(self.client) and bool(other.client) and other.client[0] == self.client[0]

    def _wait_for_head(self) -> None:
        self._late = self.loop.call_later(HEAD_TIMEOUT_S, self._drop)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _drop(self) -> None:
        self._late = None
        if self.is_waiting:
            self.transport.abort()


@final
class WithoutLinks(logging.Formatter):
    """Lines in which whatever could be a secret link is left out, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return _LINK.sub("[link]", super().format(record))


LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": WithoutLinks, "format": "%(levelname)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {"uvicorn": {"handlers": ["stderr"], "propagate": False}},
}
"""Of uvicorn: warnings and errors, on standard error."""
