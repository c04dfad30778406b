"""Places in a file of any of the formats, told by text: where they are, what stands there, and what may stand there.

==========  ============================================  ==========================================================
format      file names that end in                        a place is
==========  ============================================  ==========================================================
json, yaml  .json, .yaml, .yml                            keys with dots, or a pointer: `pipelines.in_place.key_paths`
xml         .xml                                          a path: `pipelines.in_place.xml_text`
ini         .ini, .cfg, .conf, .toml, .properties         `section.key`: `pipelines.in_place.ini_text`
regex       .h, .hpp, .c, .cpp, .txt, .lua, .py, .m       a regular expression with one group, which is the value
==========  ============================================  ==========================================================
"""

import re
from dataclasses import dataclass
from functools import cached_property
from html import escape, unescape
from pathlib import PurePath
from typing import Literal, final, get_args

from isptune.errors import ConfigError
from pipelines.in_place.ini_text import find_in_ini
from pipelines.in_place.key_paths import path_steps, select
from pipelines.in_place.nodes import Node, parse_nodes, unquoted
from pipelines.in_place.numbers import NUMBER
from pipelines.in_place.text import SourceText, Span, source_text
from pipelines.in_place.xml_text import Element, find_in_elements, parse_elements

Format = Literal["json", "yaml", "xml", "ini", "regex"]
FORMATS: tuple[Format, ...] = get_args(Format)
ENDINGS: dict[str, Format] = {
    ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".xml": "xml",
    **dict.fromkeys((".ini", ".cfg", ".conf", ".toml", ".properties"), "ini"),
    **dict.fromkeys((".h", ".hpp", ".c", ".cpp", ".txt", ".lua", ".py", ".m"), "regex"),
}  # fmt: skip


_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """What was found at a place.

    Attributes:
        span: of the value, with its quotes if it has some.
        cells: of a list, its items; None of anything else.
        is_table: whether it is no value but a table of some.
    """

    span: Span
    cells: tuple[Span, ...] | None = None
    is_table: bool = False


def format_of(file: str) -> Format:
    """The format of a file by its ending. Raises ConfigError for one that is not known."""
    ending = PurePath(file).suffix.lower()
    if ending not in ENDINGS:
        raise ConfigError(f"{file}: which format has it? Give format = {', '.join(FORMATS)}")
    return ENDINGS[ending]


