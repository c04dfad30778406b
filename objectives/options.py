"""Options in an objective's spec: `zsclip:pets.txt?encoder=openai:RN50`, or as before `zsclip:pets.txt,encoder=...`."""

from collections.abc import Mapping
from urllib.parse import unquote

from isptune.errors import ConfigError
from isptune.spec import has_options, refuse_unknown, split_options


def parse_options(
    name: str, argument: str | None, defaults: Mapping[str, str], first: str | None = None
) -> dict[str, str]:
    """Read `VALUE?KEY=VALUE&...`, or the older spelling `VALUE,KEY=VALUE,...`, and lay it over the defaults.

    Args:
        name: of the objective, for messages.
        argument: what stood behind its name.
        defaults: every known key with its value.
        first: the key that a leading value without one belongs to.

    Raises:
        ConfigError: an unknown key, a key given twice, or a value without a key.
    """
    if not has_options(argument):
        return {**defaults, **_older_spelling(name, argument, defaults, first)}
    value, given = split_options(argument)
    refuse_unknown(name, given, dict.fromkeys(defaults, ""))
    if value is not None:
        if first is None:
            raise ConfigError(f"{name} takes options only, no argument; got {value!r}")
        if first in given:
            raise ConfigError(f"{name}: {first} is given twice")
        given[first] = value
    return {**defaults, **given}


def _older_spelling(
    name: str, argument: str | None, defaults: Mapping[str, str], first: str | None
) -> dict[str, str]:
    given: dict[str, str] = {}
    for index, part in enumerate(argument.split(",") if argument else []):
        key, equals, value = part.partition("=")
        if not equals or key.strip() not in defaults:
            if index or first is None or (equals and "/" not in key and "." not in key):
                raise ConfigError(
                    f"{name}: {part!r} is not one of its options: "
                    + ", ".join(f"{key}={value or '...'}" for key, value in defaults.items())
                )
            key, value = first, part
        if key.strip() in given:
            raise ConfigError(f"{name}: {key.strip()} is given twice")
        given[key.strip()] = unquote(value.strip(), errors="surrogateescape")
    return given


def refuse_argument(name: str, argument: str | None) -> None:
    """Raise ConfigError for an argument where an objective takes none."""
    if argument is not None:
        raise ConfigError(f"the objective {name} takes no argument; got {name}:{argument}")
