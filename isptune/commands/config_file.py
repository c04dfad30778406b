"""`--config FILE` for a command: its options as keys of a TOML file, and the schema of such a file."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from isptune.errors import ConfigError

_SKIPPED = ("config", "help", "trust")


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --config to a command; options win over the file."""
    from isptune.commands import completing

    return click.option(
        "--config",
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_read,
        shell_complete=completing.words(files=True),
        help="TOML file with any of these options by their names; options win over it.",
    )(function)


def _read(ctx: click.Context, param: click.Parameter, file: str | None) -> None:
    from pathlib import Path

    from isptune.spec import refuse_unknown
    from isptune.system.records import parse_toml, read_bytes

    if file is None:
        return
    values = parse_toml(read_bytes(Path(file)), file)
    known = _options(ctx.command)
    spelt = {key.replace("_", "-"): value for key, value in values.items()}
    refuse_unknown(file, spelt, dict.fromkeys(known, ""))
    found: dict[str, Any] = {}
    for key, value in spelt.items():
        option = known[key]
        if option.is_flag and not isinstance(value, bool):
            raise ConfigError(f"{file}: {key} = {value!r} must be true or false")
        if isinstance(value, Mapping):
            value = [f"{name}={one}" for name, one in value.items()]
        found[str(option.name)] = value if option.multiple or not isinstance(value, list) else str(value)
    ctx.default_map = {**found, **(ctx.default_map or {})}


def schema_of_options(command: click.Command, title: str) -> dict[str, Any]:
    """The schema of a file for `--config`."""
    from isptune.system.schema import DRAFT

    keys = {name: _key(option) for name, option in _options(command).items()}
    return {
        "$schema": DRAFT,
        "title": title,
        "type": "object",
        "properties": keys,
        "additionalProperties": False,
    }


def _options(command: click.Command) -> dict[str, click.Option]:
    """A command's options by their names without the dashes."""
    options = [one for one in command.params if isinstance(one, click.Option) and one.name not in _SKIPPED]
    return {max(one.opts, key=len).lstrip("-"): one for one in options}


def _key(option: click.Option) -> dict[str, Any]:
    one: dict[str, Any] = {"type": "string"}
    if option.is_flag:
        one = {"type": "boolean"}
    elif isinstance(option.type, click.Choice):
        one = {"enum": list(option.type.choices)}
    elif isinstance(option.type, click.IntRange):
        bounds = {"minimum": option.type.min, "maximum": option.type.max}
        one = {"type": "integer", **{key: value for key, value in bounds.items() if value is not None}}
    elif isinstance(option.type, click.types.IntParamType):
        one = {"type": "integer"}
    elif isinstance(option.type, click.types.FloatParamType):
        one = {"type": "number"}
    if option.multiple:
        one = {"anyOf": [{"type": "array", "items": one}, {"type": "object"}]}
    return {**one, "description": option.help or ""}
