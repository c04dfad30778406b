"""The settings of a run as people write them: the names and types that a TOML file may have, and its schema."""

from collections.abc import Mapping
from typing import Any

from isptune.errors import ConfigError
from isptune.runs.settings import LISTS, RunSettings, keys
from isptune.system.schema import schema_of

SINGULAR = {one: many for many in LISTS if (one := many.removesuffix("s")) != many}
"""What the option of a list is called: `--scene` of `scenes`."""

_TEXT_OR_NUMBER = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "number"}]}
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_SIDES = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}


def in_our_words(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The keys of a file as settings are called, and their values as settings hold them.

    A key may have the name of its option (`scene`, `stay-near`), `resize` and `holdout` may be numbers, and `crop` and
    `resize` lists of width and height.

    Raises:
        ConfigError: one setting under two names.
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        name = SINGULAR.get(name, name) if name not in keys() else name
        if name in found:
            raise ConfigError(f"{source}: {name} is given twice, once as {key}")
        found[name if name in keys() else key] = _as_held(name, value)
    return found


def _as_held(name: str, value: Any) -> Any:
    if name in ("crop", "resize") and _is_pair(value):
        return f"{value[0]}x{value[1]}"
    if name == "resize" and _is_number(value):
        return str(value)
    if name == "holdout":
        listed = value if isinstance(value, list) else [value]
        return [str(one) if _is_number(one) else one for one in listed]
    return value


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def run_schema() -> dict[str, Any]:
    """The schema of what `isptune run --config` takes."""
    lists = {name: _TEXTS for name in LISTS if name != "holdout"}
    singular = {one: {**_TEXTS, "description": f"the same as {many}"} for one, many in SINGULAR.items()}
    numbers = {"anyOf": [*_TEXT_OR_NUMBER["anyOf"], {"type": "array"}]}
    return schema_of(
        RunSettings,
        "settings of a run: isptune run --config FILE",
        **singular,
        **lists,
        holdout=numbers,
        resize={"anyOf": [*_TEXT_OR_NUMBER["anyOf"], _SIDES]},
        crop={"anyOf": [{"type": "string"}, _SIDES]},
    )
