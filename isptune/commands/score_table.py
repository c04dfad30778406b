"""The scores of `isptune score` as CSV: a line as soon as it is known, and a file that is gone on with."""

import csv
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from isptune.errors import ConfigError, one_line
from isptune.facts import ObjectiveFacts
from isptune.system.disk import appending

COLUMNS = ("image", "objective", "score", "direction", "unit")
REFERENCE = "reference"

SYNC_EVERY_S = 1.0
"""Scores of so long are lost at most in a power cut; to wait for the disk at each line may cost more than a score."""

Key = tuple[str, str, str]
"""Image, objective, reference."""


@final
@dataclass(frozen=True)
class ScoreTable:
    """Where lines go, and which scores are there already.

    Attributes:
        emit: takes text, and brings it where it goes at once.
        with_reference: whether there is a column for it.
        known: what need not be scored again.
    """

    emit: Callable[[str], None]
    with_reference: bool
    known: Mapping[Key, float] = field(default_factory=dict)

    def write(
        self, image: str, reference: str, scores: Mapping[str, float], facts: Mapping[str, ObjectiveFacts]
    ) -> None:
        """The scores of a picture by objective, a line each."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for spec, value in scores.items():
            row = (image, spec, f"{value:.7g}", facts[spec].direction, facts[spec].unit)
            writer.writerow((*row, reference) if self.with_reference else row)
        self.emit(text.getvalue())


def on_stdout(with_reference: bool) -> ScoreTable:
    """A table on standard output, its head written."""

    def emit(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    emit(",".join(_heads(with_reference)) + "\n")
    return ScoreTable(emit, with_reference)


@contextmanager
def in_file(path: Path, with_reference: bool) -> Iterator[ScoreTable]:
    """A file that is made, or gone on with: a line that was not finished is cut off, the others are kept.

    Each line is in the file at once, and soon on the disk.

    Raises:
        ConfigError: the file is something else, or has other columns.
    """
    try:
        known, end = _scores_of(path, with_reference) if path.exists() else ({}, 0)
        if not path.exists():
            appending(path).close()  # so its name is on the disk
        with path.open("r+", encoding="utf-8", newline="") as stream:
            stream.seek(end)
            stream.truncate()
            synced = time.monotonic()

            def emit(text: str) -> None:
                nonlocal synced
                stream.write(text)
                stream.flush()
                if time.monotonic() - synced > SYNC_EVERY_S:
                    os.fsync(stream.fileno())
                    synced = time.monotonic()

            if not end:
                emit(",".join(_heads(with_reference)) + "\n")
            try:
                yield ScoreTable(emit, with_reference, known)
            finally:
                os.fsync(stream.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error


def _heads(with_reference: bool) -> Sequence[str]:
    return (*COLUMNS, REFERENCE) if with_reference else COLUMNS


def _scores_of(path: Path, with_reference: bool) -> tuple[dict[Key, float], int]:
    """The scores of a file, and where its last whole line ends, in bytes."""
    held = path.read_bytes()
    data = held.partition(b"\0")[0]  # a power cut leaves zeros, of lines that are to be made again
    data = data[: data.rfind(b"\n") + 1]
    if not data:
        if len(held.strip(b"\0")) > (4096 if held[:1] != b"\0" else 0):
            raise ConfigError(f"{path}: is no table of scores; choose another --out")
        return {}, 0
    try:
        rows = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: is no table of scores that can be gone on with: {error}") from error
    heads = list(_heads(with_reference))
    if rows[0] != heads:
        got = one_line(",".join(rows[0])[:80])
        raise ConfigError(f"{path}: has the columns {got}, not {','.join(heads)}; choose another --out")
    try:
        return {(row[0], row[1], row[5] if with_reference else ""): float(row[2]) for row in rows[1:]}, len(
            data
        )
    except (IndexError, ValueError) as error:
        raise ConfigError(f"{path}: is no table of scores that can be gone on with: {error}") from error
