"""Values set in the text of a JSON file, with every other byte left as it stands."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from isptune.system.records import parse_json

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Span:
    """Where a value stands in the text: from `start` up to `end`, without blanks around it."""

    start: int
    end: int


@final
class JsonText:
    """A JSON text whose values are found by their path, and replaced in place.

    Args:
        text: the file.
        name: what it is, for messages.

    Raises:
        ConfigError: the text is no JSON.
    """

    def __init__(self, text: str, name: str):
        self.text, self.name = text, name
        self._edits: list[tuple[int, int, str]] = []
        self.value: Any = parse_json(text, name)
        self.whole = self._span(_skip(text, 0))

    def _span(self, start: int) -> Span:
        return Span(start, _DECODER.raw_decode(self.text, start)[1])

    def read(self, span: Span) -> Any:
        """The value at a place."""
        return json.loads(self.text[span.start : span.end])

    def members(self, span: Span) -> dict[str, Span]:
        """The values of an object by key; of a key that repeats the last, as readers take it. Nothing else has any."""
        found: dict[str, Span] = {}
        place = _skip(self.text, span.start + 1)
        while self.text[span.start] == "{" and self.text[place] != "}":
            key, place = _DECODER.raw_decode(self.text, place)
            found[key] = self._span(_skip(self.text, _skip(self.text, place) + 1))
            place = self._after(found[key])
        return found

    def items(self, span: Span) -> list[Span]:
        """The elements of a list; nothing else has any."""
        found: list[Span] = []
        place = _skip(self.text, span.start + 1)
        while self.text[span.start] == "[" and self.text[place] != "]":
            found.append(self._span(place))
            place = self._after(found[-1])
        return found

    def _after(self, span: Span) -> int:
        """Where the next key or element begins, or the bracket that closes."""
        place = _skip(self.text, span.end)
        return _skip(self.text, place + 1) if self.text[place] == "," else place

    def replace(self, span: Span, number: float | int) -> None:
        """Put a number in a value's place; one that is equal already keeps its digits."""
        if self.read(span) != number:
            self._edits.append((span.start, span.end, json.dumps(number)))

    def add(self, span: Span, pairs: Sequence[tuple[str, float]]) -> None:
        """Add members to an object, on lines of their own where its members have such."""
        known = list(self.members(span).values())
        texts = [f"{json.dumps(key)}: {json.dumps(number)}" for key, number in pairs]
        if not known:
            self._edits.append((span.start, span.end, "{ " + ", ".join(texts) + " }"))
            return
        first = _BLANK.match(self.text, span.start + 1)
        indent = first.group() if first else " "
        self._edits.append((known[-1].end, known[-1].end, "".join(f",{indent}{text}" for text in texts)))

    def edited(self) -> str:
        """The text with all replacements made."""
        text = self.text
        for start, end, new in sorted(self._edits, reverse=True):
            text = text[:start] + new + text[end:]
        return text


def _skip(text: str, place: int) -> int:
    """The first place from here on that is no blank."""
    found = _BLANK.match(text, place)
    return found.end() if found else place
