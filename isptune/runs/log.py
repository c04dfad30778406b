"""The folder of a run on disk. The log of trials is also the checkpoint.

::

    RUN/config.json        the settings that determine the result
    RUN/provenance.json    versions, device, threads, git commit, hashes of scenes and weights
    RUN/trials.jsonl       one line a generation, flushed and synced; a torn last line is dropped on opening
    RUN/unfinished.jsonl   what is done of the next generation, where a trial takes long
    RUN/trials.csv         the same, one row a trial
    RUN/recommended.json   the candidate to hand over, evaluated again, and the second opinions
    RUN/clock.json         how long the search took so far, where it has a time budget
    RUN/timing.json        where the time went; not reproducible, unlike everything above but provenance
    RUN/images/            SCENE_default.png, SCENE_recommended.png, SCENE_reference.png
    RUN/plots/             the report's plots as PNG
    RUN/report.html        all of it on one page
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from isptune.errors import RunFolderError
from isptune.space import Candidate
from isptune.system.disk import file_name, write_atomically

LOG = "trials.jsonl"
CONFIG = "config.json"
PROVENANCE = "provenance.json"
RECOMMENDED = "recommended.json"
TIMING = "timing.json"
REPORT = "report.html"


@dataclass(frozen=True)
class Trial:
    """The record of one evaluated candidate.

    Attributes:
        repeat: which of the lockstep optimisations asked for it, from 0.
        params: the tuned values.
        scores: by objective, in its own unit, one of all scenes (see `isptune.aggregate`); empty if it failed.
        scenes: by scene and objective; only where there is more than one scene.
        levels: signed distortion levels where the pipeline knows them, else empty.
        l1: mean |level| in raw units; None where unknown.
        l1_normalised: the same with each level divided by its range.
        error: why it failed, else None.
    """

    repeat: int
    params: Candidate
    scores: Mapping[str, float] = field(default_factory=dict)
    scenes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    levels: tuple[float, ...] = ()
    l1: float | None = None
    l1_normalised: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Generation:
    """All trials of one ask/tell round, over all repeats, in the order in which they were asked.

    Attributes:
        index: from 0.
        seed: of the noise field that all its candidates saw.
        trials: repeat after repeat.
    """

    index: int
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

    def read_json(self, name: str) -> dict[str, Any]:
        """One of the folder's JSON files, each an object. Raises RunFolderError if missing or damaged."""
        path = self.folder / name
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunFolderError(f"{self.folder}: holds no {name}; is it a run folder?") from error
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{path}: cannot be read: {error}") from error
        if not isinstance(value, dict):
            raise RunFolderError(f"{path}: is damaged: it holds {type(value).__name__}, not an object")
        return value

    def write_json(self, name: str, value: Any) -> None:
        """Write one of the folder's JSON files in one step: the old one stays until the new one is whole."""
        text = json.dumps(_without_nan(value), indent=2, allow_nan=False) + "\n"
        write_atomically(self.folder / name, text.encode())


class LogWriter:
    """A context manager that appends generations, each flushed and synced before `append` returns."""

    def __init__(self, path: Path):
        self.path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> "LogWriter":
        self._file = open(self.path, "ab+")
        self._file.truncate(_whole_lines(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def append(self, generation: Generation) -> None:
        """Write one line. Raises RunFolderError when the disk is full; what was there stays whole."""
        assert self._file is not None, "used outside its with block"
        line = json.dumps(_to_json(generation), allow_nan=False, separators=(",", ":")) + "\n"
        size = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(line.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            self._undo(size)
            raise RunFolderError(
                f"{self.path}: generation {generation.index} could not be written ({error.strerror}); "
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


def image_path(folder: Path, scene: str, label: str) -> Path:
    """Where a run keeps a picture of a scene: `default`, `recommended` or `reference`."""
    return folder / "images" / f"{file_name(scene)}_{label}.png"


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
    rows = ((g.index, trial) for g in generations for trial in g.trials)
    for number, (generation, trial) in enumerate(rows):
        levels = (
            [*(trial.levels or [""] * len(distances)), trial.l1, trial.l1_normalised] if distances else []
        )
        values = [trial.params[name] for name in params] + [trial.scores.get(name) for name in objectives]
        writer.writerow([number, generation, trial.repeat, *values, *levels, trial.error])
    write_atomically(path, table.getvalue().encode())


def _to_json(generation: Generation) -> dict[str, Any]:
    trials = []
    for trial in generation.trials:
        record: dict[str, Any] = {
            "repeat": trial.repeat,
            "params": dict(trial.params),
            "scores": dict(trial.scores),
        }
        if trial.scenes:
            record["scenes"] = {name: dict(scores) for name, scores in trial.scenes.items()}
        if trial.levels:
            record |= {"levels": list(trial.levels), "l1": trial.l1, "l1_normalised": trial.l1_normalised}
        if trial.error is not None:
            record["error"] = trial.error
        trials.append(record)
    return {"generation": generation.index, "seed": generation.seed, "trials": trials}


def _from_json(record: Mapping[str, Any]) -> Generation:
    trials = tuple(
        Trial(
            repeat=trial["repeat"],
            params=trial["params"],
            scores=trial["scores"],
            scenes=trial.get("scenes", {}),
            levels=tuple(trial.get("levels", ())),
            l1=trial.get("l1"),
            l1_normalised=trial.get("l1_normalised"),
            error=trial.get("error"),
        )
        for trial in record["trials"]
    )
    return Generation(record["generation"], record["seed"], trials)


def _parse(path: Path, data: bytes) -> Iterator[Generation]:
    lines = data.split(b"\n")
    for number, line in enumerate(lines[:-1]):
        try:
            yield _from_json(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines) - 2:
                return  # the last line, torn and then terminated: as good as not written
            raise RunFolderError(f"{path}: line {number + 1} is damaged: {error}") from error


def _whole_lines(path: Path) -> int:
    """The length in bytes of the complete, readable lines at the beginning of the log."""
    data = path.read_bytes()
    count = len(list(_parse(path, data)))
    return sum(len(line) + 1 for line in data.split(b"\n")[:count])


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN or infinity: they become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
