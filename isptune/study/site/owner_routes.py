"""What the owner's page asks of the server: progress, the scale so far, new links, closing the study."""

import secrets
import time
from collections.abc import Sequence
from statistics import median
from typing import Any, final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from isptune.errors import ConfigError, UnknownObserver
from isptune.study.findings.live_scale import live_scale
from isptune.study.observers.simulation import refuse_beside_people
from isptune.study.plan.folder import Study
from isptune.study.site.guard import BadRequest, json_body, text, whole_number
from isptune.study.site.pages import page, without_slash
from isptune.study.site.work import Work
from isptune.study.votes.answers import Answers
from isptune.study.votes.votes import FIRST_JUDGE, Observer, Source, VoteRecord

MOST_INVITES = 100
SCALE_PAUSE = 10
"""Times as long as the scale took, it is not computed again: the processor is for the votes."""
LONGEST_NAME = 60


@final
class OwnerRoutes:
    """Routes below /owner/TOKEN; whoever knows the token is the owner.

    What only looks, which may take long, goes by a connection and a thread of its own: no vote waits for it. What
    changes the study does so too, with a sync each.
    """

    def __init__(self, answers: Answers, study: Study, token: str, work: Work):
        self.answers, self.study, self.token, self.work = answers, study, token, work
        self._scale: dict[str, Any] = {}
        self._scale_due = 0.0  # on the monotonic clock, seconds

    def routes(self) -> list[Route]:
        return [
            Route("/owner/{token}", self.page),
            Route("/owner/{token}/", without_slash),
            Route("/owner/{token}/state", self.state),
            Route("/owner/{token}/scale", self.scale),
            Route("/owner/{token}/invite", self.invite, methods=["POST"]),
            Route("/owner/{token}/close", self.close, methods=["POST"]),
            Route("/owner/{token}/reopen", self.reopen, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        self._check(request)
        return page("owner.html")

    async def state(self, request: Request) -> Response:
        self._check(request)
        return JSONResponse(await self.work(self._state))

    async def scale(self, request: Request) -> Response:
        self._check(request)
        return JSONResponse(await self.work(self._fresh_scale))

    async def invite(self, request: Request) -> Response:
        """New observers; a name is kept only where the study asks for names; simulations never beside people."""
        self._check(request)
        body = await json_body(request)
        count = whole_number(body, "count")
        if not 1 <= count <= MOST_INVITES:
            raise BadRequest(400, f"1 to {MOST_INVITES} links at once, not {count}")
        name = text(body, "name", LONGEST_NAME).strip() if "name" in body else ""
        if name and not self.study.plan.ask_name:
            raise BadRequest(400, "this study keeps no names (ask_name in study.toml)")
        source = _source(body)
        if source == "simulation":
            await self.work(self._refuse_beside_people)
        for _ in range(count):
            await self.work(self.answers.add_observer, name or None, source)
        return await self.state(request)

    async def close(self, request: Request) -> Response:
        self._check(request)
        await json_body(request)
        await self.work(self.answers.close_study)
        return await self.state(request)

    async def reopen(self, request: Request) -> Response:
        self._check(request)
        await json_body(request)
        await self.work(self.answers.reopen_study)
        return await self.state(request)

    def _check(self, request: Request) -> None:
        given = request.path_params["token"]
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            raise UnknownObserver("this is not the owner's link; it was printed when the server started")

    def _refuse_beside_people(self) -> None:
        try:
            refuse_beside_people(observer.source for observer in self.answers.observers())
        except ConfigError as error:
            raise BadRequest(409, str(error)) from error

    def _fresh_scale(self) -> dict[str, Any]:
        started = time.monotonic()
        if started >= self._scale_due:
            votes = self.answers.votes(judges=False)
            self._scale = {"votes": _counted(votes), **live_scale(self.study, votes)}
            took = time.monotonic() - started
            self._scale_due = time.monotonic() + SCALE_PAUSE * took
        return self._scale

    def _state(self) -> dict[str, Any]:
        plan, votes = self.study.plan, self.answers.votes()
        by_observer: dict[int, list[VoteRecord]] = {}
        for vote in votes:
            by_observer.setdefault(vote.observer, []).append(vote)
        counted = [vote for vote in votes if vote.kind != "training" and vote.observer < FIRST_JUDGE]
        return {
            "title": plan.title,
            "question": plan.question,
            "ask_name": plan.ask_name,
            "open": self.answers.is_open,
            "votes": len(counted),
            "same": sum(vote.answer == "none" for vote in counted),
            "undone": self.answers.undone_count(),
            "median_ms": _median_ms(counted),
            "observers": [
                self._observer(observer, by_observer.get(observer.id, []))
                for observer in self.answers.observers()
            ],
        }

    def _observer(self, observer: Observer, votes: Sequence[VoteRecord]) -> dict[str, Any]:
        progress = self.answers.progress(observer.token)
        return {
            "label": observer.label,
            "source": observer.source,
            "token": None if observer.source == "judge" else observer.token,  # nobody votes in its name
            "done": progress.done,
            "total": progress.total,
            "finished": progress.finished,
            "median_ms": _median_ms(votes),
        }


def _source(body: dict[str, Any]) -> Source:
    given = body.get("source", "person")
    if given not in ("person", "simulation"):
        raise BadRequest(400, "source must be person or simulation")
    return given


def _counted(votes: Sequence[VoteRecord]) -> int:
    return sum(vote.kind != "training" for vote in votes)


def _median_ms(votes: Sequence[VoteRecord]) -> float | None:
    known = [vote.response_ms for vote in votes if vote.response_ms is not None]
    return median(known) if known else None
