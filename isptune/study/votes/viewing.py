"""How an observer sees the screen: asked once before the first vote, and kept beside the votes.

Of two strips, black and white, the observer says how many squares can be told from it; of plates of coloured dots,
which digit. This tells a dark display, a bright room, and eyes that do not tell red from green. It is no medical test.
"""

import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from isptune.errors import StudyError
from isptune.system.disk import appending
from isptune.system.records import convert, parse_json, plain, read_bytes

VIEWING = "viewing.jsonl"
"""A line for each observer who was asked."""

SQUARES = 8
"""In each strip; as many as page/viewing.js draws."""

ENOUGH_SQUARES = 5
"""Who sees fewer has a display or a room in which noise in shadows, or clipped lights, cannot be judged."""

Squares = Annotated[int, msgspec.Meta(ge=0, le=SQUARES)]
Digit = Annotated[int, msgspec.Meta(ge=0, le=9)]
PlateKind = Literal["control", "protan", "deutan"]


@dataclass(frozen=True)
class Plate:
    """A plate: its digit, and the one that was read; None for none. `control` is one that everyone reads."""

    kind: PlateKind
    shown: Digit
    read: Digit | None = None


@dataclass(frozen=True)
class Viewing:
    """What an observer said.

    Attributes:
        observer: by number.
        dark, light: squares that were told from black and from white, of `SQUARES`; None where it was skipped.
        plates: in the order shown; empty where it was skipped.
    """

    observer: int
    dark: Squares | None = None
    light: Squares | None = None
    plates: Annotated[tuple[Plate, ...], msgspec.Meta(max_length=8)] = ()

    @property
    def skipped(self) -> bool:
        return self.dark is None


def keep_viewing(folder: Path, viewing: Viewing) -> None:
    """Add a line; it is on the disk when this returns. Raises StudyError."""
    line = json.dumps(plain(viewing)) + "\n"
    try:
        with appending(folder / VIEWING) as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StudyError(f"{folder / VIEWING}: cannot be written: {error.strerror}") from error


def read_viewing(folder: Path) -> dict[int, Viewing]:
    """What observers said, by their number; of one who was asked twice, the last. Raises StudyError."""
    path = folder / VIEWING
    if not path.is_file():
        return {}
    found: dict[int, Viewing] = {}
    place = f"{path}: is damaged"
    for line in read_bytes(path, StudyError).splitlines(keepends=True):
        if line.endswith(b"\n"):  # else a power cut tore it: it is asked again
            one = convert(parse_json(line, place, StudyError), Viewing, place, StudyError)
            found[one.observer] = one
    return found


def viewing_warnings(found: Collection[Viewing]) -> list[str]:
    """Lines on those whose votes deserve a second look."""
    told = [one for one in found if not one.skipped]
    dim = sum(min(one.dark or 0, one.light or 0) < ENOUGH_SQUARES for one in told)
    blind = sum(any(p.kind != "control" and p.read != p.shown for p in one.plates) for one in told)
    lines = []
    if dim:
        lines.append(
            f"{dim} of {len(told)} observers saw fewer than {ENOUGH_SQUARES} of {SQUARES} squares of a grey ramp: "
            "their displays or rooms hide noise in shadows, or clipped lights"
        )
    if blind:
        lines.append(
            f"{blind} of {len(told)} observers did not read a digit in red and green dots: "
            "their votes on colours may differ from those of others"
        )
    return lines
