"""A profile as `rawtherapee-cli` is given it: elsewhere than where the user has it, and without what it stumbles over.

RawTherapee refuses a whole file for a byte order mark, a line of text that is no key, or a comment of another kind than
`#`; and it looks beside the profile for files that are named without a folder.
"""

import re
from pathlib import Path

from isptune.errors import ConfigError
from pipelines.rawtherapee.keyfile import MARK, KeyFile

_FILES = (
    ("Color Management", "InputProfile", "file:"),
    ("LensProfile", "LCPFile", ""),
    ("RAW", "DarkFrame", ""),
    ("RAW", "FlatFieldFile", ""),
)
_LINE = re.compile(r"\s*(#.*|\[[^\]]+\]\s*|[^=\[]+=.*)?\s*", re.DOTALL)
_FILM = "Film Simulation"


def for_the_program(file: KeyFile, beside: Path | None) -> KeyFile:
    """The same profile such that the program reads it wherever it stands.

    Args:
        file: the profile.
        beside: the folder of the user's profile; None where there is none.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+", file.text.removeprefix(MARK))
    first = next((place for place, line in enumerate(lines) if line.lstrip().startswith("[")), 0)
    plain = KeyFile("".join(line for line in lines[first:] if _LINE.fullmatch(line)))
    return plain.with_keys(_whole_paths(plain, beside) if beside is not None else {})


def _whole_paths(file: KeyFile, beside: Path) -> dict[tuple[str, str], str]:
    found = {}
    for section, key, prefix in _FILES:
        text = file.keys.get((section, key), "")
        name = text.removeprefix(prefix)
        if name and text.startswith(prefix) and not Path(name).is_absolute() and (beside / name).is_file():
            found[section, key] = f"{prefix}{(beside / name).resolve()}"
    return found


def refuse_what_is_missing(file: KeyFile, name: str) -> None:
    """Raise ConfigError for a film look that would silently be left out: nobody knows the program's folder of them."""
    if file.keys.get((_FILM, "Enabled")) not in ("true", "1"):
        return
    film = file.keys.get((_FILM, "ClutFilename"), "")
    if film and not Path(film).is_file():
        raise ConfigError(
            f"{name}: [{_FILM}] is on with ClutFilename={film}, which is not there, and RawTherapee would leave it out "
            "without a word; give the picture's whole path"
        )
