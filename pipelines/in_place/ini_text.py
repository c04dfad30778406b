"""INI files, and what is written like them: where the value of `section.key` stands."""

import re

from pipelines.in_place.text import Span

# Each way through these is the only one: a line that is none of them is given up in one pass, however long.
_SECTION = re.compile(r"\s*\[+(?P<name>(?!\[)[^\]]*)\]+\s*(?:[#;].*)?$")
_KEY = re.compile(r"\s*(?P<key>[^\s=:#;\[][^=:]*)[=:]\s*")
_QUOTED = re.compile(r"(\"[^\"]*\"|'[^']*')\s*(?:[#;].*)?$")
_COMMENT = re.compile(r"(?<=[\s\"'])[#;]")


def find_in_ini(text: str, at: str) -> list[Span]:
    """Where the values of a key stand: `section.key`, or `key` before the first section.

    A line is `key = value` or `key: value`; behind a blank, `;` and `#` begin a comment. Of a value in quotes it is
    what stands between them. Names of sections and keys may have dots.
    """
    found: list[Span] = []
    section, place = "", 0
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        heading = _SECTION.match(bare.lstrip("\ufeff"))
        entry = None if heading else _KEY.match(bare)
        if heading:
            section = f"{heading['name'].strip()}."
        elif entry and section + entry["key"].rstrip().lstrip("\ufeff") == at:
            start, end = (place + side for side in (entry.end(), _value_end(bare, entry.end())))
            quoted = end - start > 1 and text[start] == text[end - 1] and text[start] in "\"'"
            found.append(Span(start + quoted, end - quoted))
        place += len(line)
    return found


def _value_end(line: str, start: int) -> int:
    """Where the value ends that begins there: before a comment, and the blanks before that."""
    quoted = _QUOTED.match(line, start)
    if quoted:
        return quoted.end(1)
    comment = _COMMENT.search(line, start)
    return start + len(line[start : comment.start() if comment else None].rstrip())
