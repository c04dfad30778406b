"""times.jsonl: when each trial was evaluated, a line a generation, beside the log, whose bytes know no clock."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import RunFolderError
from isptune.runs.files import TIMES, with_format, without_format
from isptune.system.disk import appending
from isptune.system.records import convert, parse_json, plain


@dataclass(frozen=True)
class Span:
    """When a trial was evaluated.

    Attributes:
        began, ended: seconds since 1970, UTC; of all its scenes, and of the whole batch that it was evaluated in.
        took_s: its share of the seconds in the pipeline and in the objectives.
    """

    began: float
    ended: float
    took_s: float


@dataclass(frozen=True)
class Times:
    """Of the trials of a generation, in their order."""

    generation: int
    trials: tuple[Span, ...]


def append_times(folder: Path, generation: int, spans: Sequence[Span]) -> None:
    """Add a line; a full disk is the log's to tell."""
    rounded = [Span(round(s.began, 3), round(s.ended, 3), round(s.took_s, 4)) for s in spans]
    line = json.dumps(with_format(plain(Times(generation, tuple(rounded)))), allow_nan=False)
    with suppress(OSError), appending(folder / TIMES) as file:
        file.write(f"{line}\n".encode())


def read_times(folder: Path) -> dict[int, tuple[Span, ...]]:
    """Spans by generation; of one that was begun twice the last. Empty for runs of earlier versions.

    A line that cannot be read is passed over: the times decide nothing.
    """
    path, found = folder / TIMES, {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        with suppress(RunFolderError):
            table = without_format(parse_json(line, str(path), RunFolderError), str(path))
            times = convert(table, Times, str(path), RunFolderError)
            found[times.generation] = times.trials
    return found
