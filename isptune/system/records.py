"""JSON and TOML as typed records: the one place where both are read, whether they come from a file or over a wire.

A record is a frozen dataclass. Its types say what a file may hold; msgspec checks them, and what is wrong is told in
one line with the file, the place in it, the value, and what is allowed: `isp.toml: param[0].range = [1] must be a list
of length 2`. Of two libraries that do this (cattrs, MIT, is the other) msgspec (BSD) converts dataclasses strictly,
so that "3" is no number, needs no package beside itself, and is imported in half the time.

What comes from elsewhere is bounded before it is looked at: in bytes, in depth, and in the digits of its numbers;
NaN, infinity and halves of characters (lone surrogates) are refused.
"""

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, BinaryIO, TypeVar

import msgspec

from isptune.errors import ConfigError, IsptuneError, one_line
from isptune.system.faults import Steps, in_words, items, refuse_unknown_keys, shown, shown_steps

LARGEST_BYTES = 64 * 2**20
"""Of a file or an answer, where its reader names no other bound."""

DEEPEST = 64
"""Lists and tables inside each other; a deeper one is made to exhaust what walks through it."""

LARGEST_INTEGER = 2**63 - 1

Count = Annotated[int, msgspec.Meta(ge=0)]
Size = Annotated[int, msgspec.Meta(ge=1, le=4096)]
"""A width or a depth that somebody else's file names, and that memory is taken for."""
Attempts = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Few = Annotated[int, msgspec.Meta(ge=1, le=64)]
"""How many layers, heads or members a network has, by such a file."""
Pixels = Annotated[int, msgspec.Meta(ge=1, le=65536)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=366 * 86400)]
"""A time to wait: more than a year is a slip, and more than the system's clocks can count."""
Megabytes = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

Record = TypeVar("Record")
Refusal = type[IsptuneError]
Kind = type[Record] | GenericAlias
"""A class, or a list or table of one: `dict[str, float]`."""

_LEFT_OUT = "left out"


def optional(default: Any = MISSING, *, factory: Any = MISSING) -> Any:
    """A field that is written only where it is not at its default."""
    given = default if factory is MISSING else factory()
    return _field(default, factory, lambda _, value: value is given or value == given)


def unless(condition: Callable[[Any], bool], default: Any) -> Any:
    """A field that is written unless a condition on its record holds."""
    return _field(default, MISSING, lambda record, _: condition(record))


def _field(default: Any, factory: Any, left_out: Callable[[Any, Any], bool]) -> Any:
    return field(default=default, default_factory=factory, metadata={_LEFT_OUT: left_out})


def plain(value: Any) -> Any:
    """A record as tables and lists.

    Raises:
        ConfigError: a text that UTF-8 cannot hold, as names of files may be.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: plain(held)
            for f in fields(value)
            if not _is_left_out(f, value, held := getattr(value, f.name))
        }
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str) and not _is_text(value):
        raise ConfigError(f"{value!r} is no text that a file can hold: it has halves of characters")
    return value


def _is_left_out(part: "Field[Any]", record: Any, value: Any) -> bool:
    rule = part.metadata.get(_LEFT_OUT)
    return rule is not None and rule(record, value)


def to_json(value: Any) -> bytes:
    """A record, or plain data, as a JSON file. JSON knows no NaN or infinity: they become null."""
    return (json.dumps(_without_nan(plain(value)), indent=2, allow_nan=False) + "\n").encode()


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_json(
    path: Path, kind: Kind[Record], refusal: Refusal = ConfigError, largest: int = LARGEST_BYTES
) -> Record:
    """The record in a JSON file. Raises `refusal`, as all that follow, in one line that names the file."""
    return convert(
        parse_json(read_bytes(path, refusal, largest), str(path), refusal), kind, str(path), refusal
    )


def read_bytes(path: Path, refusal: Refusal = ConfigError, largest: int = LARGEST_BYTES) -> bytes:
    """What a file holds, if that is not too much."""
    name = one_line(str(path))
    try:
        with path.open("rb") as file:
            data = b"".join(_pieces(file, largest + 1))
    except FileNotFoundError as error:
        raise refusal(f"{name}: no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise refusal(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > largest:
        raise refusal(f"{name}: is larger than {_in_bytes(largest)}")
    return data


def _pieces(file: BinaryIO, most: int) -> Iterator[bytes]:
    """What a file holds, up to so many bytes: asked for all at once, they would be taken whatever its size."""
    while most > 0 and (piece := file.read(min(most, 1 << 16))):
        most -= len(piece)
        yield piece


def parse_json(
    data: bytes | str, place: str, refusal: Refusal = ConfigError, largest: int = LARGEST_BYTES
) -> Any:
    """JSON as plain data.

    Args:
        data: the text; it may begin with a byte order mark.
        place: where it comes from, for messages.
        refusal: the error to raise.
        largest: bytes at most.
    """
    text = _bounded(data, place, refusal, largest)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise refusal(f"{one_line(place)}: is not JSON that can be read: {_in_json(error, text)}") from error
    return _checked(value, place, refusal)


def parse_toml(
    data: bytes | str, place: str, refusal: Refusal = ConfigError, largest: int = LARGEST_BYTES
) -> dict[str, Any]:
    """TOML as plain data; see `parse_json`. Dates are refused: nothing here has one."""
    text = _bounded(data, place, refusal, largest)
    try:
        value = tomllib.loads(text.decode())
    except RecursionError as error:
        raise refusal(
            f"{one_line(place)}: is not a TOML file that can be read: it is nested too deeply"
        ) from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, or a number of too many digits
        why = "a number has too many digits" if "digits" in str(error) else one_line(str(error))
        raise refusal(f"{one_line(place)}: is not a TOML file that can be read: {why}") from error
    return _checked(value, place, refusal)


def toml_value(text: str, place: str) -> Any:
    """What stands behind a `=`: read as TOML (number, true, list, ...), else taken as text. Raises ConfigError."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text.strip()
    return _checked(value, place, ConfigError)


