"""What every request to a study's server must pass and every answer carries: limits, types, headers."""

import asyncio
import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from isptune.errors import ConfigError, StudyClosed, StudyError, UnknownObserver, VoteRefused
from isptune.system.records import parse_json

LARGEST_BODY = 4096
"""Bytes; a vote takes about 150."""

BODY_TIMEOUT_S = 10.0

HEADERS = {
    # Nothing is loaded from elsewhere and nothing inline runs: a name that holds markup stays text.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # Links are secrets: they stay out of referrers, caches and the pictures that other sites embed.
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "x-robots-tag": "noindex, nofollow",
}


class BadRequest(Exception):
    """A request that no page of ours sends; `status` is its HTTP status."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


@final
class StrictHeaders:
    """Puts HEADERS on every answer, errors included."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        await self.app(scope, receive, guarded)


@dataclass(frozen=True)
class Hosts:
    """By which names a server is known.

    Attributes:
        names: besides localhost.
        anywhere: whether others than this machine connect, by whatever address it has.
    """

    names: Collection[str] = ()
    anywhere: bool = False


@final
class KnownHosts:
    """Answers only requests that name this server: a page elsewhere may make its own name point here (DNS rebinding).

    An address cannot be made to point elsewhere: those of loopback are known always, and any where others may connect.

    Args:
        hosts: the names.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts):
        self.app, self.anywhere = app, hosts.anywhere
        self.names = {"localhost", *(name.lower().rstrip(".") for name in hosts.names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_known(Headers(scope=scope).get("host", "")):
            await PlainTextResponse("this server has another name\n", 400)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_known(self, host: str) -> bool:
        name = re.sub(r":\d*$", "", host).strip("[]").lower().rstrip(".")
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name in self.names
        return self.anywhere or address.is_loopback


async def json_body(request: Request) -> dict[str, Any]:
    """The object that a request carries.

    Raises:
        BadRequest: it is larger than LARGEST_BODY, takes longer than BODY_TIMEOUT_S, or is no JSON object.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BadRequest(415, "the body must be application/json")
    body = b""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise BadRequest(413, f"the body has more than {LARGEST_BODY} bytes")
    except TimeoutError as error:
        raise BadRequest(408, f"the body took longer than {BODY_TIMEOUT_S:.0f} s") from error
    try:
        values = parse_json(body, "the body", ConfigError)
    except ConfigError as error:
        raise BadRequest(400, str(error)) from error
    if not isinstance(values, dict):
        raise BadRequest(400, "the body is not a JSON object")
    return values


def whole_number(values: dict[str, Any], key: str) -> int:
    """A whole number of a body. Raises BadRequest."""
    value = values.get(key)
    if type(value) is not int or abs(value) > 2**53:
        raise BadRequest(400, f"{key} must be a whole number")
    return value


def text(values: dict[str, Any], key: str, longest: int) -> str:
    """A text of a body, of at most `longest` characters. Raises BadRequest."""
    value = values.get(key)
    if not isinstance(value, str) or len(value) > longest:
        raise BadRequest(400, f"{key} must be a text of at most {longest} characters")
    return value


async def refused(_: Request, error: Exception) -> Response:
    """The answer to a request that was refused: one line that the page can show, and a fitting status."""
    return JSONResponse({"error": str(error)}, status_code=_status(error))


def _status(error: Exception) -> int:
    if isinstance(error, BadRequest):
        return error.status
    if isinstance(error, UnknownObserver):
        return 404
    if isinstance(error, StudyClosed):
        return 410
    if isinstance(error, VoteRefused):
        return 409
    return 503  # the disk refused: the page tries again


REFUSALS: dict[Any, Any] = dict.fromkeys((BadRequest, StudyError), refused)
"""Exception handlers of the application; Starlette finds a subclass by its parents."""
