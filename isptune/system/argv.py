"""Words of a command with placeholders in braces, as `["{python}", "isp.py", "{out}"]`."""

from collections.abc import Mapping
from string import Formatter

from isptune.errors import ConfigError


def placeholders(word: str, whose: str) -> list[str]:
    """The names in braces of a word; `{{` and `}}` stand for braces.

    Args:
        word: of a command.
        whose: the file that it stands in, for messages.

    Raises:
        ConfigError: a brace that is not closed, or a placeholder that is more than a name.
    """
    try:
        parts = list(Formatter().parse(word))
    except ValueError as error:
        raise ConfigError(
            f"{whose}: command has {word!r}: {error}; {{{{ and }}}} stand for braces"
        ) from error
    if any(form or conversion for _, _, form, conversion in parts):
        raise ConfigError(f"{whose}: command has {word!r}: a placeholder is {{NAME}} and nothing more")
    return [place for _, place, _, _ in parts if place is not None]


def filled(word: str, places: Mapping[str, str]) -> str:
    """The word with values for its placeholders, which all must be there."""
    return "".join(text + (places[place] if place else "") for text, place, _, _ in Formatter().parse(word))
