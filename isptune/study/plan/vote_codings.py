"""What the answers in a table of votes mean: 1 and 0, left and right, names of pictures, ...

Each coding that people use is a reading; a column is read only where one reading fits all its answers, or several that
say the same of every vote. Else both are named, and whoever knows says which.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from isptune.errors import ConfigError, one_line
from isptune.study.plan.vote_columns import Of
from isptune.study.votes.votes import Answer

SKIP: Final = "skip"
Meaning = Answer | Literal["skip"]
"""An answer, or `skip`."""

_TIES = (
    "tie",
    "none",
    "equal",
    "same",
    "no difference",
    "no_difference",
    "no preference",
    "both",
    "neither",
    "draw",
    "=",
)
_FIRST, _SECOND = ("a", "left", "l", "first"), ("b", "right", "r", "second")
_YES, _NO = ("true", "t", "yes", "y"), ("false", "f", "no", "n")

SAID: Mapping[str, Meaning] = {"A": "first", "B": "second", "tie": "none", SKIP: SKIP}
"""What `--answers VALUE=WORD` may say."""

WORDS = ("names", "sides", "round")
"""What `--answers` may say of all values."""


@dataclass(frozen=True)
class GivenAnswer:
    """What stands in a row: the answer, and the two pictures' names as the table has them."""

    text: str
    first: str
    second: str


@dataclass(frozen=True)
class Reading:
    """A coding: in words, and what it makes of an answer; None for one that it does not know."""

    words: str
    meaning: Callable[[GivenAnswer], Meaning | None]


def read_answers(
    rows: Sequence[GivenAnswer], of: Of, said: str | None, whole: bool
) -> tuple[list[Meaning | None], str]:
    """What each row's answer means, and the reading in words; None for answers that are none in it.

    Args:
        rows: all of the table.
        of: what the column's name says it is about.
        said: what the user says of it: `names`, `sides` or `round`, or VALUE=WORD with commas between, beside which the
            other values are read by themselves.
        whole: whether the column's name is pwcmp's (`selected`), which holds 1 for A, 2 for B and 0 for no difference.

    Raises:
        ConfigError: two readings fit and differ, or what is said is none of the above.
    """
    told = {} if said is None else _said(said)
    if said in WORDS:
        reading = _named(said, of)
        return [reading.meaning(row) for row in rows], reading.words
    given = [row for row in rows if row.text and _plain(row.text) not in told]
    readings = _readings(of, given, whole)
    known = [row for row in given if any(reading.meaning(row) is not None for reading in readings)]
    fitting = _distinct([(r, [r.meaning(row) for row in known]) for r in readings])
    if len(fitting) > 1:
        raise ConfigError(_two_readings(fitting, known))
    reading = fitting[0][0] if fitting else _nearest(readings, known)
    meanings: list[Meaning | None] = [
        told[_plain(row.text)] if _plain(row.text) in told else reading.meaning(row) if row.text else None
        for row in rows
    ]
    return meanings, f"{said}, else {reading.words}" if said else reading.words


def fault_of(text: str) -> str:
    """Why an answer that no reading knows cannot be used."""
    if not text:
        return "an empty answer fits two readings: no difference; or not answered. Say which: --answers =tie or =skip"
    try:
        share = float(text.replace(",", "."))
    except ValueError:
        share = -1.0
    if 0 < share < 1:
        return (
            f"the answer {text[:20]!r} fits two readings: the chance that A is better; or its share of several votes. "
            "--answers round takes the likelier one; with a column of how many votes (n) shares are votes"
        )
    return f"the answer is {one_line(text[:20])!r}, which nothing in its column explains; --answers VALUE=A,... does"


Fit = tuple[Reading, list[Meaning | None]]


def _distinct(found: Sequence[Fit]) -> list[Fit]:
    """Readings that know all answers; of those that say the same the first; those by which one side never won only
    where no other is left."""
    known = [(reading, meanings) for reading, meanings in found if None not in meanings]
    balanced = [one for one in known if {"first", "second"} <= set(one[1])]
    kept: list[Fit] = []
    for reading, meanings in balanced or known:
        if all(meanings != other for _, other in kept):
            kept.append((reading, meanings))
    return kept


def _nearest(readings: Sequence[Reading], given: Sequence[GivenAnswer]) -> Reading:
    """The reading that knows most answers: the others are faults. Of equals the first."""
    return max(readings, key=lambda reading: sum(reading.meaning(row) is not None for row in given))


def _two_readings(fitting: Sequence[Fit], given: Sequence[GivenAnswer]) -> str:
    (one, first), (other, second) = fitting[:2]
    place = next(k for k in range(len(given)) if first[k] != second[k])
    row = given[place]
    return (
        f"the answer {one_line(row.text[:40])!r} fits two readings: {one.words}; or {other.words}. "
        "Say which with --answers, as --answers 1=A,0=B or --answers names"
    )


