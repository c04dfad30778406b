"""What is wrong with plain data that shall become a record, in words: where, which value, and what is allowed."""

import difflib
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from isptune.errors import ConfigError, one_line

Steps = list[str | int]
"""The way from the outermost table to a value: names, keys and numbers in lists."""

_WORDS = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "array": "a list",
    "object": "a table", "null": "nothing",
}  # fmt: skip


def refuse_unknown_keys(value: Any, kind: Any) -> None:
    for place, key, known in _unknown(value, kind, []):
        near = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        inside = f"{shown_steps(place)}: " if place else ""
        raise ConfigError(f"{inside}unknown key {one_line(repr(key))}; {hint}known are: {', '.join(known)}")


def _unknown(value: Any, kind: Any, steps: Steps) -> Iterator[tuple[Steps, str, list[str]]]:
    """Every key that a record has no field for: where, which, and the fields that there are."""
    for step, part in items(value):
        inner = _type_of(kind, step)
        if inner is None and is_dataclass(_bare(kind)):
            yield steps, str(step), [f.name for f in fields(_bare(kind))]
        elif inner is not None:
            yield from _unknown(part, inner, [*steps, step])


def items(value: Any) -> list[tuple[str | int, Any]]:
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
        return _fields(kind).get(str(step))
    arguments = get_args(kind)
    if get_origin(kind) in (None, Union, UnionType, Literal) or not arguments:
        return None
    if get_origin(kind) is tuple and arguments[-1] is not Ellipsis:
        return arguments[int(step)] if int(step) < len(arguments) else None
    return arguments[0] if get_origin(kind) is tuple else arguments[-1]


@functools.cache
def _fields(record: type) -> dict[str, Any]:
    """The types of a record's fields; to work them out takes longer than all else that is asked of a file."""
    return get_type_hints(record, include_extras=True)


def in_words(said: str, value: Any, kind: Any) -> str:
    """What msgspec says of plain data, in our words, and with the value."""
    fault, _, path = said.partition(" - at ")
    steps = _steps(said, path.strip("`"), value, kind)
    held = _value_at(value, steps)
    if fault.startswith("Object missing required field"):
        name = fault.split("`")[1]
        return f"{shown_steps(steps)} has no {name!r}" if steps else f"has no {name!r}"
    if fault.startswith("Invalid enum value"):
        allowed = ", ".join(map(str, get_args(_bare(_type_along(kind, steps)))))
        return f"{shown_steps(steps)} = {shown(held)} is none of {allowed}"
    if fault.startswith("Expected"):
        what = f"{shown_steps(steps)} = {shown(held)}" if steps else f"holds {shown(held)}, and"
        return f"{what} must be {_expected(fault)}"
    return f"{shown_steps(steps)}: {one_line(fault)}" if steps else one_line(fault)


def _expected(fault: str) -> str:
    names = fault.split("`")[1].split(" | ")
    if "float" in names:
        names = [name for name in names if name != "int"]
    bounds = re.sub(r"(\d)\.0$", r"\1", fault.split("`")[2].partition(", got")[0])
    bounds = re.sub(r" >= (\S+)$", r" of \1 or more", re.sub(r" > (\S+)$", r" above \1", bounds))
    bounds = re.sub(r" <= (\S+)$", r" of \1 or less", bounds)
    return " or ".join(_WORDS.get(name, name) for name in names) + bounds


def shown(value: Any) -> str:
    try:
        text = one_line(repr(value))
    except ValueError:  # Python writes no number of more than 4300 digits
        text = "a number too long to show"
    return text if len(text) <= 80 else f"{text[:77]}..."


def shown_steps(steps: Steps) -> str:
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
    changed: dict[Any, Any] = dict(items(value))
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
