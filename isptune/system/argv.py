"""Words of a command with placeholders in braces, as `["{python}", "isp.py", "{out}"]`; the files that they name."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Formatter

from isptune.errors import ConfigError, one_line


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


def beside(argv: list[str], folder: Path) -> list[str]:
    """The words with a program that is named by a relative path taken from a folder, that of the description."""
    program, *rest = argv
    if "/" in program and not Path(program).is_absolute():
        program = str(folder / program)
    return [program, *rest]


def shown_command(command: Sequence[str], description: Path) -> str:
    """A command as people read it, with the folder in which it runs."""
    folder = description.resolve().parent
    words = shlex.join(beside(list(command), folder)) if command else "nothing"
    return f"{one_line(words)} in {one_line(str(folder))}"


def named_files(command: Sequence[str], folder: Path) -> dict[str, str]:
    """Hashes of the files in a folder that a command names, such as a script."""
    files = {word: folder / word for word in command}
    return {
        word: hashlib.sha256(path.read_bytes()).hexdigest() for word, path in files.items() if path.is_file()
    }
