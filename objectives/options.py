"""Options in an objective's spec: `zsclip:labels=pets.txt,encoder=openai:RN50`."""

from collections.abc import Mapping

from isptune.errors import ConfigError


def parse_options(
    name: str, argument: str | None, defaults: Mapping[str, str], first: str | None = None
) -> dict[str, str]:
    """Split `KEY=VALUE,...` and lay it over the defaults.

    Args:
        name: of the objective, for messages.
        argument: what stood behind its colon.
        defaults: every known key with its value.
        first: the key that a leading value without one belongs to.

    Raises:
        ConfigError: an unknown key, a key given twice, or a value without a key.
    """
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
        given[key.strip()] = value.strip()
    return {**defaults, **given}


def refuse_argument(name: str, argument: str | None) -> None:
    """Raise ConfigError for an argument where an objective takes none."""
    if argument is not None:
        raise ConfigError(f"the objective {name} takes no argument; got {name}:{argument}")
