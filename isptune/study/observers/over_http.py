"""Simulated observers that vote as people do: through the pages' HTTP requests, seeing what a browser is sent.

Nothing tells them what they look at. They fetch both pictures of a pair and recognise them by their content, so that a
server which shows the wrong picture, or the wrong one on the left, gets other votes than the store does.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar, final

from isptune.errors import ConfigError, StudyError
from isptune.study.observers.connection import Connection
from isptune.study.observers.simulation import SimulatedObserver, refuse_beside_people
from isptune.study.plan.folder import Study
from isptune.study.plan.schedule import ADAPTIVE
from isptune.study.plan.shown_pictures import without_notes
from isptune.study.votes.votes import Answer, Pair

T = TypeVar("T")

MOST_INVITES = 100
SIDE_OF: dict[Answer, str] = {"first": "left", "second": "right", "none": "same"}

_OWNERS_LINK = re.compile(r"(https?://[^/\s]+)/owner/([A-Za-z0-9_-]{32})/?")


@dataclass(frozen=True)
class Tally:
    """What became of the votes of one simulated observer.

    Attributes:
        label: what the owner's page calls the observer.
        given: votes that the server acknowledged, training included.
        kept: votes that the server says it has, afterwards.
        times_ms: from sending each vote to having read the whole answer.
    """

    label: str
    given: int
    kept: int
    times_ms: tuple[float, ...]


@final
class KnownPictures:
    """Recognises the pictures of a study by their content. Raises StudyError if a file is missing."""

    def __init__(self, study: Study):
        self._folder = study.folder
        self._names: dict[bytes, list[tuple[str, str]]] = {}
        for s in study.stimuli:
            if not s.file:
                raise StudyError(f"{study.folder}: has votes but no pictures: there is nothing to vote on")
            key = _digest(without_notes(study.folder / s.file))
            self._names.setdefault(key, []).append((s.scene, s.condition))

    def pair(self, left: bytes, right: bytes) -> Pair:
        """What is shown; of pictures that are equal byte by byte, the first ones. Raises StudyError."""
        for one, other in product(*(self._names.get(_digest(picture), []) for picture in (left, right))):
            if one[0] == other[0]:
                return Pair(one[0], one[1], other[1])
        raise StudyError(
            f"the server shows pictures that are not a pair of {self._folder}: is it another study?"
        )


def vote_over_http(
    study: Study,
    owners_link: str,
    count: int,
    observer: Callable[[int], SimulatedObserver],
    told: Callable[[Tally], Any],
) -> list[Tally]:
    """Invite simulated observers by the owner's link and let them answer everything.

    The same observers give the same votes as through the store. Those of a schedule that is fixed beforehand vote at
    the same time; where the next pairs depend on earlier votes, one after another, as through the store.

    Args:
        observer: makes the simulated observer of a number, which counts from 0 over all that the study has.
        told: of each one, when the group that votes at the same time is through.

    Raises:
        ConfigError: the link is none, or people take part.
        StudyError: the server refuses, is away for long, or shows what is not in the study.
    """
    match = _OWNERS_LINK.fullmatch(owners_link.strip())
    if match is None:
        raise ConfigError(
            f"{owners_link[:100]!r} is not the owner's link; 'isptune study serve' prints it: http://.../owner/..."
        )
    pictures = KnownPictures(study)
    together = 1 if study.plan.schedule in ADAPTIVE else min(count, MOST_INVITES)

    async def play() -> list[Tally]:
        owner, tallies = _Owner(match[1], match[2]), list[Tally]()
        try:
            while len(tallies) < count:
                there, new = await owner.invite(min(together, count - len(tallies)))
                times = await _all_or_none(
                    _vote_all(match[1], each["token"], observer(there + place), pictures)
                    for place, each in enumerate(new)
                )
                kept = {each["token"]: each["done"] for each in await owner.observers()}
                for each, times_ms in zip(new, times, strict=True):
                    tallies.append(Tally(each["label"], len(times_ms), kept[each["token"]], times_ms))
                    told(tallies[-1])
        finally:
            owner.connection.close()
        return tallies

    return asyncio.run(play())


@final
class _Owner:
    """What the owner's page can do, as far as it is needed here."""

    def __init__(self, root: str, token: str):
        self.connection, self._page = Connection(root), f"/owner/{token}"

    async def observers(self) -> list[dict[str, Any]]:
        return (await self.connection.get(f"{self._page}/state"))["observers"]

    async def invite(self, count: int) -> tuple[int, list[dict[str, Any]]]:
        """Invite simulated observers: how many observers there were before, and the new ones."""
        before = await self.observers()
        refuse_beside_people(each["source"] for each in before)
        known = {each["token"] for each in before}
        values = {"count": count, "source": "simulation"}
        after = (await self.connection.post(f"{self._page}/invite", values))["observers"]
        voters = [each for each in before if each["source"] != "judge"]
        return len(voters), [each for each in after if each["token"] not in known]


async def _all_or_none(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results; the first error ends the others."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _vote_all(
    root: str, token: str, observer: SimulatedObserver, pictures: KnownPictures
) -> tuple[float, ...]:
    """Answer everything that is asked; how long each vote took, ms."""
    connection, page, times_ms = Connection(root), f"/o/{token}", []
    try:
        state = await connection.get(f"{page}/state")
        while state["pairs"]:
            asked = state["pairs"][0]
            left, right = [await connection.send("GET", asked[side]) for side in ("left", "right")]
            vote = {
                "number": asked["number"],
                "id": f"simulation-{asked['number']:06d}",
                "answer": SIDE_OF[observer.answer(pictures.pair(left, right))],
                "response_ms": observer.response_ms(),
            }
            started = time.perf_counter()
            state = await connection.post(f"{page}/vote", vote)
            times_ms.append(1000 * (time.perf_counter() - started))
    finally:
        connection.close()
    return tuple(times_ms)


def percentile_95(tallies: Sequence[Tally]) -> float:
    """The time within which 95 % of all votes were acknowledged, ms; 0 without votes."""
    times = sorted(ms for tally in tallies for ms in tally.times_ms)
    return times[-(-95 * len(times) // 100) - 1] if times else 0.0


def _digest(picture: bytes) -> bytes:
    return hashlib.blake2b(picture, digest_size=16).digest()