def _readings(of: Of, given: Sequence[GivenAnswer], whole: bool) -> list[Reading]:
    """Those that a column about this may have; the likelier ones first."""
    names = Reading("the name of the better picture", _by_name)
    sides = _words("the side of the better picture", _FIRST, _SECOND)
    if of == "either":
        one_two = _numbers("1 = A, 2 = B, 0 = no difference", {1: "first", 2: "second", 0: "none"})
        if whole and any(row.text == "2" for row in given):
            return [one_two, names, sides]
        return [
            names,
            sides,
            one_two,
            _numbers("1 = A, 0 = B", {1: "first", 0: "second", 0.5: "none"}),
            _numbers("0 = A, 1 = B, 2 = no difference", {0: "first", 1: "second", 2: "none", 0.5: "none"}),
            _numbers("1 = A, -1 = B, 0 = no difference", {1: "first", -1: "second", 0: "none"}),
            _numbers("-1 = A, 1 = B, 0 = no difference", {-1: "first", 1: "second", 0: "none"}),
            _words("true = A", _YES, _NO),
            _words("true = B", _NO, _YES),
        ]
    yes, no = ("first", "second") if of == "A" else ("second", "first")
    other = "B" if of == "A" else "A"
    return [
        _numbers(f"1 = {of}, 0 = {other}, 0.5 = no difference", {1: yes, 0: no, 0.5: "none"}),
        _words(f"true = {of}, false = {other}", _YES if of == "A" else _NO, _NO if of == "A" else _YES),
        _numbers(f"1 = {of}, -1 = {other}, 0 = no difference", {1: yes, -1: no, 0: "none"}),
        _numbers(f"1 = {of}, 0 = {other}, -1 = no difference", {1: yes, 0: no, -1: "none"}),
        _numbers(f"1 = {of}, 2 = {other}, 0 = no difference", {1: yes, 2: no, 0: "none"}),
        _numbers(f"1 = {of}, 0 = {other}, 2 = no difference", {1: yes, 0: no, 2: "none"}),
        names,
        sides,
    ]


def _numbers(words: str, meanings: Mapping[float, Answer]) -> Reading:
    def meaning(row: GivenAnswer) -> Meaning | None:
        try:
            return meanings.get(float(row.text.replace(",", ".")))
        except ValueError:
            return _tie(row.text)

    return Reading(words, meaning)


def _words(words: str, first: Sequence[str], second: Sequence[str]) -> Reading:
    def meaning(row: GivenAnswer) -> Meaning | None:
        text = row.text.lower()
        return "first" if text in first else "second" if text in second else _tie(text)

    return Reading(words, meaning)


def _tie(text: str) -> Answer | None:
    return "none" if text.lower() in _TIES else None


def _by_name(row: GivenAnswer) -> Meaning | None:
    for text, first, second in (
        (row.text, row.first, row.second),
        map(_stem, (row.text, row.first, row.second)),
    ):
        if text in (first, second) and first != second:
            return "first" if text == first else "second"
    return _tie(row.text)


def _stem(name: str) -> str:
    """A file's name without folders and ending."""
    return name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name


def _named(said: str, of: Of) -> Reading:
    if said == "names":
        return Reading("the name of the better picture", _by_name)
    if said == "sides":
        return _words("the side of the better picture", _FIRST, _SECOND)
    which = "B" if of == "B" else "A"
    return Reading(f"the share of {which}, above 0.5 is {which}", _rounded(of))


def _said(said: str) -> dict[str, Meaning]:
    """What `--answers` says of single values. Raises ConfigError."""
    if said in WORDS:
        return {}
    meanings: dict[str, Meaning] = {}
    for part in said.split(","):
        value, equals, word = part.rpartition("=")
        if not equals or word.strip() not in SAID:
            raise ConfigError(
                f"--answers {said!r}: is {', '.join(WORDS)}, or VALUE=WORD with commas between, a word being "
                f"{', '.join(SAID)}; nothing before = is an empty cell"
            )
        meanings[_plain(value)] = SAID[word.strip()]
    return meanings


def _rounded(of: Of) -> Callable[[GivenAnswer], Meaning | None]:
    above, below = ("second", "first") if of == "B" else ("first", "second")

    def meaning(row: GivenAnswer) -> Meaning | None:
        try:
            share = float(row.text.replace(",", "."))
        except ValueError:
            return _tie(row.text)
        if not 0 <= share <= 1:
            return None
        return "none" if share == 0.5 else above if share > 0.5 else below

    return meaning


def _plain(text: str) -> str:
    """A value as it is compared: 1.0 is 1, True is true."""
    text = text.strip().lower()
    try:
        return f"{float(text.replace(',', '.')):g}"
    except ValueError:
        return text
