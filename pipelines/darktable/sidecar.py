"""The XML of a sidecar: the entries of its history and where they stand, edited such that every other byte stays.

A sidecar is a file from elsewhere: of its XML only elements and attributes are read, a document type (which could name
entities) is refused, and packed parameters may not grow beyond what a module has.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final
from xml.parsers import expat

from isptune.errors import ConfigError
from pipelines.darktable.modules import Module

_DARKTABLE = "http://darktable.sf.net/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_MOST_BYTES = 1 << 16
_ATTRIBUTE = re.compile(rb"\s([^\s=<>/]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")

Span = tuple[int, int]
"""Where something stands, in bytes: its first, and the one behind its last."""


@final
@dataclass(frozen=True)
class Entry:
    """One step of a history.

    Attributes:
        number: its place.
        operation, version, params: of the module; parameters as they are written.
        enabled: whether it is on.
        priority: which instance of the module it is; 0 is the first.
        spans: where the values of its attributes stand, by name.
    """

    number: int
    operation: str
    version: str
    params: str
    enabled: bool
    priority: str
    spans: dict[str, Span]


@final
@dataclass
class _Found:
    entries: list[Entry] = field(default_factory=list)
    odd: bool = False
    end: tuple[int, Span] | None = None
    history: Span | None = None  # the tag of its empty sequence, or the place of its closing tag
    prefixes: dict[str, str] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class SidecarText:
    """A sidecar's bytes; `name` is for messages. Raises ConfigError where it is looked at and is no sidecar."""

    data: bytes
    name: str

    @property
    def entries(self) -> list[Entry]:
        return self._found.entries

    @cached_property
    def effective(self) -> dict[tuple[str, str], Entry]:
        """By module and instance the last entry before the end of the history."""
        end = self._found.end
        return {
            (entry.operation, entry.priority): entry
            for entry in sorted(self.entries, key=lambda entry: entry.number)
            if end is None or entry.number < end[0]
        }

    @cached_property
    def closed(self) -> str | None:
        """Why no entry can be added; None where that can be."""
        found = self._found
        if found.odd or found.history is None:
            return "its history is written in another form"
        if len(self.effective) and any(found.end and entry.number >= found.end[0] for entry in self.entries):
            return "its history goes on behind the step that is used"
        return None

    def edited(self, changes: Sequence[tuple[Entry, bytes]], added: Sequence[Module]) -> "SidecarText":
        """The same bytes with other parameters of some entries, which are then on, and with new entries at the end."""
        edits: list[tuple[Span, bytes]] = []
        for entry, params in changes:
            text = packed(params) if entry.params.startswith("gz") else params.hex()
            edits.append((entry.spans["params"], text.encode()))
            if not entry.enabled:
                edits.append((entry.spans["enabled"], b"1"))
        if added:
            edits += self._additions(added)
        data = self.data
        for (start, stop), new in sorted(edits, reverse=True):
            data = data[:start] + new + data[stop:]
        return SidecarText(data, self.name)

    def _additions(self, added: Sequence[Module]) -> list[tuple[Span, bytes]]:
        found = self._found
        assert found.history is not None
        first = max((entry.number + 1 for entry in self.entries), default=0)
        own, rdf = found.prefixes[_DARKTABLE], found.prefixes[_RDF]
        lines = b"".join(_entry(module, first + i, own, rdf) for i, module in enumerate(added))
        start, stop = found.history
        if start == stop:
            edits = [((start, stop), lines)]
        else:
            tag = self.data[start:stop].rstrip(b"/> \t\r\n")
            edits = [((start, stop), tag + b">" + lines + f"</{rdf}Seq>".encode())]
        last = first + len(added)
        if found.end is not None and found.end[0] < last:
            edits.append((found.end[1], str(last).encode()))
        return edits

    @cached_property
    def _found(self) -> _Found:
        return _Reader(self.data, self.name).found


