"""The bytes of a text file as text that becomes the same bytes again, and replacements in it."""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from isptune.errors import ConfigError, one_line

_MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*\bencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")


class Span(NamedTuple):
    """A part of a text: from `start` up to `end`. A tuple, since a file has tens of thousands."""

    start: int
    end: int


@dataclass(frozen=True)
class Edit:
    """A part of a text and what takes its place."""

    span: Span
    new: str


@dataclass(frozen=True)
class SourceText:
    """A file's text; a byte order mark is its first character, and line ends are as they were.

    Attributes:
        text: what the file says.
        encoding: how it is written; bytes that it cannot hold are kept as lone surrogates.
    """

    text: str
    encoding: str

    def encoded(self, text: str) -> bytes:
        """A text as the file would hold it. Raises ConfigError for a character that its encoding has not."""
        try:
            return text.encode(self.encoding, _errors(self.encoding))
        except UnicodeEncodeError as error:
            raise ConfigError(
                f"{error.object[error.start : error.end]!r} cannot be written in {self.encoding}"
            ) from error


def source_text(data: bytes) -> SourceText:
    """A file's bytes as text: UTF-16 by its mark, what XML declares if that gives the same bytes, else UTF-8."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return SourceText(data.decode(encoding, "surrogatepass"), encoding)
    declared = _DECLARED.match(data)
    if declared:
        name = declared[1].decode("ascii")
        try:
            text = data.decode(name)
            if text.encode(name) == data:
                return SourceText(text, name)
        except (LookupError, UnicodeError):
            pass
    return SourceText(data.decode("utf-8", "surrogateescape"), "utf-8")


def _errors(encoding: str) -> str:
    return (
        "surrogateescape"
        if encoding == "utf-8"
        else "surrogatepass"
        if encoding.startswith("utf-16")
        else "strict"
    )


def with_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with all replacements made. Raises ConfigError where two of them are in one place and differ."""
    parts: list[str] = []
    place = 0
    for edit in sorted(set(edits), key=lambda e: (e.span.start, e.span.end, e.new)):
        if edit.span.start < place:
            raise ConfigError(f"{line_and_column(text, edit.span.start)} is written to twice: {edit.new}")
        parts += (text[place : edit.span.start], edit.new)
        place = edit.span.end
    return "".join((*parts, text[place:]))


def line_and_column(text: str, place: int) -> str:
    """Where a place is, for messages."""
    return f"line {text.count(chr(10), 0, place) + 1}, column {place - text.rfind(chr(10), 0, place)}"


def unreadable(text: str, place: int, what: str) -> ConfigError:
    """The error for a text that is not what it should be; its message says where."""
    return ConfigError(f"{line_and_column(text, place)}: {one_line(what)}")
