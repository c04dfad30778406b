"""INI files, and what is written like them: where the value of `section.key` stands."""

import re

from pipelines.in_place.text import Span

_SECTION = re.compile(r"\s*\[+\s*(?P<name>[^\]]*?)\s*\]+\s*(?:[#;].*)?$")
_ENTRY = re.compile(
    r"\s*(?P<key>[^\s=:#;\[][^=:]*?)\s*(?:=|:)\s*(?P<value>\"[^\"]*\"|'[^']*'|.*?)\s*(?:(?<=[\s\"'])[#;].*)?$"
)


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
        entry = None if heading else _ENTRY.match(bare)
        if heading:
            section = f"{heading['name']}."
        elif entry and section + entry["key"].lstrip("\ufeff") == at:
            start, end = (place + side for side in entry.span("value"))
            quoted = end - start > 1 and text[start] == text[end - 1] and text[start] in "\"'"
            found.append(Span(start + quoted, end - quoted))
        place += len(line)
    return found