def _entry(module: Module, number: int, own: str, rdf: str) -> bytes:
    fields = {
        "num": number,
        "operation": module.operation,
        "enabled": 1,
        "modversion": module.version,
        "params": module.params.hex(),
        "multi_name": "",
        "multi_priority": 0,
    }
    attributes = " ".join(f'{own}{key}="{value}"' for key, value in fields.items())
    return f"<{rdf}li {attributes}/>\n".encode()


class _Reader:
    """Reads the XML once."""

    def __init__(self, data: bytes, name: str):
        self.data, self.name, self.found = data, name, _Found()
        self._path: list[str] = []
        parser = self._parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartNamespaceDeclHandler = self._prefix
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise ConfigError(f"{name}: is no sidecar that can be read: {error}") from error

    def _refuse(self, *_: Any) -> None:
        raise ConfigError(f"{self.name}: has a document type, which no sidecar of darktable has")

    def _prefix(self, prefix: str | None, uri: str) -> None:
        self.found.prefixes[uri] = f"{prefix}:" if prefix else ""

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(tag)
        own = {key.rpartition(" ")[2]: text for key, text in attributes.items() if key.startswith(_DARKTABLE)}
        if tag.startswith(f"{_DARKTABLE} history_"):
            self.found.odd = True  # as darktable before 1.6: a list for each kind of attribute
        if own.get("history_end", "").isdecimal() and len(own["history_end"]) < 10:  # else all of it counts
            self.found.end = int(own["history_end"]), self._spans()["history_end"]
        if self._in_history and tag == f"{_RDF} Seq" and self._tag.endswith(b"/>"):
            at = self._parser.CurrentByteIndex
            self.found.history = at, at + len(self._tag)
        if tag == f"{_RDF} li" and "operation" in own:
            self._add(own)
        elif tag == f"{_RDF} li" and self._in_history:
            self.found.odd = True

    def _end(self, tag: str) -> None:
        if self._in_history and tag == f"{_RDF} Seq" and self.found.history is None:
            at = self._parser.CurrentByteIndex
            self.found.history = at, at
        self._path.pop()

    @property
    def _in_history(self) -> bool:
        return f"{_DARKTABLE} history" in self._path

    def _add(self, own: dict[str, str]) -> None:
        place = len(self.found.entries)
        self.found.entries.append(
            Entry(
                number=int(number) if (number := own.get("num", "")).isdecimal() else place,
                operation=own["operation"],
                version=own.get("modversion", ""),
                params=own.get("params", ""),
                enabled=own.get("enabled") == "1",
                priority=own.get("multi_priority", "0"),
                spans=self._spans(),
            )
        )

    @property
    def _tag(self) -> bytes:
        """The start tag that is being read: up to the first `>` outside of quotes."""
        start = self._parser.CurrentByteIndex
        found = re.compile(rb"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>").match(self.data, start)
        if found is None:
            raise ConfigError(f"{self.name}: is no sidecar that can be read: it is not written in UTF-8")
        return found[0]

    def _spans(self) -> dict[str, Span]:
        """Where the values of the tag's attributes stand, by their names without a prefix."""
        start = self._parser.CurrentByteIndex
        return {
            found[1].rpartition(b":")[2].decode(errors="replace"): (start + at[0], start + at[1])
            for found in _ATTRIBUTE.finditer(self._tag)
            for at in [found.span(2) if found[2] is not None else found.span(3)]
        }


def unpacked(text: str, what: str) -> bytes:
    """Parameters in hexadecimal digits, or `gz`, two digits and base64 of what zlib made of them.

    Raises:
        ConfigError: they are damaged.
    """
    try:
        if not text.startswith("gz"):
            return bytes.fromhex(text)
        return zlib.decompressobj().decompress(base64.b64decode(text[4:], validate=True), _MOST_BYTES)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise ConfigError(f"{what} cannot be read: {error}") from error


def packed(params: bytes) -> str:
    """Parameters as darktable packs them; the digits say how much smaller they became, at most 99 times."""
    small = zlib.compress(params)
    return f"gz{min(len(params) // len(small) + 1, 99):02d}{base64.b64encode(small).decode()}"
