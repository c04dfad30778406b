"""Makes a data set's folder, in many processes, and goes on where it was stopped.

::

    DIR/dataset.json                  settings and photographs: the same ones give the same bytes
    DIR/references/NUMBER_NAME.png    the photographs that are used, shrunk
    DIR/pictures/TASK/0000/NUMBER.png what was made of them; _A and _B of a pair
    DIR/train_refA_sd_brief.json      records, in the layout of DepictQA-Wild: PART_LIST_KIND_brief.json;
    DIR/...                           lists refA, A (identification) and refAB, AB (rating; no kind)
    DIR/statistics.json, .html, .png  how many of what; written last, so that it marks a whole data set
    DIR/unfinished/                   while it is made: the records of finished chunks
"""

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError, DatasetError
from isptune.interfaces import Objective
from isptune.registry import build
from isptune.system.claim import claimed
from isptune.system.disk import remove_unfinished
from isptune.system.records import read_json
from objectives.training.dataset.crew import in_processes
from objectives.training.dataset.plan import (
    PARTS,
    PLAN,
    Plan,
    begin_or_go_on,
    read_plan,
    refuse_other_content,
    write_bytes,
)
from objectives.training.dataset.samples import make_reference, make_sample, photograph_of

LOG = logging.getLogger(__name__)

STATISTICS = "statistics.json"
UNFINISHED = "unfinished"

CHUNK = 8
"""Samples that are made one after another and kept together: what a stop costs each process at most."""

LISTS = {"identification": ("refA", "A"), "rating": ("refAB", "AB")}

Progress = Callable[[int, int], None]


def make(
    plan: Plan, photos: Path, folder: Path, workers: int = 1, on_progress: Progress = lambda done, count: None
) -> bool:
    """Make a data set, or the rest of one.

    Args:
        plan: what it is made of.
        photos: the folder that the plan's photographs were found in.
        folder: where it goes; it must be new or empty, or hold the beginning of the same data set.
        workers: processes. The bytes do not depend on it.
        on_progress: is told how many references and samples are done, of how many.

    Returns:
        Whether anything was to be done.

    Raises:
        ConfigError: an objective that is to rate pairs cannot be built, or the folders lie in each other.
        SceneError: a photograph cannot be used.
        DatasetError: the folder holds something else, another process is at work in it, or the disk refuses.
    """
    _refuse_nested(photos, folder)
    if "rating" in plan.tasks:
        _raters(plan.raters)  # refuses what cannot be built before anything is written
    refuse_other_content(folder)
    with claimed(folder, DatasetError):
        begin_or_go_on(folder, plan)
        if (folder / STATISTICS).exists():
            shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
            return False
        _make_pictures(plan, photos, folder, workers, on_progress)
        _finish(plan, folder)
    return True


def list_name(part: str, kind: str, name: str) -> str:
    """The file of a list of records, without its ending: pairs of one or two distortions stand together."""
    return f"{part}_{name}_brief" if name in LISTS["rating"] else f"{part}_{name}_{kind}_brief"


def _make_pictures(plan: Plan, photos: Path, folder: Path, workers: int, on_progress: Progress) -> None:
    samples = [(task, number) for task in plan.tasks for number in range(plan.size)]
    used = sorted({photograph_of(plan, task, number) for task, number in samples})
    count = len(used) + len(samples)
    missing = [
        number for number in used if not (folder / plan.photographs[number].reference(number)).exists()
    ]
    done = len(used) - len(missing)
    on_progress(done, count)
    said: list[str] = []
    for told in in_processes(
        _reference_job, [(str(photos), str(folder), number) for number in missing], workers
    ):
        said += told
        done += 1
        on_progress(done, count)
    if said:
        LOG.warning(
            "%s", said[0] if len(said) == 1 else f"{said[0]}; of others, too: {len(said) - 1} such lines"
        )
    jobs: list[tuple[Any, ...]] = []
    for task in plan.tasks:
        for first in range(0, plan.size, CHUNK):
            if _chunk_path(folder, task, first).exists():
                done += min(CHUNK, plan.size - first)
            else:
                jobs.append((str(folder), task, first))
    on_progress(done, count)
    for made in in_processes(_chunk_job, jobs, workers):
        done += made
        on_progress(done, count)


def _reference_job(photos: str, folder: str, number: int) -> tuple[str, ...]:
    return make_reference(_plan(folder), Path(photos), Path(folder), number)


def _chunk_job(folder: str, task: str, first: int) -> int:
    """Make the samples of a chunk and then its file, which says that all its pictures are there."""
    plan = _plan(folder)
    raters = _raters(plan.raters) if task == "rating" else {}
    numbers = range(first, min(first + CHUNK, plan.size))
    entries = [make_sample(plan, Path(folder), task, number, raters) for number in numbers]
    path = _chunk_path(Path(folder), task, first)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
    write_bytes(path, json.dumps(entries, separators=(",", ":")).encode())
    return len(entries)


def _finish(plan: Plan, folder: Path) -> None:
    """The lists, then the statistics, then nothing unfinished any more."""
    from objectives.training.dataset.statistics import count
    from objectives.training.dataset.statistics_page import write_page

    counted = count(plan, (entry for _, entry in _entries(plan, folder)))
    for name, records in _lists(plan, folder).items():
        write_bytes(folder / f"{name}.json", (json.dumps(records, indent=1) + "\n").encode())
    write_page(folder, plan, counted)
    remove_unfinished(folder)
    write_bytes(folder / STATISTICS, (json.dumps(counted.as_dict(), indent=1) + "\n").encode())
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)


def _lists(plan: Plan, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Records by list, in the order of their numbers; a list that could have some is there even if empty."""
    lists: dict[str, list[dict[str, Any]]] = {
        list_name(part, kind, name): []
        for part in PARTS
        for task in plan.tasks
        for name in LISTS[task]
        for kind in ("sd", "md")
    }
    for _, entry in _entries(plan, folder):
        for name, record in entry["records"].items():
            lists[list_name(entry["part"], entry["kind"], name)].append(record)
    return lists


def _entries(plan: Plan, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for task in plan.tasks:
        for first in range(0, plan.size, CHUNK):
            path = _chunk_path(folder, task, first)
            try:
                entries = read_json(path, list[dict[str, Any]], DatasetError)
            except DatasetError as error:
                raise DatasetError(f"{error}; delete it to have it made again") from error
            for entry in entries:
                yield task, entry


def _chunk_path(folder: Path, task: str, first: int) -> Path:
    return folder / UNFINISHED / f"{task}_{first:07d}.json"


def _plan(folder: str) -> Plan:
    return _plan_as_of(folder, (Path(folder) / PLAN).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _plan_as_of(folder: str, written_ns: int) -> Plan:
    """The list of photographs may be long: a process reads it once."""
    return read_plan(Path(folder))


@lru_cache(maxsize=1)
def _raters(specs: tuple[str, ...]) -> dict[str, Objective]:
    if not specs:
        raise ConfigError("raters: rating needs one objective at least that compares with the reference")
    return {spec: build("objective", spec) for spec in specs}


def _refuse_nested(photos: Path, folder: Path) -> None:
    here, there = folder.resolve(), photos.resolve()
    if here == there or there in here.parents or here in there.parents:
        raise ConfigError(
            f"{folder}: and the photographs in {photos} lie one in the other; give another folder"
        )
