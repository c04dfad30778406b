"""Descriptions of other people's ISPs: a TOML file with settings of the connection and one `[[param]]` per knob.

::

    command = ["{python}", "isp.py", "{scene}", "{params}", "{out}"]   # or url = "http://board:8000/render"
    timeout_s = 60
    constraints = ["tone.low < tone.high"]                             # of two numbers: <, <=, >, >=

    [[param]]
    name = "denoise.strength"     # or stage = "denoise" and name = "strength"
    type = "real"                 # real, integer or choice
    range = [0.01, 10.0]          # a choice has options = ["off", "on"] instead
    log = true
    default = 1.0
    unit = "sigma"
    help = "how much noise is taken out"
    when = {method = "nlm"}       # it exists only with these choices, one option or several; else it is not passed on
    plain = 0.01                  # of what smooths or sharpens: where it does not (needed by --objective camera)

A parameter that stands in a text file of the ISP, JSON, YAML, XML, INI or any other, says so in `write` and needs no
default: `pipelines.external.write`. The setting `base` names other files in the place of those that lie
beside the description, a path or a list of paths, from its folder.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from isptune.deeds import Deed
from isptune.errors import ConfigError, SpaceError, one_line
from isptune.space import Choice, Integer, Param, Real, Space, Value
from isptune.system.records import convert, parse_toml, read_bytes
from pipelines.external.parameter_files import ParameterFiles, read_parameter_files
from pipelines.external.write import Write

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class _Real:
    """The keys of a [[param]] of this type."""

    name: str
    range: tuple[float | int, float | int]
    default: float | int | None = None
    type: Literal["real"] = "real"
    log: bool = False
    stage: str = ""
    unit: str = ""
    help: str = ""
    flag: str | None = None
    when: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    write: tuple[Write, ...] = ()
    plain: float | int | None = None

    def param(self, name: str, default: Value) -> Real:
        low, high = map(float, self.range)
        return Real(name, low, high, _number(name, default), self.log, self.unit, self.help, self.when)


@dataclass(frozen=True)
class _Integer:
    """The keys of a [[param]] of this type."""

    name: str
    range: tuple[int, int]
    type: Literal["integer"]
    default: int | None = None
    log: bool = False
    stage: str = ""
    unit: str = ""
    help: str = ""
    flag: str | None = None
    when: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    write: tuple[Write, ...] = ()
    plain: int | None = None

    def param(self, name: str, default: Value) -> Integer:
        number = _number(name, default)
        whole = int(number) if number.is_integer() else default
        return Integer(name, *self.range, whole, self.log, self.unit, self.help, self.when)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class _Choice:
    """The keys of a [[param]] of this type."""

    name: str
    options: tuple[str, ...]
    type: Literal["choice"]
    default: str | None = None
    stage: str = ""
    unit: str = ""
    help: str = ""
    flag: str | None = None
    when: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    write: tuple[Write, ...] = ()
    plain: str | None = None

    def param(self, name: str, default: Value) -> Choice:
        return Choice(name, self.options, str(default), self.unit, self.help, self.when)


_Declared = _Real | _Integer | _Choice
PARAM_KINDS: Mapping[str, type[_Declared]] = {"real": _Real, "integer": _Integer, "choice": _Choice}


@dataclass(frozen=True)
class Description(Generic[Settings]):
    """What a file says of an ISP.

    Attributes:
        path: the file, absolute.
        settings: its keys other than `param`.
        space: the parameters.
        flags: what the option of each parameter is called on a command line; by default `--NAME`.
        sha256: of the file.
        files: the text files that its parameters are written to, if there are any.
        plain: see `PipelineFacts.plain`.
    """

    path: Path
    settings: Settings
    space: Space
    flags: Mapping[str, str]
    sha256: str
    files: ParameterFiles
    plain: Mapping[str, Value]


def read_description(
    file: str,
    kind: type[Settings],
    options: Mapping[str, Any],
    base_of: Callable[[Settings], str | tuple[str, ...]],
    fixed: Sequence[str] = (),
) -> Description[Settings]:
    """Read and check a description.

    Args:
        file: path of the TOML file.
        kind: a record of the settings that it may have besides its parameters.
        options: settings that win over those of the file.
        base_of: the paths of the files that stand in for those beside the description, by the settings.
        fixed: settings that no option may change.

    Raises:
        ConfigError: the file is missing or no TOML, or has a key or a value that is not allowed; or a file that
            parameters are written to cannot be read, or does not have their places.
        SpaceError: a parameter is declared wrongly.
    """
    path = Path(file)
    data = read_bytes(path)
    table = parse_toml(data, file)
    params, constraints = table.pop("param", []), table.pop("constraints", [])
    orders = convert(constraints, tuple[str, ...], f"{file}: constraints")
    if not isinstance(params, list) or not params or not all(isinstance(item, dict) for item in params):
        raise ConfigError(f"{file}: declares no parameter: each needs a table [[param]]")
    convert(table, kind, file, known_only=True)  # so that a message about the file names the file
    for key in fixed:
        if key in options:
            raise ConfigError(f"option: {key} stands in the file, and no option changes it")
    settings = convert({**table, **options}, kind, "option", known_only=True)
    declared = [_declared(file, item, number) for number, item in enumerate(params, start=1)]
    names = [f"{one.stage}.{one.name}" if one.stage else one.name for one in declared]
    base = base_of(settings)
    try:
        writes = {name: one.write for name, one in zip(names, declared, strict=True) if one.write}
        files = read_parameter_files(path.parent, writes, (base,) if isinstance(base, str) else base)
        params = [_param(one, name, files) for one, name in zip(declared, names, strict=True)]
        stages = [one.stage for one in declared]
        named = [_with_full_names(p, stage, names) for p, stage in zip(params, stages, strict=True)]
        space = Space(tuple(named), constraints=orders)
        said = {n: one.plain for n, one in zip(names, declared, strict=True) if one.plain is not None}
        plain = space.check(said, partial=True)
    except SpaceError as error:
        raise SpaceError(f"{file}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    flags = {n: f"--{n}" if one.flag is None else one.flag for n, one in zip(names, declared, strict=True)}
    digest = hashlib.sha256(data).hexdigest()
    return Description(path.resolve(), settings, space, flags, digest, files, plain)


def read_settings(file: str, kind: type[Settings], options: Mapping[str, Any]) -> Settings:
    """The settings alone, for those who want to know what would be done. Raises ConfigError."""
    table = parse_toml(read_bytes(Path(file)), file)
    table.pop("param", None)
    return convert({**table, **options}, kind, file, known_only=True)


def files_taken(base: str | tuple[str, ...], path: Path) -> list[Deed]:
    """What is told of the files that stand in for those beside a description: their contents are handed on."""
    named = (base,) if isinstance(base, str) else base
    folder = path.resolve().parent
    return [Deed(f"hand on the file {one_line(str((folder / one).resolve()))}") for one in named if one]


def _declared(file: str, item: Mapping[str, Any], number: int) -> _Declared:
    name, kind = item.get("name"), item.get("type", "real")
    if not isinstance(name, str) or not name:
        raise SpaceError(f"{file}: parameter {number} has no name")
    if not isinstance(kind, str) or kind not in PARAM_KINDS:
        raise SpaceError(f"{file}: {name}: type {kind!r} is none of {', '.join(PARAM_KINDS)}")
    if isinstance(item.get("write"), dict):  # one place stands for a list of one
        item = {**item, "write": [item["write"]]}
    return convert(item, PARAM_KINDS[kind], f"{file}: {name}", SpaceError, known_only=True)


def _with_full_names(param: Param, stage: str, names: Sequence[str]) -> Param:
    """The param, whose `when` may name choices of its own stage in short."""
    full = {name if name in names else f"{stage}.{name}": options for name, options in param.when.items()}
    return replace(param, when=full)


def _param(one: _Declared, name: str, files: ParameterFiles) -> Param:
    """A parameter, whose default is what its file says, if it stands in one."""
    writes = files.writes.get(name, ())
    default: Value | None = one.default
    if writes and (default is None or writes[0].how == "value"):
        try:
            default = files.start(name, one.options if isinstance(one, _Choice) else None)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error
    if default is None:
        raise SpaceError(f"{name}: has no 'default'")
    try:
        return one.param(name, default)
    except SpaceError as error:
        where = f"; that is what {writes[0].file} says at {writes[0].at!r}" if writes else ""
        raise SpaceError(f"{error}{where}") from error


def _number(name: str, default: Value) -> float:
    if isinstance(default, str):
        raise SpaceError(f"{name}: default = {default!r} must be a number")
    return float(default)
