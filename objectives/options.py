"""Options in an objective's spec: `zsclip:pets.txt?encoder=openai:RN50`, or as before `zsclip:pets.txt,encoder=...`."""

from collections.abc import Mapping
from urllib.parse import unquote

from isptune.errors import ConfigError
from isptune.spec import Spec, has_options, refuse_unknown, split_options

BUNDLED = "bundled"
"""Our own image-text encoder."""


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


def with_encoder_word(
    name: str, argument: str | None, defaults: Mapping[str, str], first: str
) -> dict[str, str]:
    """The same for an objective with an image-text encoder, where a leading `bundled` is `encoder=bundled`.

    Raises:
        ConfigError: as above, or an encoder is named beside that word.
    """
    word, rest = (argument or "")[: len(BUNDLED)], (argument or "")[len(BUNDLED) :]
    if word != BUNDLED or rest[:1] not in ("", "?", ","):
        return parse_options(name, argument, defaults, first)
    options = parse_options(name, rest.removeprefix(",") or None, defaults, first)
    if options["encoder"]:
        raise ConfigError(f"{name}: encoder is given twice: {BUNDLED} and {options['encoder']}")
    return {**options, "encoder": BUNDLED}


def bundled_stand_in(
    name: str, argument: str | None, defaults: Mapping[str, str], first: str
) -> tuple[str, str] | None:
    """What `StandsIn.stand_in` says of such an objective: its bundled encoder stands in where none is named.

    Raises:
        ConfigError: as above.
    """
    options = with_encoder_word(name, argument, defaults, first)
    if options["encoder"]:
        return None
    given = {key: value for key, value in options.items() if value != defaults[key]}
    why = "the bundled encoder, which is none of CLIP's networks, stands in; encoder=openai:RN50 names one"
    return str(Spec(name, BUNDLED, given)), why


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
