"""A profile as `rawtherapee-cli` is given it: elsewhere than where the user has it, and without what it stumbles over.

RawTherapee refuses a whole file for a byte order mark, a line of text that is no key, or a comment of another kind than
`#`; and it looks beside the profile for files that are named without a folder.
"""

import os
import re
from pathlib import Path

from isptune.system.records import read_bytes
from pipelines.rawtherapee.keyfile import MARK, KeyFile

_FILES = (
    ("Color Management", "InputProfile", "file:"),
    ("LensProfile", "LCPFile", ""),
    ("RAW", "DarkFrame", ""),
    ("RAW", "FlatFieldFile", ""),
)
_LINE = re.compile(r"\s*(#.*|\[[^\]]+\]\s*|[^=\[]+=.*)?\s*", re.DOTALL)
_FILM = ("Film Simulation", "ClutFilename")


def for_the_program(file: KeyFile, beside: Path | None, films: Path | None) -> KeyFile:
    """The same profile such that the program reads it wherever it stands.

    Args:
        file: the profile.
        beside: the folder of the user's profile; None where there is none.
        films: the folder of film looks that the user's RawTherapee has.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+", file.text.removeprefix(MARK))
    first = next((place for place, line in enumerate(lines) if line.lstrip().startswith("[")), 0)
    plain = KeyFile("".join(line for line in lines[first:] if _LINE.fullmatch(line)))
    paths = {} if beside is None else _whole_paths(plain, beside)
    film = plain.keys.get(_FILM, "")
    if film and films is not None and (films / film).is_file():
        paths[_FILM] = str(films / film)
    return plain.with_keys(paths)


def _whole_paths(file: KeyFile, beside: Path) -> dict[tuple[str, str], str]:
    found = {}
    for section, key, prefix in _FILES:
        text = file.keys.get((section, key), "")
        name = text.removeprefix(prefix)
        if name and text.startswith(prefix) and not Path(name).is_absolute() and (beside / name).is_file():
            found[section, key] = f"{prefix}{(beside / name).resolve()}"
    return found


def films_folder() -> Path | None:
    """Where the user's RawTherapee has its film looks (Hald CLUTs), by its own settings."""
    settings = os.environ.get("RT_SETTINGS")
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    found = [Path(settings) / "options"] if settings else sorted(home.glob("RawTherapee*/options"))
    for file in reversed([file for file in found if file.is_file()]):
        folder = KeyFile.of(read_bytes(file)).keys.get(("Clut Directory", "ClutsDirectory"))
        if folder:
            return Path(folder)
    return None


def missing_film(file: KeyFile, films: Path | None) -> str | None:
    """The film look that a profile is developed with but that is not there, so that RawTherapee leaves it out."""
    film = file.keys.get(_FILM, "")
    on = file.keys.get((_FILM[0], "Enabled")) in ("true", "1")
    there = Path(film).is_file() or (films is not None and (films / film).is_file())
    return film if on and film and not there else None
