"""Which line of a table is a scene's: by the file that the scene was made of."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Generic, TypeVar, final

from isptune.errors import ConfigError, one_line
from isptune.scenes.scene import Scene

Entry = TypeVar("Entry")

_MADE = re.compile(r"(.+?)(?:_iso[\d.e+]+|_twin)?(?:_\d+)?")
"""A photograph's name in that of a scene: with what `unprocessed:` and `twin:` append, and `_2` of the second one."""


@final
class ByFile(Generic[Entry]):
    """What is known of each file, found by name or by stem, wherever the file lies.

    Args:
        known: by path or name of a file, with or without its ending; equal names of different folders may differ, and
            are refused only where they are asked for.
        where: where it was read, for messages.
    """

    def __init__(self, known: Mapping[str, Entry], where: str):
        self._where = where
        self._found: dict[str, list[Entry]] = {}
        for file, entry in known.items():
            name = PurePath(file.replace("\\", "/")).name
            for key in {name, PurePath(name).stem}:
                self._found.setdefault(key, []).append(entry)

    def of(self, scene: Scene) -> Entry | None:
        """What is known of the file that a scene was made of; None where there is nothing.

        Raises:
            ConfigError: different things are.
        """
        for name in _names(scene):
            entries = self._found.get(name, [])
            if any(one != entries[0] for one in entries):
                raise ConfigError(f"{self._where}: says different things of files called {one_line(name)}")
            if entries:
                return entries[0]
        return None


def _names(scene: Scene) -> Iterator[str]:
    """What the scene's file may be called, the likeliest first."""
    for key in ("file", "path"):  # as sources of scenes have them
        if key in scene.metadata:
            yield from _both(str(scene.metadata[key]))
    yield from _both(scene.name)
    made = _MADE.fullmatch(PurePath(scene.name).name)
    if made is not None:
        yield made[1]


def _both(file: str) -> tuple[str, str]:
    name = PurePath(file.replace("\\", "/")).name
    return name, PurePath(name).stem
