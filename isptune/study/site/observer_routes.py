"""What an observer's page asks of the server: how far it is, pictures, votes, undo."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from isptune.study.plan.folder import Plan
from isptune.study.plan.shown_pictures import SIDES, ShownPictures, without_notes
from isptune.study.site.guard import BadRequest, json_body, text, whole_number
from isptune.study.site.pages import page_for, without_slash
from isptune.study.site.viewing_answer import viewing_of
from isptune.study.site.work import SharedSync, Together, Work
from isptune.study.votes.answers import Answers
from isptune.study.votes.viewing import keep_viewing, read_viewing
from isptune.study.votes.votes import Answer, AskedPair

ANSWERS: dict[str, Answer] = {"left": "first", "right": "second", "same": "none"}
"""What the page says of sides, in the words of the answers: `first` is on the left."""

AHEAD = 2
"""Pairs that the page is told of: the one to answer, and the next, whose pictures it fetches meanwhile."""


@dataclass(frozen=True)
class _Extent:
    """How much is done and is asked in all, and how many of these pairs, the first ones, are for training."""

    done: int
    total: int
    training: int
    finished: bool


@final
class ObserverRoutes:
    """Routes below /o/TOKEN; whoever knows the token is the observer.

    `on_content` is called where the observer says that it is enough; None where that is not asked.
    """

    def __init__(
        self,
        answers: Answers,
        plan: Plan,
        pictures: ShownPictures,
        work: Work,
        deciding: Work,
        together: Together,
        synced: SharedSync,
        on_content: Callable[[], None] | None = None,
    ):
        self.on_content = on_content
        self.answers, self.plan, self.pictures = answers, plan, pictures
        self.work, self.deciding, self.together, self.synced = work, deciding, together, synced
        self._extents: dict[str, _Extent] = {}  # by token
        self._folder = answers.path.parent
        self._viewed = set(read_viewing(self._folder))  # numbers of observers

    def routes(self) -> list[Route]:
        return [
            Route("/o/{token}", self.page),
            Route("/o/{token}/", without_slash),
            Route("/o/{token}/state", self.state),
            Route("/o/{token}/picture/{name}", self.picture),
            Route("/o/{token}/vote", self.vote, methods=["POST"]),
            Route("/o/{token}/undo", self.undo, methods=["POST"]),
            Route("/o/{token}/viewing", self.viewing, methods=["POST"]),
            *([Route("/o/{token}/content", self.content, methods=["POST"])] if self.on_content else []),
        ]

    async def page(self, request: Request) -> Response:
        await self.work(self.answers.observer, request.path_params["token"])
        return page_for(request, "observer.html")

    async def state(self, request: Request) -> Response:
        token = request.path_params["token"]
        state = await self.work(self._state_now, token)
        # What to ask next is decided, and written, elsewhere: nobody's page waits for that.
        return JSONResponse(state or await self.deciding(self._state, token))

    async def picture(self, request: Request) -> Response:
        """Only pictures of the pairs that are asked now have a name: neither older ones nor later ones."""
        token, name = request.path_params["token"], request.path_params["name"]
        return Response(await self.work(self._picture, token, name), media_type="image/png")

    async def vote(self, request: Request) -> Response:
        """The answer is sent when the vote is on the disk."""
        body = await json_body(request)
        answer = ANSWERS.get(text(body, "answer", 10))
        if answer is None:
            raise BadRequest(400, f"answer must be one of {', '.join(ANSWERS)}")
        vote = {
            "number": whole_number(body, "number"),
            "client_id": text(body, "id", 64),
            "answer": answer,
            "response_ms": whole_number(body, "response_ms") if "response_ms" in body else None,
            "screen": _screen(body),
        }
        token = request.path_params["token"]
        state = await self.together(self._vote, token, vote)
        await self.synced()
        # What to ask next may have to be computed, or even rendered: nobody's vote waits for that.
        return JSONResponse(state or await self.deciding(self._state, token))

    async def undo(self, request: Request) -> Response:
        body = await json_body(request)
        number = whole_number(body, "number")
        token = request.path_params["token"]
        await self.together(self.answers.undo, token, number)
        await self.synced()
        return JSONResponse(await self.work(self._state, token))

    async def viewing(self, request: Request) -> Response:
        """What the observer sees of the grey ramps and the plates; asked once."""
        body = await json_body(request)
        token = request.path_params["token"]
        await self.deciding(self._keep_viewing, token, body)
        state = await self.work(self._state_now, token)
        return JSONResponse(state or await self.deciding(self._state, token))

    async def content(self, request: Request) -> Response:
        """The observer needs no more pairs: the search ends."""
        await json_body(request)
        token = request.path_params["token"]
        await self.work(self.answers.observer, token)
        if self.on_content is not None:
            await self.deciding(self.on_content)
        return JSONResponse(await self.work(self._state, token))

    # In a worker thread

    def _vote(self, token: str, vote: dict[str, Any]) -> dict[str, Any] | None:
        """The state after the vote; None where nothing is left of what was asked."""
        self.answers.vote(token, **vote)
        pairs = self.answers.open_pairs(token, AHEAD, ask_more=False)
        return self._state_with(token, pairs) if pairs else None

    def _keep_viewing(self, token: str, body: dict[str, Any]) -> None:
        observer = self.answers.observer(token).id
        found = viewing_of(body, observer)
        if observer not in self._viewed:  # else the answer got lost on its way, and comes again
            keep_viewing(self._folder, found)
            self._viewed.add(observer)

    def _picture(self, token: str, name: str) -> bytes:
        observer = self.answers.observer(token).id
        path = self.pictures.find(observer, self.answers.open_pairs(token, AHEAD, ask_more=False), name)
        if path is None:
            raise BadRequest(404, "no picture has this name")
        return without_notes(path)

    def _state_now(self, token: str) -> dict[str, Any] | None:
        """The state by what was asked so far; None where that is all answered."""
        pairs = self.answers.open_pairs(token, AHEAD, ask_more=False)
        return self._state_with(token, pairs) if pairs else None

    def _state(self, token: str) -> dict[str, Any]:
        return self._state_with(token, self.answers.open_pairs(token, AHEAD))

    def _state_with(self, token: str, pairs: list[AskedPair]) -> dict[str, Any]:
        observer = self.answers.observer(token)
        extent = self._extent(token, pairs)
        # Pairs are answered in the order of their numbers, which count from 1.
        done = pairs[0].number - 1 if pairs else extent.done
        if not self.answers.is_open:
            phase, pairs = "closed", []
        elif not pairs:
            phase = "finished" if extent.finished else "waiting"
        else:
            phase = "training" if done < extent.training else "voting"
        return {
            "title": self.plan.title,
            "question": self.plan.question,
            "break_every": self.plan.break_every,
            "phase": phase,
            "ask_viewing": self.plan.viewing and done == 0 and observer.id not in self._viewed,
            "may_end": self.on_content is not None,
            "simulated": observer.source == "simulation",
            "done": done,
            "total": extent.total,
            "training": extent.training,
            "training_left": max(0, extent.training - done),
            "last": done,
            "pairs": [self._shown(token, observer.id, pair) for pair in pairs],
        }

    def _extent(self, token: str, pairs: list[AskedPair]) -> "_Extent":
        """Counted once for an observer with pairs to answer, since it counts everything that was asked."""
        known = self._extents.get(token)
        if known is None or not pairs or pairs[-1].number > known.total:
            progress = self.answers.progress(token)
            asked = self.answers.first_pairs(token, self.plan.training)
            training = sum(each.pair.kind == "training" for each in asked)
            known = _Extent(progress.done, progress.total, training, progress.finished)
            self._extents[token] = known
        return known

    def _shown(self, token: str, observer: int, asked: AskedPair) -> dict[str, Any]:
        names = self.pictures.named(observer, asked)
        urls = {side: names[side] and f"/o/{token}/picture/{names[side]}" for side in SIDES}
        return {"number": asked.number, **urls}


def _screen(body: dict[str, Any]) -> tuple[int, int] | None:
    if "screen" not in body:
        return None
    sides = body["screen"]
    if not isinstance(sides, list) or len(sides) != 2 or not all(type(side) is int for side in sides):
        raise BadRequest(400, "screen must be width and height, whole numbers of pixels")
    return sides[0], sides[1]
