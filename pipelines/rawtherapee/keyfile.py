"""The text of a profile: sections of KEY=VALUE lines (GLib's key files), edited such that every other byte stays.

A byte order mark, line ends of either kind, comments, blank lines, spaces around `=`, and what is no line of such a
file at all, are kept as they stand. As for GLib, of a key that stands twice the last one counts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

Place = tuple[str, str]
"""Section and key."""

_SECTION = re.compile(r"\[([^\]]+)\][ \t]*$")
_PAIR = re.compile(r"[ \t]*([^=#\[]*?[^=#\[ \t]|[^=#\[ \t])[ \t]*=[ \t]*")
MARK = "\ufeff"


@final
@dataclass(frozen=True)
class KeyFile:
    """A profile's text, whatever its bytes are: those that are no UTF-8 come back as they were."""

    text: str

    @classmethod
    def of(cls, data: bytes) -> "KeyFile":
        return cls(data.decode("utf-8", "surrogateescape"))

    def to_bytes(self) -> bytes:
        return self.text.encode("utf-8", "surrogateescape")

    @property
    def keys(self) -> Mapping[Place, str]:
        """Every key's value, without the spaces around it."""
        return self._read[0]

    @property
    def sections(self) -> list[str]:
        """The sections' names in order, each once."""
        return list(self._read[2])

    def with_keys(self, wanted: Mapping[Place, str]) -> "KeyFile":
        """The same text with other values; what it lacks is added at the end of its section, or of the file.

        A key whose value is the wanted one already keeps its line, however it is written.
        """
        lines = list(self._lines)
        _, places, ends = self._read
        added: dict[str, list[str]] = {}
        for place, value in wanted.items():
            if self.keys.get(place) == value:
                continue
            if place in places:
                number = places[place]
                head, tail = _PAIR.match(lines[number]), _line_end(lines[number])
                assert head is not None, lines[number]
                lines[number] = f"{head[0]}{value}{tail}"
            else:
                added.setdefault(place[0], []).append(f"{place[1]}={value}")
        newline = next((_line_end(line) for line in self._lines if _line_end(line)), "\n")
        for section in sorted(added, key=lambda name: ends.get(name, -1), reverse=True):
            new = [line + newline for line in added[section]]
            if section in ends:
                _insert(lines, ends[section] + 1, new, newline)
        for section in (name for name in added if name not in ends):
            blank = [newline] if "".join(lines).strip(MARK) else []
            head = [*blank, f"[{section}]{newline}"]
            _insert(lines, len(lines), [*head, *(line + newline for line in added[section])], newline)
        return KeyFile("".join(lines))

    @cached_property
    def _lines(self) -> list[str]:
        return re.findall(r"[^\n]*\n|[^\n]+", self.text)

    @cached_property
    def _read(self) -> tuple[dict[Place, str], dict[Place, int], dict[str, int]]:
        """Values and line numbers by place, and the last line of each section that is not blank."""
        values: dict[Place, str] = {}
        places: dict[Place, int] = {}
        ends: dict[str, int] = {}
        section = ""
        for number, line in enumerate(self._lines):
            bare = line.rstrip("\r\n").removeprefix(MARK if number == 0 else "")
            if found := _SECTION.match(bare):
                section = found[1]
            if section and bare.strip():
                ends[section] = number
            if section and (pair := _PAIR.match(bare)):
                values[section, pair[1]] = bare[pair.end() :].strip()
                places[section, pair[1]] = number
        return values, places, ends


def _line_end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _insert(lines: list[str], place: int, new: list[str], newline: str) -> None:
    """Put lines in; a last line of the file that had no end gets one."""
    if place and not _line_end(lines[place - 1]):
        lines[place - 1] += newline
    lines[place:place] = new
