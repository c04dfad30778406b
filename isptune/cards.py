"""What a user should know of a plug-in before choosing it, as data beside the code: nothing is built to read it.

An entry point of the group `isptune.cards` names a package that has a `cards.toml` (`objectives`): a table
`[KIND.NAME]` for each plug-in, and `[evidence.NAME]` for each kind of figure, with what was measured and the file that
it stands in.
"""

import functools
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from isptune.registry import installed
from isptune.system.records import convert, parse_toml, read_bytes

FILE = "cards.toml"


@dataclass(frozen=True)
class Card:
    """What is said of one plug-in.

    Attributes:
        says: what it is, in one line.
        better: of an objective's scores; empty where it depends.
        needs: beside pictures: a reference, a chart, a raw file, weights, a package.
        leads: whether it may lead a search; of objectives.
        lead: what it may lead.
        judge: what it may only judge.
        argument: what stands behind its name.
        options: by key, what they take.
        files: which of `argument` and the options name files that must be there.
        example: a command.
        figures: by kind of evidence, as its source has them.
    """

    says: str
    better: Literal["higher", "lower", ""] = ""
    needs: str = ""
    leads: Literal["yes", "some", "no", ""] = ""
    lead: str = ""
    judge: str = ""
    argument: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    example: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What a kind of figure measures, and the file of the repository in which it stands."""

    what: str
    source: str


@dataclass(frozen=True)
class Cards:
    """All that is said of the installed plug-ins, by kind and name."""

    objective: Mapping[str, Card] = field(default_factory=dict)
    judge: Mapping[str, Card] = field(default_factory=dict)
    pipeline: Mapping[str, Card] = field(default_factory=dict)
    optimizer: Mapping[str, Card] = field(default_factory=dict)
    scene: Mapping[str, Card] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)

    def of(self, kind: str) -> Mapping[str, Card]:
        """Those of one kind, by name, in the order of their files."""
        found: Mapping[str, Card] = getattr(self, kind)
        return found


def read_cards() -> Cards:
    """Everything that the installed packages say. Raises ConfigError for a file that is damaged."""
    found = Cards()
    for point in installed("card").values():
        own = _read(point.value)
        found = Cards(**{name: {**getattr(found, name), **getattr(own, name)} for name in vars(found)})
    return found


@functools.cache
def _read(package: str) -> Cards:
    """What one package says; its file does not change while the program runs, and a command asks several times."""
    spec = importlib.util.find_spec(package)
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    file = next((path for place in places if (path := Path(place, FILE)).is_file()), None)
    if file is None:
        return Cards()
    return convert(parse_toml(read_bytes(file), str(file)), Cards, str(file), known_only=True)
