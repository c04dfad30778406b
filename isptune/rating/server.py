"""The page on which pictures are rated: served on this machine only, behind an address that cannot be guessed."""

import secrets
import socket
import zlib
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from importlib.resources import files
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from isptune.errors import ConfigError, RunFolderError, StudyError
from isptune.rating.sitting import Sitting
from isptune.study.site.guard import (
    BadRequest,
    Hosts,
    KnownHosts,
    StrictHeaders,
    json_body,
    refused,
    whole_number,
)
from isptune.study.site.languages import translated
from isptune.study.site.patience import LOGGING, PatientProtocol
from isptune.study.site.server import owner_token
from isptune.study.site.viewing_answer import viewing_of
from isptune.study.votes.viewing import keep_viewing, read_viewing

HOST = "127.0.0.1"
LINK = "rating_link.txt"
"""The secret part of the address, in the sitting's folder; readable by its owner only."""

FIRST_PORT, PORTS = 49152, 16384
"""The dynamic ports, RFC 6335."""

LEVELS = 5
"""Scores on the page are 1 to this; a contact sheet takes any numbers."""

_FILES = {
    "rate.css": "text/css",
    "rate.js": "text/javascript",
    "rate.svg": "image/svg+xml",
}
_SHARED = {"words.js": "text/javascript", "viewing.js": "text/javascript", "viewing.css": "text/css"}
"""Of the page of a study."""

RATER = 1
"""Whose answers on the screen are kept: a sitting is one person's."""

Answer = Callable[[Request], Awaitable[Response]]


def application(sitting: Sitting, token: str, on_finish: Callable[[], None]) -> Starlette:
    """The site: everything lies under `/TOKEN/`, anything else is not there."""

    async def page(request: Request) -> Response:
        return HTMLResponse(
            translated("isptune.rating", "rate.html", request.headers.get("accept-language", ""))
        )

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name in _SHARED:
            return _file(name, "isptune.study.site")
        return _file(name) if name in _FILES else _nothing()

    async def state(request: Request) -> Response:
        return JSONResponse(_state(sitting))

    async def picture(request: Request) -> Response:
        number = request.path_params["number"]
        return FileResponse(sitting.picture(number)) if number in sitting.numbers else _nothing()

    async def rate(request: Request) -> Response:
        values = await json_body(request)
        number, score = whole_number(values, "picture"), whole_number(values, "score")
        if number not in sitting.numbers:
            raise BadRequest(404, f"there is no picture {number}")
        if not 1 <= score <= LEVELS:
            raise BadRequest(400, f"a score is 1 to {LEVELS}; got {score}")
        sitting.rate(number, score)
        return JSONResponse(_state(sitting))

    async def viewing(request: Request) -> Response:
        found = viewing_of(await json_body(request), RATER)
        if not read_viewing(sitting.folder):
            keep_viewing(sitting.folder, found)
        return JSONResponse(_state(sitting))

    async def finish(request: Request) -> Response:
        await json_body(request)
        if sitting.missing:
            raise BadRequest(409, f"{len(sitting.missing)} pictures have no score yet")
        sitting.finish()
        return JSONResponse({"written": str(sitting.target)}, background=BackgroundTask(on_finish))

    routes: list[tuple[str, Answer, str]] = [
        ("/", page, "GET"),
        ("/pictures", state, "GET"),
        ("/picture/{number:int}.png", picture, "GET"),
        ("/rate", rate, "POST"),
        ("/viewing", viewing, "POST"),
        ("/finish", finish, "POST"),
        ("/{name}", asset, "GET"),
    ]
    app = Starlette(
        routes=[
            Route("/{token}" + path, _behind(token, answer), methods=[method])
            for path, answer, method in routes
        ],
        # A page elsewhere that makes its own name point here is not answered.
        middleware=[
            Middleware(StrictHeaders),
            Middleware(KnownHosts, hosts=Hosts()),
        ],
        exception_handlers={
            BadRequest: refused,
            StudyError: refused,
            ConfigError: _conflict,
            RunFolderError: refused,
        },
    )
    app.router.redirect_slashes = False  # it would answer what lies outside of /TOKEN/
    return app


def serve(sitting: Sitting, port: int, say: Callable[[str], Any] = print) -> None:
    """Serve the page until the rating is finished or interrupted; `say` gets its address, which stays over restarts.

    Args:
        port: 0 for the one that the address had before, as far as it is free.

    Raises:
        StudyError: the secret part of the address cannot be kept in the sitting's folder.
        ConfigError: the port cannot be used.
    """
    token = owner_token(sitting.folder, LINK)
    server: uvicorn.Server

    def stop() -> None:
        server.should_exit = True

    with closing(_listening(port, token)) as listening:
        settings = uvicorn.Config(
            application(sitting, token, stop),
            log_level="warning",
            access_log=False,  # its lines would hold the address
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=2,
            limit_concurrency=64,
            h11_max_incomplete_event_size=16384,
            http=PatientProtocol,
            log_config=LOGGING,
            proxy_headers=False,
        )
        server = uvicorn.Server(settings)
        say(f"http://{HOST}:{listening.getsockname()[1]}/{token}/")
        server.run(sockets=[listening])


def _listening(port: int, token: str) -> socket.socket:
    """On this port; of 0 on one that follows from the token, or a free one where that is taken. Raises ConfigError."""
    if port == 0:
        with suppress(OSError):
            usual = FIRST_PORT + zlib.crc32(token.encode()) % PORTS
            return socket.create_server((HOST, usual), backlog=64)
    try:
        return socket.create_server((HOST, port), backlog=64)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ConfigError(f"port {port} cannot be used: {reason}; 0 takes a free one") from error


def _behind(token: str, answer: Answer) -> Answer:
    async def guarded(request: Request) -> Response:
        given = request.path_params["token"].encode()
        return await answer(request) if secrets.compare_digest(given, token.encode()) else _nothing()

    return guarded


def _state(sitting: Sitting) -> dict[str, Any]:
    """What the page shows: nothing that tells one picture from another but its number, size and own score."""
    return {
        "name": sitting.target.name,
        "levels": LEVELS,
        "ask_viewing": not sitting.scores and not read_viewing(sitting.folder),
        "pictures": [
            {"number": number, "width": width, "height": height, "score": sitting.scores.get(number)}
            for number, (width, height) in zip(sitting.numbers, sitting.sizes, strict=True)
        ],
    }


def _file(name: str, package: str = "isptune.rating") -> Response:
    content = files(package).joinpath("page", name).read_bytes()
    return Response(content, media_type=(_FILES | _SHARED)[name])


def _nothing() -> Response:
    return PlainTextResponse("nothing is here\n", 404)


async def _conflict(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=409)
