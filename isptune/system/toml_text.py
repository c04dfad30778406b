"""Values as TOML text: Python reads TOML, but does not write it."""

import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from isptune.errors import ConfigError

_BARE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def quoted(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for DEL, which TOML wants escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key_path(name: str, names: Collection[str]) -> str:
    """A name with dots as a dotted key, or quoted where that cannot be read back.

    Args:
        name: one of `names`.
        names: all that stand in the same table: `a` and `a.b` cannot both be keys, unless quoted.
    """
    clash = any(other.startswith(f"{name}.") or name.startswith(f"{other}.") for other in names)
    return name if _BARE.fullmatch(name) and not clash else quoted(name)


def inline(value: Any) -> str:
    """A value on one line; tables and lists too. Raises ConfigError for what TOML cannot hold, such as None."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(str(key))} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    raise ConfigError(f"{value!r} cannot be written as TOML")
