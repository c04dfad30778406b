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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from isptune.errors import ConfigError, SpaceError
from isptune.space import Choice, Integer, Param, Real, Space
from isptune.system.records import convert, parse_toml, read_bytes

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class _Real:
    """The keys of a [[param]] of this type."""

    name: str
    default: float | int
    range: tuple[float | int, float | int]
    type: Literal["real"] = "real"
    log: bool = False
    stage: str = ""
    unit: str = ""
    help: str = ""
    flag: str | None = None

    def param(self, name: str) -> Real:
        low, high = map(float, self.range)
        return Real(name, low, high, float(self.default), self.log, self.unit, self.help)


@dataclass(frozen=True)
class _Integer:
    """The keys of a [[param]] of this type."""

    name: str
    default: int
    range: tuple[int, int]
    type: Literal["integer"]
    log: bool = False
    stage: str = ""
    unit: str = ""
    help: str = ""
    flag: str | None = None

    def param(self, name: str) -> Integer:
        return Integer(name, *self.range, self.default, self.log, self.unit, self.help)


@dataclass(frozen=True)
class _Choice:
    """The keys of a [[param]] of this type."""

    name: str
    default: str
    options: tuple[str, ...]
    type: Literal["choice"]
    stage: str = ""
    unit: str = ""
    help: str = ""
    flag: str | None = None

    def param(self, name: str) -> Choice:
        return Choice(name, self.options, self.default, self.unit, self.help)


_Declared = _Real | _Integer | _Choice
_TYPES: Mapping[str, type[_Declared]] = {"real": _Real, "integer": _Integer, "choice": _Choice}


@dataclass(frozen=True)
class Description(Generic[Settings]):
    """What a file says of an ISP.

    Attributes:
        path: the file, absolute.
        settings: its keys other than `param`.
        space: the parameters.
        flags: what the option of each parameter is called on a command line; by default `--NAME`.
        sha256: of the file.
    """

    path: Path
    settings: Settings
    space: Space
    flags: Mapping[str, str]
    sha256: str


def read_description(
    file: str, kind: type[Settings], options: Mapping[str, Any], fixed: Sequence[str] = ()
) -> Description[Settings]:
    """Read and check a description.

    Args:
        file: path of the TOML file.
        kind: a record of the settings that it may have besides its parameters.
        options: settings that win over those of the file.
        fixed: settings that no option may change.

    Raises:
        ConfigError: the file is missing or no TOML, or has a key or a value that is not allowed.
        SpaceError: a parameter is declared wrongly.
    """
    path = Path(file)
    data = read_bytes(path)
    table = parse_toml(data, file)
    params = table.pop("param", [])
    if not isinstance(params, list) or not params or not all(isinstance(item, dict) for item in params):
        raise ConfigError(f"{file}: declares no parameter: each needs a table [[param]]")
    convert(table, kind, file, known_only=True)  # so that a message about the file names the file
    for key in fixed:
        if key in options:
            raise ConfigError(f"option: {key} stands in the file, and no option changes it")
    settings = convert({**table, **options}, kind, "option", known_only=True)
    declared = [_declared(file, item, number) for number, item in enumerate(params, start=1)]
    space = _space(file, declared)
    flags = {
        p.name: f"--{p.name}" if one.flag is None else one.flag
        for p, one in zip(space, declared, strict=True)
    }
    return Description(path.resolve(), settings, space, flags, hashlib.sha256(data).hexdigest())


def _declared(file: str, item: Mapping[str, Any], number: int) -> _Declared:
    name, kind = item.get("name"), item.get("type", "real")
    if not isinstance(name, str) or not name:
        raise SpaceError(f"{file}: parameter {number} has no name")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise SpaceError(f"{file}: {name}: type {kind!r} is none of {', '.join(_TYPES)}")
    return convert(item, _TYPES[kind], f"{file}: {name}", SpaceError, known_only=True)


def _space(file: str, declared: Sequence[_Declared]) -> Space:
    try:
        params: list[Param] = [
            one.param(f"{one.stage}.{one.name}" if one.stage else one.name) for one in declared
        ]
        return Space(tuple(params))
    except SpaceError as error:
        raise SpaceError(f"{file}: {error}") from error
