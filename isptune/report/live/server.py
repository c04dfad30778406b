"""The server of the live page: it reads folders of runs, writes nothing into them, and is as strict as that of a study.

Its link is a secret that is kept in the folder, so that it stays over restarts.
"""

import secrets
from collections.abc import Callable
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from isptune.errors import RunFolderError
from isptune.report.live.state import find_runs, picture_files, state_of
from isptune.runs.facts import read_bench
from isptune.runs.files import LOG, RECOMMENDED, TIMES
from isptune.study.site.guard import REFUSALS, Hosts, KnownHosts, StrictHeaders
from isptune.study.site.pages import ROUTES, nothing_here
from isptune.study.site.server import address, hosts_of, listen, owner_token, run_until_stopped
from isptune.study.site.work import Work

LINK = "watch_link.txt"
"""The secret part of the link, in the folder that is watched; readable by its owner only."""

_ASSETS = {
    "watch.css": "text/css",
    "watch.js": "text/javascript",
    "plot.js": "text/javascript",
    "plot.css": "text/css",
}
_ELSEWHERE = ("plot.js", "plot.css")
"""Files that the pages of reports have inside."""


@final
class LiveRoutes:
    """Routes below /w/TOKEN; whoever knows the token may look."""

    def __init__(self, root: Path, token: str):
        self.root, self.token, self.work = root, token, Work(1)
        self._known: dict[str, tuple[Any, dict[str, Any]]] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/w/{token}", self.page),
            Route("/w/{token}/runs", self.runs),
            Route("/w/{token}/state/{name:path}", self.state),
            Route("/w/{token}/picture/{picture}/{name:path}", self.picture),
            Route("/live/{file}", self.asset),
        ]

    async def page(self, request: Request) -> Response:
        return _file("watch.html", "text/html") if self._may(request) else await nothing_here(request)

    async def runs(self, request: Request) -> Response:
        """The names of all runs, and how far each is."""
        if not self._may(request):
            return await nothing_here(request)
        return JSONResponse(await self.work(self._all))

    async def state(self, request: Request) -> Response:
        folder = await self._folder(request)
        if folder is None:
            return await nothing_here(request)
        return JSONResponse(await self.work(self._state, request.path_params["name"], folder))

    async def picture(self, request: Request) -> Response:
        """`SCENE-SIDE-STAMP`: the number of a scene, `left`, `right` or `reference`, and what only a cache looks at."""
        folder = await self._folder(request)
        number, _, rest = request.path_params["picture"].partition("-")
        path = None
        if folder is not None and number.isascii() and number.isdigit() and len(number) < 7:
            path = await self.work(_picture, folder, int(number), rest.partition("-")[0])
        return FileResponse(path, media_type="image/png") if path else await nothing_here(request)

    async def asset(self, request: Request) -> Response:
        name = request.path_params["file"]
        return _file(name, _ASSETS[name]) if name in _ASSETS else await nothing_here(request)

    def _may(self, request: Request) -> bool:
        return secrets.compare_digest(request.path_params["token"].encode(), self.token.encode())

    async def _folder(self, request: Request) -> Path | None:
        """The run that is asked for, by a name that this server gave: names are looked up, never joined to a path."""
        if not self._may(request):
            return None
        return (await self.work(find_runs, self.root)).get(request.path_params["name"])

    def _all(self) -> list[dict[str, Any]]:
        keys = ("name", "phase", "title", "done", "asked", "time", "error")
        states = [self._state(name, folder) for name, folder in find_runs(self.root).items()]
        return [{key: state[key] for key in keys if key in state} for state in states]

    def _state(self, name: str, folder: Path) -> dict[str, Any]:
        """Read again only where something has changed; whether it runs, and the time left, change by themselves."""
        stamp = [_stamp(folder / file) for file in (LOG, RECOMMENDED, TIMES)]
        known = self._known.get(name)
        if known is None or known[0] != stamp or known[1]["phase"] not in ("finished", "damaged"):
            known = self._known[name] = (stamp, state_of(name, folder))
        return known[1]


def _picture(folder: Path, number: int, side: str) -> Path | None:
    try:
        scenes = read_bench(folder).scenes
    except RunFolderError:
        return None
    return picture_files(folder, scenes[number].name).get(side) if number < len(scenes) else None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


@cache
def _file(name: str, kind: str) -> Response:
    package, folder = (
        ("isptune.report", "templates") if name in _ELSEWHERE else ("isptune.report.live", "page")
    )
    content = files(package).joinpath(folder, name).read_bytes()
    return Response(content, headers={"content-type": f"{kind}; charset=utf-8"})


def application(root: Path, token: str, hosts: Hosts) -> Starlette:
    """The site that shows the runs in a folder."""
    app = Starlette(
        routes=[*LiveRoutes(root, token).routes(), *ROUTES],
        middleware=[Middleware(StrictHeaders), Middleware(KnownHosts, hosts=hosts)],
        exception_handlers={404: nothing_here, **REFUSALS},
    )
    app.router.redirect_slashes = False
    return app


def watch(root: Path, host: str, port: int, say: Callable[[str], Any] = print) -> None:
    """Serve the live page of a run, or of all runs in a folder, until it is interrupted.

    Raises:
        RunFolderError: there is no such folder.
        StudyError, ConfigError: its link cannot be kept, or the address cannot be used.
    """
    if not root.is_dir():
        raise RunFolderError(f"{root}: is no folder")
    token = owner_token(root, LINK)
    with closing(listen(host, port)) as listening:
        say(f"watch here: {address(host, listening.getsockname()[1])}/w/{token}")
        app = application(root, token, hosts_of(host))
        run_until_stopped(app, listening, host, say, "runs go on")
