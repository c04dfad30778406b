"""trials.jsonl: the log of trials, which is also the checkpoint; and trials.csv, the same as a table.

One line a generation, flushed and synced; a torn last line is dropped on opening.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from isptune.errors import RunFolderError
from isptune.runs.files import LOG, with_format, without_format
from isptune.space import Candidate
from isptune.system.disk import appending, write_atomically
from isptune.system.records import convert, optional, parse_json, unless


def _knows_no_levels(trial: "Trial") -> bool:
    return not trial.levels


@dataclass(frozen=True)
class Trial:
    """The record of one evaluated candidate.

    Attributes:
        repeat: which of the lockstep optimisations asked for it, from 0.
        params: the tuned values.
        scores: by objective, in its own unit, one of all scenes (see `isptune.runs.aggregate`); empty if it failed.
        scenes: by scene and objective; only where there is more than one scene.
        levels: signed distortion levels where the pipeline knows them, else empty.
        l1: mean |level| in raw units; None where unknown.
        l1_normalised: the same with each level divided by its range.
        error: why it failed, else None.
    """

    repeat: int
    params: Candidate
    scores: Mapping[str, float] = field(default_factory=dict)
    scenes: Mapping[str, Mapping[str, float]] = optional(factory=dict)
    levels: tuple[float, ...] = unless(_knows_no_levels, ())
    l1: float | None = unless(_knows_no_levels, None)
    l1_normalised: float | None = unless(_knows_no_levels, None)
    error: str | None = optional(None)


@dataclass(frozen=True)
class Generation:
    """All trials of one ask/tell round, over all repeats, in the order in which they were asked.

    Attributes:
        generation: its number, from 0.
        seed: of the noise field that all its candidates saw.
        trials: repeat after repeat.
    """

    generation: int
    seed: int
    trials: tuple[Trial, ...]


class RunLog:
    """Appends generations to a run folder and reads them back."""

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        self.path = self.folder / LOG

    def generations(self) -> list[Generation]:
        """All complete generations. Raises RunFolderError if the log is damaged before its last line."""
        if not self.path.exists():
            return []
        return list(_parse(self.path, self.path.read_bytes()))

    def open(self) -> "LogWriter":
        """Drop a torn last line and return a writer at the end of the log."""
        return LogWriter(self.path)


class LogWriter:
    """A context manager that appends generations, each flushed and synced before `append` returns."""

    def __init__(self, path: Path):
        self.path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> "LogWriter":
        size = _whole_lines(self.path) if self.path.exists() else 0  # before the file is open: it may refuse
        try:
            self._file = appending(self.path)
            self._file.truncate(size)
        except OSError as error:
            raise RunFolderError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def append(self, generation: Generation) -> None:
        """Write one line. Raises RunFolderError when the disk is full; what was there stays whole."""
        assert self._file is not None, "used outside its with block"
        line = _line(generation)
        size = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            self._undo(size)
            raise RunFolderError(
                f"{self.path}: generation {generation.generation} could not be written ({error.strerror}); "
                "all earlier ones are safe: make room and run the same command again"
            ) from error

    def _undo(self, size: int) -> None:
        # Closing would flush what is still buffered, so the file is cut back after that.
        file, self._file = self._file, None
        try:
            if file:
                file.close()
        except OSError:
            pass
        os.truncate(self.path, size)


def write_log(folder: Path, generations: Sequence[Generation]) -> None:
    """Write a whole log, in place of the one that is there. Raises DiskError."""
    write_atomically(folder / LOG, b"".join(map(_line, generations)))


def _line(generation: Generation) -> bytes:
    return (json.dumps(with_format(generation), allow_nan=False, separators=(",", ":")) + "\n").encode()


def write_csv(path: Path, generations: Sequence[Generation], level_names: Sequence[str]) -> None:
    """Write one row a trial: generation, repeat, params, scores, levels as d_1.., l1, l1_normalised, error."""
    import csv
    import io

    trials = [trial for generation in generations for trial in generation.trials]
    params = list(trials[0].params) if trials else []
    objectives = next((list(trial.scores) for trial in trials if trial.scores), [])
    distances = [f"d_{i + 1}" for i in range(len(level_names))]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    tail = [*distances, "l1", "l1_normalised", "error"] if distances else ["error"]
    writer.writerow(["trial", "generation", "repeat", *params, *objectives, *tail])
    rows = ((g.generation, trial) for g in generations for trial in g.trials)
    for number, (generation, trial) in enumerate(rows):
        levels = (
            [*(trial.levels or [""] * len(distances)), trial.l1, trial.l1_normalised] if distances else []
        )
        values = [trial.params[name] for name in params] + [trial.scores.get(name) for name in objectives]
        writer.writerow([number, generation, trial.repeat, *values, *levels, trial.error])
    write_atomically(path, table.getvalue().encode())


def _parse(path: Path, data: bytes) -> Iterator[Generation]:
    lines = data.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        place = f"{path}: line {number}"
        table: Any = None
        try:
            table = parse_json(line, f"{place} is damaged", RunFolderError)
            yield convert(without_format(table, place), Generation, f"{place} is damaged", RunFolderError)
        except RunFolderError:
            # The last line may be torn and then terminated: as good as not written. One of a newer version is whole.
            if number == len(lines) - 1 and not isinstance(table, dict):
                return
            raise


def _whole_lines(path: Path) -> int:
    """The length in bytes of the complete, readable lines at the beginning of the log."""
    data = path.read_bytes()
    count = len(list(_parse(path, data)))
    return sum(len(line) + 1 for line in data.split(b"\n")[:count])
