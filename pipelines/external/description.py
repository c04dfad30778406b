"""Descriptions of other people's ISPs: a TOML file with settings of the connection and one `[[param]]` per knob.

::

    command = ["{python}", "isp.py", "{scene}", "{params}", "{out}"]   # or url = "http://board:8000/render"
    timeout_s = 60

    [[param]]
    name = "denoise.strength"     # or stage = "denoise" and name = "strength"
    type = "real"                 # real, integer or choice
    range = [0.01, 10.0]          # a choice has options = ["off", "on"] instead
    log = true
    default = 1.0
    unit = "sigma"
    help = "how much noise is taken out"
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError, SpaceError
from isptune.space import Choice, Integer, Param, Real, Space

SHARED_KEYS = {"name", "type", "default", "stage", "unit", "help", "flag"}
KEYS_OF_TYPE = {
    "real": SHARED_KEYS | {"range", "log"},
    "integer": SHARED_KEYS | {"range", "log"},
    "choice": SHARED_KEYS | {"options"},
}
SHAPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "text": ("text", (str,)),
    "number": ("a number above 0", (int, float)),
    "count": ("a whole number of 0 or more", (int,)),
    "texts": ("a list of text", (list,)),
    "whole numbers": ("a list of whole numbers", (list,)),
}


@dataclass(frozen=True)
class Description:
    """What a file says of an ISP.

    Attributes:
        path: the file, absolute.
        settings: its keys other than `param`, checked for their types.
        space: the parameters.
        flags: what the option of each parameter is called on a command line; by default `--NAME`.
        sha256: of the file.
    """

    path: Path
    settings: Mapping[str, Any]
    space: Space
    flags: Mapping[str, str]
    sha256: str


def read_description(
    file: str, shapes: Mapping[str, str], options: Mapping[str, Any], fixed: Sequence[str]
) -> Description:
    """Read and check a description.

    Args:
        file: path of the TOML file.
        shapes: the settings that it may have besides its parameters, and the shape of each: a key of `SHAPES`.
        options: settings that win over those of the file.
        fixed: settings that no option may change.

    Raises:
        ConfigError: the file is missing or no TOML, or has a key or a value that is not allowed.
        SpaceError: a parameter is declared wrongly.
    """
    path = Path(file)
    try:
        data = path.read_bytes()
        table = tomllib.loads(data.decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: no such file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: is not a TOML file that can be read: {error}") from error
    params = table.pop("param", [])
    if not isinstance(params, list) or not params or not all(isinstance(item, dict) for item in params):
        raise ConfigError(f"{file}: declares no parameter: each needs a table [[param]]")
    _check_settings(file, table, shapes)
    _check_settings("option", options, {key: shape for key, shape in shapes.items() if key not in fixed})
    space = _space(file, params)
    flags = {p.name: item.get("flag", f"--{p.name}") for p, item in zip(space, params, strict=True)}
    return Description(path.resolve(), {**table, **options}, space, flags, hashlib.sha256(data).hexdigest())


def _check_settings(source: str, settings: Mapping[str, Any], shapes: Mapping[str, str]) -> None:
    for key, value in settings.items():
        if key not in shapes:
            raise ConfigError(f"{source}: unknown key {key!r}; known are: {', '.join(sorted(shapes))}")
        _check_shape(source, key, value, shapes[key])


def _check_shape(file: str, key: str, value: Any, shape: str) -> None:
    words, types = SHAPES[shape]
    good = isinstance(value, types) and not isinstance(value, bool)
    if good and shape in ("number", "count"):
        good = value > 0 if shape == "number" else value >= 0
    if good and isinstance(value, list):
        kind = str if shape == "texts" else int
        good = all(isinstance(item, kind) and not isinstance(item, bool) for item in value)
    if not good:
        raise ConfigError(f"{file}: {key} = {value!r} must be {words}")


def _space(file: str, items: Sequence[Mapping[str, Any]]) -> Space:
    try:
        return Space(tuple(_param(item, number) for number, item in enumerate(items, start=1)))
    except SpaceError as error:
        raise SpaceError(f"{file}: {error}") from error


def _param(item: Mapping[str, Any], number: int) -> Param:
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise SpaceError(f"parameter {number} has no name")
    kind = item.get("type", "real")
    if kind not in KEYS_OF_TYPE:
        raise SpaceError(f"{name}: type {kind!r} is none of {', '.join(KEYS_OF_TYPE)}")
    unknown = sorted(set(item) - KEYS_OF_TYPE[kind])
    if unknown:
        allowed = ", ".join(sorted(KEYS_OF_TYPE[kind]))
        raise SpaceError(f"{name}: a {kind} has no key {unknown[0]!r}; there are: {allowed}")
    for key in ("stage", "unit", "help", "flag"):
        if not isinstance(item.get(key, ""), str):
            raise SpaceError(f"{name}: {key} = {item[key]!r} is not text")
    if "default" not in item:
        raise SpaceError(f"{name}: has no default")
    full_name = f"{item['stage']}.{name}" if item.get("stage") else name
    words = {"unit": item.get("unit", ""), "help": item.get("help", "")}
    return (_choice if kind == "choice" else _number)(full_name, item, words)


def _choice(name: str, item: Mapping[str, Any], words: Mapping[str, str]) -> Choice:
    options = item.get("options")
    if not isinstance(options, list):
        raise SpaceError(f"{name}: options = {options!r} is not a list of text")
    return Choice(name, tuple(options), item["default"], **words)


def _number(name: str, item: Mapping[str, Any], words: Mapping[str, str]) -> Real | Integer:
    limits, default, log = item.get("range"), item["default"], item.get("log", False)
    if not isinstance(limits, list) or len(limits) != 2 or not all(map(_is_number, limits)):
        raise SpaceError(f"{name}: range = {limits!r} is not [low, high]")
    if not _is_number(default):
        raise SpaceError(f"{name}: default = {default!r} is not a number")
    if not isinstance(log, bool):
        raise SpaceError(f"{name}: log = {log!r} is neither true nor false")
    low, high = limits
    if item.get("type") != "integer":
        return Real(name, float(low), float(high), float(default), log, **words)
    for what, value in (("low", low), ("high", high), ("default", default)):
        if not isinstance(value, int):
            raise SpaceError(f"{name}: {what} = {value!r} is not a whole number")
    return Integer(name, low, high, default, log, **words)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
