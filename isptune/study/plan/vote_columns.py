"""Which column of a table of votes is what, by their names: pwcmp's, and those that people give them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from isptune.errors import ConfigError, one_line
from isptune.system.tables import Table, normalised

COLUMNS = ("observer", "session", "scene", "condition_A", "condition_B", "is_A_selected")

Of = Literal["A", "B", "either"]
"""Whether an answer says that A was better, that B was, or which of the two."""

_NAMES = {
    "observer": (
        "observer", "observer_id", "subject", "subject_id", "participant", "participant_id", "user", "user_id", "rater",
        "rater_id", "worker", "worker_id", "voter", "annotator", "annotator_id", "assessor", "assessor_id", "evaluator",
        "person", "respondent", "uid", "pid",
    ),
    "session": ("session", "session_id"),
    "scene": ("scene", "scene_id", "content", "content_id", "source", "src", "reference", "ref"),
}  # fmt: skip

_SIDES = (("a", "b"), ("left", "right"), ("l", "r"), ("first", "second"), ("1", "2"), ("0", "1"), ("x", "y"))
_SIDE_WORDS = {"A": ("a", "left", "l", "first"), "B": ("b", "right", "r", "second")}
_PICTURES = (
    "condition", "image", "img", "im", "picture", "pic", "photo", "stimulus", "stim", "method", "algorithm", "option",
    "candidate", "item", "file", "filename", "name", "image_name", "image_file", "model", "system", "version",
    "variant", "path", "url", "video", "pvs", "distortion", "p", "i", "",
)  # fmt: skip
_WINS = ("wins", "win", "votes", "vote", "count", "counts", "n", "num", "selected", "preferred", "won")
_TIES = ("ties", "tie", "draws", "equal", "n_ties", "no_difference", "no_preference", "same")
_CHOSEN = ("selected", "better", "preferred", "chosen", "prefer", "picked", "wins", "win", "won", "best")
_EITHER = (
    "selected", "selection", "choice", "chosen", "winner", "win", "preferred", "preference", "prefer", "answer",
    "response", "vote", "label", "better", "best", "result", "decision", "judgment", "judgement", "picked", "pick",
    "outcome", "selected_image", "preferred_image", "better_image",
)  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """The names of a table's columns by what they are.

    Attributes:
        observer, session, scene: None where there is no such column.
        first, second: the columns that make up a condition, joined by a minus.
        answer: of one vote; None where wins are counted.
        of: what that answer is about.
        wins: how often A and how often B won; None where there is an answer.
        ties: how often neither did; None where these are not counted.
    """

    observer: str | None
    session: str | None
    scene: str | None
    first: tuple[str, ...]
    second: tuple[str, ...]
    answer: str | None
    of: Of = "either"
    wins: tuple[str, str] | None = None
    ties: str | None = None


def find_columns(table: Table, given: Mapping[str, str]) -> Columns:
    """Find what is what, by what was said of it, else by the names of columns.

    Args:
        table: with its heads.
        given: what the file calls a column, by our name for it; several joined by `+`.

    Raises:
        ConfigError: one is not there, there twice, or several could be meant; it says how to name it.
    """
    found = _found(table, given)
    named = (
        found.observer,
        found.session,
        found.scene,
        *found.first,
        *found.second,
        found.answer,
        found.ties,
    )
    for name in (*named, *(found.wins or ())):
        if name is not None:
            table.place(name)  # refuses what is there twice
    return found


def _found(table: Table, given: Mapping[str, str]) -> Columns:
    for text in given.values():
        for name in text.split("+"):
            table.place(name)  # refuses what is not there
    first, second = _conditions(table, given)
    taken = {*first, *second}
    names = {key: given.get(key) or _one_of(table, _NAMES[key], taken) for key in _NAMES}
    pictures = names["observer"], names["session"], names["scene"], first, second
    if "is_A_selected" in given:
        answer = given["is_A_selected"]
        return Columns(*pictures, answer, _of(answer))
    taken |= {name for name in names.values() if name}
    counted = _pair(table, _WINS, taken)
    found: list[tuple[str, Of]] = [
        (head, of) for head in table.heads if head not in taken and (of := _answers(head))
    ]
    exact = [one for one in found if one[0] in ("is_A_selected", "selected_A")]
    if counted and not exact and _all_numbers(table, counted):
        return Columns(*pictures, None, "either", counted, _one_of(table, _TIES, taken))
    return Columns(*pictures, *_only(table, exact or found))


def _only(table: Table, found: "list[tuple[str, Of]]") -> "tuple[str, Of]":
    if len(found) == 1:
        return found[0]
    shown, heads = one_line(str(table.path)), one_line(", ".join(table.heads)) or "none"
    if not found:
        raise ConfigError(
            f"{shown}: has no column 'is_A_selected', nor another one that says which picture is better; it has: "
            f"{heads}; name it with --column is_A_selected=..."
        )
    names = " and ".join(repr(one_line(name)) for name, _ in found[:3])
    raise ConfigError(
        f"{shown}: {names} could each say which picture is better; name one with --column is_A_selected=..."
    )


def _conditions(table: Table, given: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if "condition_A" in given and "condition_B" in given:
        return tuple(given["condition_A"].split("+")), tuple(given["condition_B"].split("+"))
    found = _pair(table, _PICTURES, set())
    if found is not None:
        first, second = (
            (given.get(f"condition_{side}") or name) for side, name in zip("AB", found, strict=True)
        )
        return tuple(first.split("+")), tuple(second.split("+"))
    heads = one_line(", ".join(table.heads)) or "none"
    several = _numbered(table)
    named = [
        f" --column condition_{side}={'+'.join(part)}"
        for side, part in zip("AB", several, strict=True)
        if part
    ]
    raise ConfigError(
        f"{one_line(str(table.path))}: has no column 'condition_A' or 'condition_B'; it has: {heads}; say what stands "
        f"for them with{''.join(named) or ' --column condition_A=... --column condition_B=...'}"
    )


def _pair(table: Table, stems: tuple[str, ...], taken: set[str]) -> tuple[str, str] | None:
    """The two columns of one of these stems with a side before or behind it: image_1, left_image, imgA, or the side."""
    heads = {normalised(head): head for head in reversed(table.heads) if head not in taken}
    for stem in stems:
        for first, second in _SIDES:
            for joined in ("{0}_{1}", "{0}{1}", "{1}_{0}", "{1}{0}"):
                pair = [joined.format(stem, side).strip("_") for side in (first, second)]
                if pair[0] in heads and pair[1] in heads:
                    return heads[pair[0]], heads[pair[1]]
    return None


def _numbered(table: Table) -> tuple[list[str], list[str]]:
    """Columns that come twice with 1 and 2 behind them, as type1, level1, type2, level2; the first of all pairs."""
    names = set(table.heads)
    stems = [head[:-1] for head in table.heads if re.fullmatch(r".+1", head) and f"{head[:-1]}2" in names]
    return [f"{stem}1" for stem in stems], [f"{stem}2" for stem in stems]


def _one_of(table: Table, names: tuple[str, ...], taken: set[str]) -> str | None:
    heads = {normalised(head): head for head in reversed(table.heads) if head not in taken}
    return next((heads[name] for name in names if name in heads), None)


def _answers(head: str) -> Of | None:
    name = normalised(head)
    return "either" if name in _EITHER else _of_side(name)


def _of(head: str) -> Of:
    return _of_side(normalised(head)) or "either"


def _of_side(name: str) -> Of | None:
    """Whether a column such as is_A_selected, left_better or preferB is about a side."""
    for side, words in _SIDE_WORDS.items():
        forms = {
            f"{a}{sign}{b}" for w in words for c in _CHOSEN for a, b in ((w, c), (c, w)) for sign in ("_", "")
        }
        forms |= {f"{w}_is_{c}" for w in words for c in _CHOSEN}
        if name.removeprefix("is_") in forms:
            return "A" if side == "A" else "B"
    return None


def _all_numbers(table: Table, names: tuple[str, str]) -> bool:
    from isptune.system.tables import number

    cells = [cell for name in names for cell in table.column(name) if cell]
    return bool(cells) and all(number(cell, table.separator) is not None for cell in cells)