def convert(
    value: Any, kind: Kind[Record], place: str, refusal: Refusal = ConfigError, known_only: bool = False
) -> Record:
    """Plain data as a record, or as any other type that a field may have.

    Args:
        value: tables and lists.
        kind: the type.
        place: where it comes from, for messages.
        refusal: the error to raise.
        known_only: refuse keys that the record has not, and list those that it has.
    """
    try:
        if known_only:
            refuse_unknown_keys(value, kind)
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise refusal(f"{one_line(place)}: {in_words(str(error), value, kind)}") from error
    except IsptuneError as error:  # of a record that looks at its values itself
        raise refusal(f"{one_line(place)}: {error}") from error


def _in_bytes(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 2**20 else f"{count} bytes"


def _bounded(data: bytes | str, place: str, refusal: Refusal, largest: int) -> bytes:
    raw = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    if len(raw) > largest:
        raise refusal(f"{one_line(place)}: is larger than {_in_bytes(largest)}")
    return raw.removeprefix(b"\xef\xbb\xbf")


def _in_json(error: Exception, text: bytes) -> str:
    """What msgspec says, with line and column in place of its count of bytes."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    said = str(error).removeprefix("JSON is malformed: ")
    if "truncated" in said:
        half = re.search(rb"\\u[dD][89a-fA-F]", text)
        return "it has half of a character (a lone surrogate)" if half else "it ends too early"
    if "out of range" in said:
        return "a number has too many digits"
    found = re.search(r" ?\(byte (\d+)\)$", said)
    if found is None:
        return said
    before = text[: int(found[1])]
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    return f"{said[: found.start()]} (line {line}, column {column})"


def _checked(value: Any, place: str, refusal: Refusal) -> Any:
    """The value, if nothing in it is too deep, too large or no value at all; without recursion."""
    level: list[Any] = [value]
    for _ in range(DEEPEST + 1):
        for item in level:
            if fault := _fault(item):
                way = shown_steps(_way_to(item, value, []) or [])
                raise refusal(f"{one_line(place)}: {way + ' = ' if way else ''}{shown(item)} is {fault}")
        level = [part for item in level if isinstance(item, dict | list) for part in _inside(item)]
        if not level:
            return value
    raise refusal(f"{one_line(place)}: is nested more than {DEEPEST} deep")


def _inside(item: dict[str, Any] | list[Any]) -> list[Any]:
    return [*item.keys(), *item.values()] if isinstance(item, dict) else item


def _fault(item: Any) -> str | None:
    if isinstance(item, float):
        return None if math.isfinite(item) else "no number to work with"
    if isinstance(item, int):
        return None if abs(item) <= LARGEST_INTEGER else "a whole number of more than 63 bits"
    if isinstance(item, str):
        return None if _is_text(item) else "text with half of a character"
    return (
        None if item is None or isinstance(item, dict | list) else "a date or a time, which nothing here has"
    )


def _way_to(item: Any, value: Any, steps: Steps) -> Steps | None:
    """The way to this very object; the depth is bounded where this is asked."""
    if value is item:
        return steps
    ways = (_way_to(item, part, [*steps, step]) for step, part in items(value))
    return next((way for way in ways if way is not None), None)


def _is_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
