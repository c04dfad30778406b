"""The server of a study: an ASGI application, and how it listens.

Observers and the owner have links that cannot be guessed; there are no passwords and no cookies. A vote is
acknowledged when it is on the disk.
"""

import re
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isptune.errors import ConfigError, StudyError, UnknownObserver
from isptune.study.plan.folder import Study, read_study
from isptune.study.plan.schedule import schedule_of
from isptune.study.plan.shown_pictures import ShownPictures
from isptune.study.site.guard import REFUSALS, Hosts, KnownHosts, StrictHeaders, refused
from isptune.study.site.observer_routes import ObserverRoutes
from isptune.study.site.owner_routes import OwnerRoutes
from isptune.study.site.pages import ROUTES, nothing_here
from isptune.study.site.patience import LOGGING, PatientProtocol
from isptune.study.site.work import SharedSync, Together, Work
from isptune.study.votes.answers import Answers
from isptune.system.disk import write_atomically

LOOPBACK = ("127.0.0.1", "::1", "localhost")
OWNER = "owner_link.txt"
"""The secret part of the owner's link, in the study's folder; readable by its owner only."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


def application(
    study: Study,
    answers: Answers,
    for_owner: Answers | None = None,
    owner: str = "",
    hosts: Hosts | None = None,
    on_content: Callable[[], None] | None = None,
    more: Sequence[Route] = (),
) -> Starlette:
    """The whole site of a study.

    Args:
        answers: what the observers' requests go through; synced for several of them at once.
        for_owner: a second connection to the same file, so that the owner's page never holds up a vote; without it
            there is no owner's page.
        owner: the secret part of the owner's link.
        hosts: the names under which it answers; None for any, where whoever serves it looks at that.
        on_content: called where an observer says that it is enough, in a search by eye.
        more: further pages on the same server.
    """
    showing, deciding, voting, watching, synced = (
        Work(2),
        Work(1),
        Together(answers.transaction),
        Work(1),
        SharedSync(answers.sync),
    )
    routes = ObserverRoutes(
        answers, study.plan, ShownPictures(study), showing, deciding, voting, synced, on_content
    ).routes()
    if for_owner is not None:
        routes += OwnerRoutes(for_owner, study, owner, watching).routes()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        for threads in (showing, deciding, voting, synced, watching):
            threads.stop()

    app = Starlette(
        routes=[*routes, *more, *ROUTES],
        middleware=[
            Middleware(StrictHeaders),
            *([] if hosts is None else [Middleware(KnownHosts, hosts=hosts)]),
        ],
        exception_handlers={404: nothing_here, UnknownObserver: _unknown, **REFUSALS},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = (
        False  # it would name the host that the request names, with the secret behind it
    )
    return app


async def _unknown(request: Request, error: Exception) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return await nothing_here(request)
    return await refused(request, error)


def serve(
    folder: Path,
    host: str,
    port: int,
    invite: int = 0,
    say: Callable[[str], Any] = print,
    names: Sequence[str] = (),
) -> None:
    """Serve a study until it is interrupted; `say` gets the lines for whoever started it.

    Args:
        invite: links for new observers to make and say.
        names: further names of this server, as of a proxy before it.

    Raises:
        StudyError, ConfigError: the folder is no study that can be served, or the address cannot be used.
    """
    study = read_study(folder)
    study.refuse_links()
    schedule = schedule_of(study)
    path = study.answers_path
    with Answers(path, schedule, sync_each=False) as answers, Answers(path, schedule) as for_owner:
        owner = owner_token(folder)
        app = application(study, answers, for_owner, owner, hosts_of(host, names))
        with closing(listen(host, port)) as listening:
            root = address(host, listening.getsockname()[1])
            _greet(answers, root, owner, say)
            for _ in range(invite):
                say(f"observer:  {root}/o/{for_owner.add_observer().token}")
            run_until_stopped(app, listening, host, say)


@contextmanager
def on_loopback(study: Study) -> Iterator[tuple[str, str]]:
    """Serve a study on a free port of this machine, in a thread; yields the server's address and the owner's secret.

    Raises:
        StudyError, ConfigError: the study cannot be served.
    """
    schedule, path = schedule_of(study), study.answers_path
    with (
        Answers(path, schedule, sync_each=False) as answers,
        Answers(path, schedule) as for_owner,
        closing(listen("127.0.0.1", 0)) as listening,
    ):
        owner = owner_token(study.folder)
        app = application(study, answers, for_owner, owner, Hosts())
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_level="error", timeout_graceful_shutdown=1, http=PatientProtocol, log_config=LOGGING
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield address("127.0.0.1", listening.getsockname()[1]), owner
        finally:
            server.should_exit = True
            thread.join(10)


def run_until_stopped(
    app: Starlette,
    listening: socket.socket,
    host: str,
    say: Callable[[str], Any],
    then: str = "the votes stay",
) -> None:
    """Answer requests until Ctrl-C; says first who can reach it, and what Ctrl-C leaves."""
    if host not in LOOPBACK:
        everywhere = host in ("0.0.0.0", "::")
        who = "everyone on the networks of this machine" if everywhere else f"whoever can reach {host}"
        say(
            f"warning: {who} can open these links; they and what is sent travel unencrypted."
            " Without --host only this machine can."
        )
    say(f"Ctrl-C stops the server; {then}.")
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # its lines would hold the links
        server_header=False,
        timeout_keep_alive=75,  # people take their time; a new connection for each vote would cost some
        timeout_graceful_shutdown=2,
        limit_concurrency=1000,
        h11_max_incomplete_event_size=16384,
        proxy_headers=False,
        http=PatientProtocol,
        log_config=LOGGING,
    )
    uvicorn.Server(settings).run(sockets=[listening])


def hosts_of(host: str, names: Sequence[str] = ()) -> Hosts:
    """The names under which a server that listens at this address answers, and further ones."""
    if host in LOOPBACK:
        return Hosts(tuple(names))
    machine = socket.gethostname()
    return Hosts((host, machine, f"{machine}.local", socket.getfqdn(), *names), anywhere=True)


def owner_token(folder: Path, name: str = OWNER) -> str:
    """The secret part of a link, kept in a file of the folder; made when it is first asked for. Raises StudyError."""
    path = folder / name
    try:
        if not path.is_file() or not path.stat().st_size:  # an empty one is what a power cut may leave
            write_atomically(path, f"{secrets.token_urlsafe(24)}\n".encode(), mode=0o600)
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read: {error}") from error
    if not _TOKEN.fullmatch(token):
        raise StudyError(
            f"{path}: does not hold 32 letters, digits, '_' and '-'; remove it to get a new link"
        )
    return token


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at this address. Raises ConfigError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        return socket.create_server(place[:2], family=family, backlog=256)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ConfigError(f"{host}:{port} cannot be used: {reason}; try another --host or --port") from error


def address(host: str, port: int) -> str:
    """How a browser reaches what listens there; for all addresses of the machine, the one that others see."""
    if host in ("0.0.0.0", "::", ""):
        host = _own_address()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _own_address() -> str:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # an address for documentation: this picks a route and sends nothing
            return probe.getsockname()[0]
        except OSError:
            return socket.gethostname()


def _greet(answers: Answers, root: str, owner: str, say: Callable[[str], Any]) -> None:
    observers = answers.observers()
    sources = [observer.source for observer in observers]
    simulated, judges = sources.count("simulation"), sources.count("judge")
    count = len(sources) - judges
    state = "open" if answers.is_open else "closed: it takes no more votes"
    say(f"The study is {state}; it has {count} observer{'' if count == 1 else 's'}.")
    if judges:
        say(
            f"Beside them, {judges} judge{' has' if judges == 1 else 's have'} voted, whose votes no scale counts."
        )
    if simulated:
        say(
            f"warning: {simulated} of them {'is a simulation' if simulated == 1 else 'are simulations'}, whose votes"
            " would mix with those of people; make the study anew for people."
        )
    say(f"your page: {root}/owner/{owner}")