@final
class TextPlaces:
    """A file whose values are found by their places; it is read once, when the first is asked for.

    Args:
        data: the file.
        name: what it is called, for messages.
        form: how its places are told.
    """

    def __init__(self, data: bytes, name: str, form: Format):
        self.source: SourceText = source_text(data)
        self.name, self.form = name, form
        self._found: dict[str, list[Place]] = {}

    @property
    def text(self) -> str:
        return self.source.text

    def find(self, at: str) -> list[Place]:
        """All that is at a place. Raises ConfigError for a file or a place that cannot be read."""
        try:
            if at not in self._found:
                self._found[at] = self._find(at)
            return self._found[at]
        except ConfigError as error:
            raise ConfigError(f"{self.name}: {error}") from error

    def one(self, at: str) -> Place:
        """What is at a place. Raises ConfigError where nothing is there, or more than one thing."""
        found = self.find(at)
        if len(found) != 1:
            many = f"is there {len(found)} times" if found else "is not there"
            raise ConfigError(f"{self.name}: {at!r} {many}")
        return found[0]

    def cells(self, at: str) -> list[Span]:
        """The values at a place: the items of a list, the numbers of a text, or what several places hold.

        Raises:
            ConfigError: nothing is there, or an item is no single value.
        """
        found = self.find(at)
        if not found:
            raise ConfigError(f"{self.name}: {at!r} is not there")
        if len(found) > 1:
            return [self._number_in(place, at) for place in found]
        if found[0].cells is not None:
            return list(found[0].cells)
        return self._numbers(self._value(found[0], at))

    def scalar(self, at: str, number: bool) -> Span:
        """Where the one value of a place stands, without its quotes; of a number, what says it."""
        place = self.one(at)
        return self._number_in(place, at) if number else self._value(place, at)

    def said(self, span: Span) -> str:
        """What stands there as it is meant: without escapes."""
        token = self.text[span.start : span.end]
        if self.form == "xml":
            return unescape(token)
        quote = self.text[span.start - 1 : span.start]
        if (
            self.form in ("json", "yaml")
            and quote in ("'", '"')
            and quote == self.text[span.end : span.end + 1]
        ):
            return unquoted(f"{quote}{token}{quote}")
        return token

    def written(self, span: Span, value: str) -> str:
        """A text as it is written there."""
        if self.form == "xml":
            return escape(value)
        quote = self.text[span.start - 1 : span.start]
        quoted = quote in ("'", '"') and quote == self.text[span.end : span.end + 1]
        if self.form == "yaml" and not quoted and not re.fullmatch(r"[A-Za-z0-9_./+-]+", value):
            quote, value = '"', f'"{value}"'
            return '"' + re.sub(r'(["\\])', r"\\\1", value[1:-1]) + '"'
        if self.form in ("json", "yaml") and quoted:
            return value.replace("'", "''") if quote == "'" else re.sub(r'(["\\])', r"\\\1", value)
        return value

    def _find(self, at: str) -> list[Place]:
        if self.form in ("json", "yaml"):
            return [_of_node(node) for node in select(self.text, self._nodes, path_steps(at))]
        if self.form == "xml":
            return [Place(span) for span in self._in_xml(at)]
        if self.form == "ini":
            return [Place(span) for span in find_in_ini(self.text, at)]
        return [Place(Span(*found.span(1))) for found in pattern_of(at).finditer(self.text)]

    def _in_xml(self, at: str) -> list[Span]:
        """By a path; the last `[n]` of one that leads nowhere is the number of a list that stands in a single text."""
        found = find_in_elements(self.text, self._elements, at)
        last = re.fullmatch(r"(.*[^/])\[([1-9]\d*)\]", at)
        if found or last is None:
            return found
        whole = find_in_elements(self.text, self._elements, last[1])
        return self._numbers(whole[0])[int(last[2]) - 1 :][:1] if len(whole) == 1 else []

    @cached_property
    def _nodes(self) -> Node:
        return parse_nodes(self.text)

    @cached_property
    def _elements(self) -> Element:
        return parse_elements(self.text)

    def _value(self, place: Place, at: str) -> Span:
        """A single value, without its quotes."""
        if place.is_table or place.cells is not None:
            what = "a table" if place.is_table else f"a list of {len(place.cells or ())}"
            raise ConfigError(
                f"{self.name}: {at!r} is {what}, not a value; name one of it, or give index or node"
            )
        start, end = place.span.start, place.span.end
        token = self.text[start:end]
        quoted = (
            self.form in ("json", "yaml") and len(token) > 1 and token[0] == token[-1] and token[0] in "\"'"
        )
        return Span(start + quoted, end - quoted)

    def _numbers(self, span: Span) -> list[Span]:
        """The numbers of a text, without those of comments in a source file."""
        found = [Span(*one.span()) for one in NUMBER.finditer(self.text, span.start, span.end)]
        if self.form != "regex":
            return found
        comments = [one.span() for one in _COMMENT.finditer(self.text, span.start, span.end)]
        return [one for one in found if not any(start <= one.start < end for start, end in comments)]

    def _number_in(self, place: Place, at: str) -> Span:
        """The one number that a value says."""
        span = self._value(place, at)
        numbers = self._numbers(span)
        if len(numbers) != 1:
            shown = self.text[span.start : span.end][:40]
            several = "; give index, from 0, or node to say which" if numbers else ""
            raise ConfigError(f"{self.name}: {at!r} is {shown!r}, not a number{several}")
        return numbers[0]


def pattern_of(at: str) -> "re.Pattern[str]":
    """A place that is told as a regular expression, `^` and `$` at each line's ends. Raises ConfigError."""
    try:
        pattern = re.compile(at, re.MULTILINE)
    except re.error as error:
        raise ConfigError(f"{at!r} is no regular expression: {error}") from error
    if pattern.groups != 1:
        raise ConfigError(
            f"{at!r} has {pattern.groups} groups; the one group of it is where the value stands"
        )
    return pattern


def _of_node(node: Node) -> Place:
    if node.kind != "list":
        return Place(node.span, is_table=node.kind == "table")
    return Place(node.span, tuple(item.span for item in node.items))
