"""Rows of the file of answers as records, with their types checked: SQLite keeps whatever is put into a column.

Whoever edits the file by hand can put NULL, bytes or a fraction anywhere.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from isptune.errors import StudyError, VoteRefused, one_line
from isptune.study.votes.votes import Answer, AskedPair, Observer, Pair, PairKind, Source, VoteRecord

LARGEST = 2**53
LONGEST_RESPONSE_MS = 24 * 3600 * 1000
LARGEST_SCREEN_PX = 65536

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def observer_of(row: Sequence[Any], path: Path) -> Observer:
    """A row of `observers`: id, token, name, source, created. Raises StudyError."""
    number, token, name, source, created = row
    place = f"{path}: observers"
    return Observer(
        _whole(number, f"{place}: id"),
        text_of(token, f"{place}: token of {number}"),
        None if name is None else text_of(name, f"{place}: name of {number}"),
        _one_of(source, get_args(Source), f"{place}: source of {number}"),
        text_of(created, f"{place}: created of {number}"),
    )


def asked_of(row: Sequence[Any], path: Path) -> AskedPair:
    """A row of `asked`: number, scene, first, second, kind. Raises StudyError."""
    place = f"{path}: asked: pair {row[0]!r}"
    return AskedPair(_whole(row[0], place), _pair(row[1:], place))


def vote_of(row: Sequence[Any], path: Path) -> VoteRecord:
    """A row of `votes` with what was asked: as `VoteRecord`, the screen as two. Raises StudyError."""
    observer, number, session, scene, first, second, answer, kind, response_ms, width, height = row
    place = f"{path}: the vote of observer {observer!r} on pair {number!r}"
    pair = _pair((scene, first, second, kind), place)
    return VoteRecord(
        _whole(observer, f"{place}: observer"),
        _whole(number, f"{place}: number"),
        text_of(session, f"{place}: session"),
        pair.scene,
        pair.first,
        pair.second,
        _one_of(answer, get_args(Answer), f"{place}: answer"),
        pair.kind,
        None if response_ms is None else _whole(response_ms, f"{place}: response_ms"),
        None
        if width is None and height is None
        else (_whole(width, f"{place}: screen_width"), _whole(height, f"{place}: screen_height")),
    )


def _pair(row: Sequence[Any], place: str) -> Pair:
    scene, first, second, kind = row
    return Pair(
        text_of(scene, f"{place}: scene"),
        text_of(first, f"{place}: first"),
        text_of(second, f"{place}: second"),
        _one_of(kind, get_args(PairKind), f"{place}: kind"),
    )


def text_of(value: Any, place: str) -> str:
    """A text, or StudyError."""
    if not isinstance(value, str):
        raise StudyError(f"{place} is {_shown(value)}, which is no text; the file was damaged or edited")
    return value


def _whole(value: Any, place: str) -> int:
    if type(value) is not int or abs(value) > LARGEST:
        raise StudyError(
            f"{place} is {_shown(value)}, which is no whole number; the file was damaged or edited"
        )
    return value


def _one_of(value: Any, known: Sequence[Any], place: str) -> Any:
    if value not in known:
        raise StudyError(
            f"{place} is {_shown(value)}, which is none of {', '.join(known)}; the file was damaged or edited"
        )
    return value


def _shown(value: Any) -> str:
    return "NULL" if value is None else one_line(repr(value))[:60]


def check_vote(client_id: str, answer: str, response_ms: int | None, screen: tuple[int, int] | None) -> None:
    """Raise VoteRefused for what no page of ours sends."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise VoteRefused("the id of a vote is 8 to 64 letters, digits, '_' and '-'")
    if answer not in ("first", "second", "none"):
        raise VoteRefused(f"an answer is first, second or none, not {answer!r}")
    if response_ms is not None and not 0 <= response_ms <= LONGEST_RESPONSE_MS:
        raise VoteRefused(f"a response takes 0 to {LONGEST_RESPONSE_MS} ms, not {response_ms}")
    if screen is not None and not all(0 < side <= LARGEST_SCREEN_PX for side in screen):
        raise VoteRefused(f"a screen has 1 to {LARGEST_SCREEN_PX} pixels a side, not {screen[0]}x{screen[1]}")
