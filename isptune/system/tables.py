"""Tables of text as people have them: comma, semicolon, tab, bar or blanks between cells; UTF-8, or what Excel writes.

The separator is that of the first line; a first line `sep=;`, as Excel takes it, says it. Quotes are those of CSV.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import ConfigError, one_line
from isptune.system.records import read_bytes

SEPARATORS = (";", "\t", "|", ",")
"""Of those that a line has equally often, the first: a comma may be a decimal one."""
BLANKS = " "
_SAID = re.compile(r"sep=(.)\s*")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


@dataclass(frozen=True)
class Row:
    """A line's number, from 1, and its cells, without blanks around them."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table with names over its columns.

    Attributes:
        path: of the file, for messages.
        heads: the names.
        rows: those that are not empty; short ones are filled up with empty cells.
        separator: what stood between cells.
    """

    path: Path
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    separator: str

    def place(self, head: str) -> int:
        """Where a column stands. Raises ConfigError for one that is not there, or there twice."""
        found = [k for k, name in enumerate(self.heads) if name == head]
        if len(found) == 1:
            return found[0]
        shown, known = one_line(str(self.path)), one_line(", ".join(self.heads))[:500] or "none"
        if found:
            raise ConfigError(
                f"{shown}: has the column {one_line(head)!r} {len(found)} times; it has: {known}"
            )
        raise ConfigError(f"{shown}: has no column {one_line(head)!r}; it has: {known}")

    def column(self, head: str) -> list[str]:
        """The cells of a column. Raises ConfigError as `place`."""
        place = self.place(head)
        return [row.cells[place] for row in self.rows]


def read_lines(path: Path) -> tuple[list[Row], str]:
    """All rows of a file that has no names over its columns, and its separator.

    Raises:
        ConfigError: it cannot be read, is no text, or its quotes do not close.
    """
    text = _decoded(path)
    first = text.lstrip("\ufeff\r\n").partition("\n")[0]
    said = _SAID.fullmatch(first)
    if said:
        text = "\n" + text.partition("\n")[2]
    separator = said[1] if said else _separator(first)
    try:
        rows = [row for row in _split(text, separator) if any(row.cells)]
    except csv.Error as error:
        raise ConfigError(f"{one_line(str(path))}: is no table that can be read: {error}") from error
    return rows, separator


def read_table(path: Path) -> Table:
    """A table whose first line names its columns.

    Raises:
        ConfigError: as `read_lines`, or a row has more cells than there are names.
    """
    rows, separator = read_lines(path)
    if not rows:
        return Table(path, (), (), separator)
    heads = rows[0].cells
    while heads and not heads[-1]:
        heads = heads[:-1]
    return Table(path, heads, tuple(_filled(row, len(heads), path) for row in rows[1:]), separator)


def normalised(name: str) -> str:
    """A column's name as it is compared: lower case, one `_` for whatever is no letter or digit."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def number(text: str, separator: str = ",") -> float | None:
    """A cell as a number; None for what is none. A decimal comma is one where commas do not part cells."""
    try:
        return float(text.replace(",", ".") if separator != "," and text.count(",") == 1 else text)
    except ValueError:
        return None


def listed(faults: Iterable[str], named: int = 3) -> str:
    """The first few faults, and how many more there are."""
    found = list(faults)
    more = f"; and {len(found) - named} more" if len(found) > named else ""
    return "; ".join(found[:named]) + more


def _decoded(path: Path) -> str:
    data = read_bytes(path)
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{one_line(str(path))}: is no text in UTF-8 ({error.reason}); save it as that"
        ) from error
    if "\0" in text:
        raise ConfigError(f"{one_line(str(path))}: is no text: it holds zero bytes")
    return text.replace("\r\n", "\n").replace("\r", "\n")  # lines end so in tables of old programs


def _separator(line: str) -> str:
    counts = Counter(sign for sign in re.sub(r'"[^"]*"', "", line) if sign in SEPARATORS)
    if counts:
        return max(SEPARATORS, key=lambda sign: counts[sign])
    return BLANKS if len(line.split()) > 1 else ","


def _split(text: str, separator: str) -> Iterable[Row]:
    if separator == BLANKS:
        for number_, line in enumerate(text.splitlines(), 1):
            yield Row(number_, tuple(line.split()))
        return
    rows = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True, strict=True)
    for cells in rows:
        yield Row(rows.line_num, tuple(cell.strip() for cell in cells))


def _filled(row: Row, count: int, path: Path) -> Row:
    if len(row.cells) > count and any(row.cells[count:]):
        raise ConfigError(
            f"{one_line(str(path))}, line {row.line}: {len(row.cells)} cells under {count} names of columns"
        )
    return Row(row.line, (*row.cells, *[""] * count)[:count])
