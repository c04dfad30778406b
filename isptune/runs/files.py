"""The files of a run's folder: their names, and the format that each of their records bears.

::

    RUN/config.json        the settings that determine the result                 isptune.runs.settings
    RUN/bench.json         what a report must know of the pipeline and the rest   isptune.runs.facts
    RUN/provenance.json    versions, device, threads, hashes of what went in      isptune.runs.provenance
    RUN/trials.jsonl       one line a generation, flushed and synced              isptune.runs.log
    RUN/unfinished.jsonl   what is done of the next generation                    isptune.runs.unfinished
    RUN/times.jsonl        when each trial was evaluated, a line a generation     isptune.runs.times
    RUN/live/              SCENE_start.png, SCENE_best.png, while it goes on      isptune.tuning.live_pictures
    RUN/trials.csv         the same as trials.jsonl, one row a trial              isptune.runs.log
    RUN/recommended.json   the candidate to hand over, and what others say of it  isptune.runs.answer
    RUN/clock.json         how long a search with a time budget took so far       isptune.runs.timing
    RUN/timing.json        where the time went                                    isptune.runs.timing
    RUN/images/            SCENE_default.png, SCENE_recommended.png, SCENE_reference.png
    RUN/plots/             the report's plots as PNG
    RUN/report.html        all of it on one page

docs/run_folder.md says what each field means.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from isptune.errors import RunFolderError, one_line
from isptune.system.disk import file_name, write_atomically
from isptune.system.records import convert, parse_json, plain, read_bytes, to_json

CONFIG = "config.json"
BENCH = "bench.json"
PROVENANCE = "provenance.json"
LOG = "trials.jsonl"
UNFINISHED = "unfinished.jsonl"
TIMES = "times.jsonl"
TABLE = "trials.csv"
RECOMMENDED = "recommended.json"
CLOCK = "clock.json"
TIMING = "timing.json"
REPORT = "report.html"
COMPARISON, SERIES = "comparison.json", "series.json"
"""Of several runs, beside their folders."""
IMAGES, PLOTS, LIVE = "images", "plots", "live"

FORMAT = 1
"""Of all records. It is raised where a field changes its meaning or a new one must not be passed over; a record without
it was written by version 0.1, whose layout is that of format 1."""

Record = TypeVar("Record")


def read_record(folder: Path, name: str, kind: type[Record]) -> Record:
    """The record in one of a folder's JSON files. Raises RunFolderError: missing, damaged, or of a newer format."""
    return convert(read_table(folder, name), kind, f"{folder / name}: is damaged", RunFolderError)


def read_table(folder: Path, name: str) -> dict[str, Any]:
    """The same as plain data, without its format."""
    path = folder / name
    if not path.exists():
        raise RunFolderError(f"{one_line(str(folder))}: holds no {name}; is it a run folder?")
    value = parse_json(read_bytes(path, RunFolderError), f"{path}: is damaged", RunFolderError)
    return without_format(value, str(path))


def remove_damaged(folder: Path, names: Iterable[str]) -> None:
    """Remove those files that hold no JSON, as after a power cut or a full disk: they are made again."""
    for name in names:
        path = folder / name
        if path.is_file():
            try:
                parse_json(read_bytes(path, RunFolderError), str(path), RunFolderError)
            except RunFolderError:
                path.unlink()


def write_record(folder: Path, name: str, record: Any) -> None:
    """Write one of a folder's JSON files: the old one stays until the new one is whole. Raises DiskError."""
    write_atomically(folder / name, to_json(with_format(record)))


def with_format(record: Any) -> dict[str, Any]:
    """A record, or a table, as plain data that begins with its format."""
    return {"format": FORMAT, **plain(record)}


def without_format(value: Any, place: str) -> dict[str, Any]:
    """The table without its format. Raises RunFolderError for one that this version cannot read."""
    place = one_line(place)
    if not isinstance(value, dict):
        raise RunFolderError(f"{place}: is damaged: it holds {type(value).__name__}, not an object")
    found = value.get("format", FORMAT)
    if type(found) is not int or found < 1:
        raise RunFolderError(f"{place}: is damaged: format = {found!r} must be a whole number from 1 on")
    if found > FORMAT:
        raise RunFolderError(
            f"{place}: has format {found}, and this version of isptune reads up to {FORMAT}: a newer one wrote it"
        )
    return {key: item for key, item in value.items() if key != "format"}


def image_path(folder: Path, scene: str, label: str) -> Path:
    """Where a run keeps a picture of a scene: `default`, `recommended` or `reference`."""
    return folder / IMAGES / f"{file_name(scene)}_{label}.png"


def live_image_path(folder: Path, scene: str, label: str) -> Path:
    """Where a run that goes on keeps a picture of a scene: `start` or `best`."""
    return folder / LIVE / f"{file_name(scene)}_{label}.png"
