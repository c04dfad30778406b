"""JSON and TOML as typed records: the one place where both are read, whether they come from a file or over a wire.

A record is a frozen dataclass. Its types say what a file may hold; msgspec checks them, and what is wrong is told in
one line with the file, the place in it, the value, and what is allowed: `isp.toml: param[0].range = [1] must be a list
of length 2`. Of two libraries that do this (cattrs, MIT, is the other) msgspec (BSD) converts dataclasses strictly,
so that "3" is no number, needs no package beside itself, and is imported in half the time.

What comes from elsewhere is bounded before it is looked at: in bytes, in depth, and in the digits of its numbers;
NaN, infinity and halves of characters (lone surrogates) are refused.
"""

import difflib
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, field, fields, is_dataclass
from pathlib import Path
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from isptune.errors import ConfigError, IsptuneError, one_line

LARGEST_BYTES = 64 * 2**20
"""Of a file or an answer, where its reader names no other bound."""

DEEPEST = 64
"""Lists and tables inside each other; a deeper one is made to exhaust what walks through it."""

LARGEST_INTEGER = 2**63 - 1

Count = Annotated[int, msgspec.Meta(ge=0)]
Size = Annotated[int, msgspec.Meta(ge=1, le=4096)]
"""A width or a depth that somebody else's file names, and that memory is taken for."""
Few = Annotated[int, msgspec.Meta(ge=1, le=64)]
"""How many layers, heads or members a network has, by such a file."""
Pixels = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

Record = TypeVar("Record")
Refusal = type[IsptuneError]
Kind = type[Record] | GenericAlias
"""A class, or a list or table of one: `dict[str, float]`."""
Steps = list[str | int]
"""The way from the outermost table to a value: names, keys and numbers in lists."""

_LEFT_OUT = "left out"
_WORDS = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "array": "a list",
    "object": "a table", "null": "nothing",
}  # fmt: skip


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
    shown = one_line(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError as error:
        raise refusal(f"{shown}: no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise refusal(f"{shown}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > largest:
        raise refusal(f"{shown}: is larger than {_in_bytes(largest)}")
    return data


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
            _refuse_unknown(value, kind)
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise refusal(f"{one_line(place)}: {_in_words(str(error), value, kind)}") from error
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
                way = _shown_steps(_way_to(item, value, []) or [])
                raise refusal(f"{one_line(place)}: {way + ' = ' if way else ''}{_shown(item)} is {fault}")
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
    ways = (_way_to(item, part, [*steps, step]) for step, part in _items(value))
    return next((way for way in ways if way is not None), None)


def _is_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_unknown(value: Any, kind: Any) -> None:
    for place, key, known in _unknown(value, kind, []):
        near = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        inside = f"{_shown_steps(place)}: " if place else ""
        raise ConfigError(f"{inside}unknown key {one_line(repr(key))}; {hint}known are: {', '.join(known)}")


def _unknown(value: Any, kind: Any, steps: Steps) -> Iterator[tuple[Steps, str, list[str]]]:
    """Every key that a record has no field for: where, which, and the fields that there are."""
    for step, part in _items(value):
        inner = _type_of(kind, step)
        if inner is None and is_dataclass(_bare(kind)):
            yield steps, str(step), [f.name for f in fields(_bare(kind))]
        elif inner is not None:
            yield from _unknown(part, inner, [*steps, step])


def _items(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []


def _bare(kind: Any) -> Any:
    """A type without the bounds on it, and without None beside it."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        others = [part for part in get_args(kind) if part is not NoneType]
        return _bare(others[0]) if len(others) == 1 else kind
    return kind


def _type_of(kind: Any, step: str | int) -> Any:
    """The type of what is one step inside of a type; None where nothing can be."""
    kind = _bare(kind)
    if is_dataclass(kind):
        return get_type_hints(kind, include_extras=True).get(str(step))
    arguments = get_args(kind)
    if get_origin(kind) in (None, Union, UnionType, Literal) or not arguments:
        return None
    if get_origin(kind) is tuple and arguments[-1] is not Ellipsis:
        return arguments[int(step)] if int(step) < len(arguments) else None
    return arguments[0] if get_origin(kind) is tuple else arguments[-1]


def _in_words(said: str, value: Any, kind: Any) -> str:
    """What msgspec says of plain data, in our words, and with the value."""
    fault, _, path = said.partition(" - at ")
    steps = _steps(said, path.strip("`"), value, kind)
    held = _value_at(value, steps)
    if fault.startswith("Object missing required field"):
        name = fault.split("`")[1]
        return f"{_shown_steps(steps)} has no {name!r}" if steps else f"has no {name!r}"
    if fault.startswith("Invalid enum value"):
        allowed = ", ".join(map(str, get_args(_bare(_type_along(kind, steps)))))
        return f"{_shown_steps(steps)} = {_shown(held)} is none of {allowed}"
    if fault.startswith("Expected"):
        what = f"{_shown_steps(steps)} = {_shown(held)}" if steps else f"holds {_shown(held)}, and"
        return f"{what} must be {_expected(fault)}"
    return f"{_shown_steps(steps)}: {one_line(fault)}" if steps else one_line(fault)


def _expected(fault: str) -> str:
    names = fault.split("`")[1].split(" | ")
    if "float" in names:
        names = [name for name in names if name != "int"]
    bounds = re.sub(r"(\d)\.0$", r"\1", fault.split("`")[2].partition(", got")[0])
    bounds = re.sub(r" >= (\S+)$", r" of \1 or more", re.sub(r" > (\S+)$", r" above \1", bounds))
    bounds = re.sub(r" <= (\S+)$", r" of \1 or less", bounds)
    return " or ".join(_WORDS.get(name, name) for name in names) + bounds


def _shown(value: Any) -> str:
    try:
        text = one_line(repr(value))
    except ValueError:  # Python writes no number of more than 4300 digits
        text = "a number too long to show"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _shown_steps(steps: Steps) -> str:
    joined = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return one_line(joined.removeprefix("."))


def _steps(said: str, path: str, value: Any, kind: Any) -> Steps:
    """The way to the fault; msgspec names no keys of tables, so that they are tried one by one."""
    steps: Steps = []
    for name, number in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", path):
        if name or number.isdigit():
            steps.append(name or int(number))
            continue
        keys = (key for key in _value_at(value, steps) if _says(_with_only(value, steps, key), kind) == said)
        steps.append(next(keys, "..."))
    return steps


def _says(value: Any, kind: Any) -> str | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _with_only(value: Any, steps: Steps, key: str) -> Any:
    """The same data, but with one key only in the table at the end of the way."""
    if not steps:
        return {key: value[key]}
    changed: dict[Any, Any] = dict(_items(value))
    changed[steps[0]] = _with_only(value[steps[0]], steps[1:], key)
    return changed if isinstance(value, Mapping) else list(changed.values())


def _value_at(value: Any, steps: Steps) -> Any:
    for step in steps:
        value = value[step]
    return value


def _type_along(kind: Any, steps: Steps) -> Any:
    for step in steps:
        kind = _type_of(kind, step)
    return kind
