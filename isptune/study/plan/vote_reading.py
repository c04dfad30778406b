"""Votes from tables as people have them: one vote a row, counts of wins, or matrices of counts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from isptune.errors import ConfigError, one_line
from isptune.study.plan.vote_codings import SKIP, GivenAnswer, fault_of, read_answers
from isptune.study.plan.vote_columns import Columns, find_columns
from isptune.study.plan.vote_matrices import CountMatrix, Winner, matrices_of_array, matrix_of_rows
from isptune.study.votes.votes import Answer, Pair
from isptune.system.disk import slug
from isptune.system.records import read_json
from isptune.system.tables import Row, Table, number, read_lines, read_table

UNKNOWN = "unknown"
"""The observer of votes of which nobody says who gave them."""

ALL = "all"
"""The scene of votes of a table that knows no scenes."""

MOST_VOTES = 2_000_000

_PWCMP_WHICH = ("selected", "selection")
_TOTALS = ("n", "votes", "count", "total", "n_votes", "num_votes", "trials")
_Cell = str | int | float | bool | None
"""What a table in JSON may have in a column."""


@dataclass(frozen=True)
class TableVote:
    """One vote of a table."""

    observer: str
    session: str
    pair: Pair
    answer: Answer


@dataclass(frozen=True)
class VoteTable:
    """What a table holds.

    Attributes:
        votes: in its order.
        names: what scenes and conditions are called in the table, by our names for them.
        faults: rows that cannot be used, and why.
        rows: how many there are in all.
        read_as: how its answers were understood.
    """

    votes: list[TableVote]
    names: Mapping[tuple[str, str], tuple[str, str]]
    faults: list[str] = field(default_factory=list)
    rows: int = 0
    read_as: str = ""


def read_votes(
    path: Path, columns: Mapping[str, str], answers: str | None = None, winner: Winner = "rows"
) -> VoteTable:
    """Read votes from a table of text, a file that ends in .json (a list of objects), or .npy (counts of wins).

    Args:
        path: the file; its first line, or its first object, names the columns.
        columns: what the file calls a column, by our name for it; several joined by `+` become one, with a minus
            between their values (`condition_A` from `type1+level1`).
        answers: what the answers mean, where that is not clear; see `isptune.study.plan.vote_codings`.
        winner: of a matrix, whether rows or columns won.

    Raises:
        ConfigError: the file cannot be read, a column is missing, its answers fit two readings, two names of the table
            would become one, or there are too many votes.
    """
    if path.suffix.lower() == ".npy":
        return _of_matrices(matrices_of_array(path), path, winner)
    if path.suffix.lower() == ".json":
        return _of_table(_table_of_objects(path), columns, answers, "vote")
    if not columns:
        matrix = matrix_of_rows(*read_lines(path), path)
        if matrix is not None and not _names_columns(path):
            return _of_matrices([matrix], path, winner)
    return _of_table(read_table(path), columns, answers, "line")


def _names_columns(path: Path) -> bool:
    """Whether the first line names columns of votes: then numbers below it are no matrix."""
    try:
        find_columns(read_table(path), {})
    except ConfigError:
        return False
    return True


def _table_of_objects(path: Path) -> Table:
    objects = read_json(path, list[dict[str, _Cell]])
    heads = tuple(objects[0]) if objects else ()
    rows = [
        Row(k, tuple("" if one.get(head) is None else str(one[head]).strip() for head in heads))
        for k, one in enumerate(objects, 1)
    ]
    return Table(path, heads, tuple(rows), ",")


@final
class _Names:
    """Names of scenes and conditions as the study has them; two of a table never become one."""

    def __init__(self, path: Path):
        self.path = path
        self.originals: dict[tuple[str, str], tuple[str, str]] = {}
        self._parts: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {}

    def pair(self, scene: str, first: Sequence[str], second: Sequence[str]) -> Pair:
        """Raises ConfigError for names that would be the same."""
        names = [self._own(scene, tuple(parts)) for parts in (first, second)]
        return Pair(slug(scene), names[0], names[1])

    def _own(self, scene: str, parts: tuple[str, ...]) -> str:
        key = slug(scene), slug("-".join(parts))
        known = self._parts.setdefault(key, (scene, parts))
        if known != (scene, parts):
            one, other = ("/".join((each[0], "+".join(each[1]))) for each in (known, (scene, parts)))
            raise ConfigError(
                f"{one_line(str(self.path))}: {one_line(one)!r} and {one_line(other)!r} would both be called "
                f"{'/'.join(key)}; give them names that differ in letters and digits"
            )
        self.originals[key] = scene, "-".join(parts)
        return key[1]


def _of_table(table: Table, given: Mapping[str, str], answers: str | None, what: str) -> VoteTable:
    columns = find_columns(table, given)
    names = _Names(table.path)
    rows = [_Row(table, columns, row) for row in table.rows]
    if columns.answer is None:
        outcomes, read_as = [_counts(row, columns) for row in rows], "counts of wins"
    else:
        outcomes, read_as = _answered(one_line(str(table.path)), rows, columns, answers)
    votes, faults = [], []
    for row, outcome in zip(rows, outcomes, strict=True):
        fault = row.fault or (outcome if isinstance(outcome, str) else None)
        if fault is not None:
            faults.append(f"{what} {row.line}: {fault}")
            continue
        pair = names.pair(row.scene, row.first, row.second)
        if pair.first == pair.second:
            faults.append(f"{what} {row.line}: {pair.first!r} is compared with itself")
            continue
        assert not isinstance(outcome, str)
        votes += [TableVote(row.observer, row.session, pair, answer) for answer in outcome]
        if len(votes) > MOST_VOTES:
            raise ConfigError(
                f"{one_line(str(table.path))}: has more than {MOST_VOTES} votes, which is the most"
            )
    return VoteTable(votes, names.originals, faults, len(rows), read_as)


@final
class _Row:
    """A row by what its columns are; `fault` says what is missing."""

    def __init__(self, table: Table, columns: Columns, row: Row):
        self._cells, self._place = row.cells, {head: k for k, head in enumerate(table.heads)}
        self._separator, self.line = table.separator, row.line
        self.observer = one_line(self.cell(columns.observer)) or UNKNOWN
        self.session = one_line(self.cell(columns.session)) or "1"
        self.scene = self.cell(columns.scene) or ("" if columns.scene else ALL)
        self.first = [self.cell(name) for name in columns.first]
        self.second = [self.cell(name) for name in columns.second]
        needed = {
            **{name: self.cell(name) for name in (*columns.first, *columns.second)},
            **{name: self.cell(name) for name in (columns.scene, columns.observer) if name},
        }
        empty = [name for name, cell in needed.items() if not cell]
        self.fault = f"has nothing in the column {empty[0]!r}" if empty else None

    def cell(self, head: str | None) -> str:
        return "" if head is None else self._cells[self._place[head]]

    def number(self, head: str | None) -> float | None:
        return number(self.cell(head), self._separator)


Outcome = list[Answer] | str
"""The votes of a row, or why it cannot be used."""


def _answered(
    path: str, rows: Sequence[_Row], columns: Columns, answers: str | None
) -> tuple[list[Outcome], str]:
    given = [GivenAnswer(row.cell(columns.answer), "-".join(row.first), "-".join(row.second)) for row in rows]
    total = next((head for head in _TOTALS if rows and head in rows[0]._place), None)
    if answers is None and total and columns.of != "either" and _are_shares(rows, columns.answer):
        return [_shared_out(row, columns, total) for row in rows], f"shares of {columns.of} of {total} votes"
    try:
        meanings, read_as = read_answers(given, columns.of, answers, columns.answer in _PWCMP_WHICH)
    except ConfigError as error:
        raise ConfigError(f"{path}: column {one_line(columns.answer or '')!r}: {error}") from error
    outcomes: list[Outcome] = []
    for one, meaning in zip(given, meanings, strict=True):
        if meaning is None:
            outcomes.append(fault_of(one.text))
        else:
            outcomes.append([] if meaning == SKIP else [meaning])
    return outcomes, read_as


def _are_shares(rows: Sequence[_Row], head: str | None) -> bool:
    values = [row.number(head) for row in rows]
    return all(v is not None and 0 <= v <= 1 for v in values) and any(v not in (0, 0.5, 1) for v in values)


def _shared_out(row: _Row, columns: Columns, total: str) -> Outcome:
    share, count = row.number(columns.answer), row.number(total)
    if share is None or count is None or not 0 <= count <= MOST_VOTES or count != round(count):
        return f"{row.cell(columns.answer)!r} of {row.cell(total)!r} votes is no share of a whole number"
    won = round(2 * share * count) / 2
    return _expanded(won, count - won) if columns.of == "A" else _expanded(count - won, won)


def _counts(row: _Row, columns: Columns) -> Outcome:
    assert columns.wins is not None
    counts = [row.number(name) if row.cell(name) else 0.0 for name in (*columns.wins, columns.ties)]
    if any(c is None or not 0 <= c <= MOST_VOTES for c in counts):
        return f"{row.cell(columns.wins[0])!r} and {row.cell(columns.wins[1])!r} are no counts of wins"
    first, second, ties = (float(count or 0) for count in counts)
    return _expanded(first, second, ties)


def _expanded(first: float, second: float, ties: float = 0.0) -> Outcome:
    """So many votes; a half on either side is one for no difference."""
    halves = first % 1, second % 1
    if halves not in ((0.0, 0.0), (0.5, 0.5)) or ties % 1:
        return f"{first:g} to {second:g} wins are no counts: whole numbers, or halves on both sides for no difference"
    none = int(ties) + (1 if halves[0] else 0)
    counts: tuple[tuple[Answer, int], ...] = (
        ("first", math.floor(first)),
        ("none", none),
        ("second", math.floor(second)),
    )
    return [answer for answer, count in counts for _ in range(count)]


def _of_matrices(matrices: Sequence[CountMatrix], path: Path, winner: Winner) -> VoteTable:
    names, votes, faults, rows = _Names(path), [], [], 0
    for matrix in matrices:
        wins = matrix.wins if winner == "rows" else matrix.wins.T
        if wins.sum() > MOST_VOTES:
            raise ConfigError(f"{one_line(str(path))}: has more than {MOST_VOTES} votes, which is the most")
        for i in range(len(wins)):
            for j in range(i + 1, len(wins)):
                if not wins[i, j] and not wins[j, i]:
                    continue
                rows += 1
                outcome = _expanded(float(wins[i, j]), float(wins[j, i]))
                if isinstance(outcome, str):
                    faults.append(f"{matrix.names[i]} and {matrix.names[j]}: {outcome}")
                    continue
                pair = names.pair(matrix.scene or path.stem, [matrix.names[i]], [matrix.names[j]])
                votes += [TableVote(UNKNOWN, "1", pair, answer) for answer in outcome]
    other = "columns" if winner == "rows" else "rows"
    return VoteTable(votes, names.originals, faults, rows, f"counts of how often {winner} won over {other}")
