"""Files to start from, for `isptune init`: a plug-in that is told what to do by a file brings one along.

An entry point of the group `isptune.starters` names a function `starter() -> Starter`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA_LINE = "#:schema ./{name}"
"""The first line of a TOML file, by which editors find its schema."""


@dataclass(frozen=True)
class Starter:
    """A commented file, its schema, and what else is needed to try it at once.

    Attributes:
        says: what it is for, in one line.
        file: what it is called unless the user says otherwise.
        text: of the file, without the line that names the schema.
        schema: by which editors check it.
        beside: further files, by name: a program that it works with as it is.
        steps: commands to go on with, `{file}` in the place of its name.
    """

    says: str
    file: str
    text: str
    schema: Mapping[str, Any]
    beside: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
