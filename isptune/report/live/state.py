"""What the live page shows of a run, read from its folder: whether it goes on, how far it is, and where it leads."""

import math
import os
import time
from pathlib import Path
from typing import Any

from isptune.errors import IsptuneError
from isptune.report import series
from isptune.report.curves import MOST_POINTS, listed, thinned
from isptune.runs.facts import ObjectiveRecord
from isptune.runs.files import BENCH, CONFIG, RECOMMENDED, image_path, live_image_path
from isptune.runs.record import RunRecord, read_run
from isptune.runs.times import Span, read_times
from isptune.runs.timing import read_clock
from isptune.space import Choice, Numeric, Param, Value
from isptune.system.claim import LOCK
from isptune.system.durations import in_time_words, parse_duration
from isptune.system.locks import PLAIN, lock

DEEPEST, MOST_RUNS = 3, 200
"""Folders of runs are looked for so far down, and so many are shown."""

RECENT = 5
"""The pace is that of so many last generations."""


def find_runs(root: Path, most: int = MOST_RUNS) -> dict[str, Path]:
    """Runs by their names: the folder itself, or those below it, the latest first. No link is followed."""
    if _is_run(root):
        return {root.resolve().name: root}
    found = [path for path in _below(root, DEEPEST) if _is_run(path)]
    found.sort(key=lambda path: -_changed(path))
    return {path.relative_to(root).as_posix(): path for path in found[:most]}


def _is_run(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and (folder / BENCH).is_file()


def _below(folder: Path, depth: int) -> list[Path]:
    try:
        inside = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return []
    deeper = [one for path in inside if depth > 1 and not _is_run(path) for one in _below(path, depth - 1)]
    return [*inside, *deeper]


def _changed(folder: Path) -> float:
    return max((path.stat().st_mtime for path in folder.iterdir() if path.is_file()), default=0.0)


def is_running(folder: Path) -> bool:
    """Whether a process is at work in a run's folder: it holds the lock."""
    try:
        held = os.open(folder / LOCK, os.O_RDONLY | PLAIN)
    except OSError:
        return False
    try:
        lock(held, shared=True)
    except BlockingIOError:
        return True
    finally:
        os.close(held)
    return False


def state_of(name: str, folder: Path) -> dict[str, Any]:
    """All that the page shows of a run; of one that cannot be read, why."""
    try:
        return _state(name, read_run(folder))
    except IsptuneError as error:
        return {"name": name, "error": str(error), "phase": "damaged"}


def _state(name: str, record: RunRecord) -> dict[str, Any]:
    times = read_times(record.folder)
    running = is_running(record.folder)
    done, asked = sum(len(g.trials) for g in record.generations), _asked(record)
    phase = "finished" if record.answer else "running" if running else "stopped"
    if phase == "running" and asked is not None and done >= asked:
        phase = "choosing among the best"
    return {
        "name": name,
        "phase": phase,
        "title": f"{record.config.pipeline} tuned for {' and '.join(o.name for o in record.objectives)}",
        "done": done,
        "asked": asked,
        "failed": sum(trial.error is not None for trial in record.trials()),
        "time": _time_words(record, times, running, done, asked),
        "objectives": [_objective(record, objective) for objective in record.objectives],
        "knobs": _knobs(record),
        "pictures": _pictures(record),
    }


def _asked(record: RunRecord) -> int | None:
    config = record.config
    return config.population * config.generations * config.repeats if config.generations else None


def _time_words(
    record: RunRecord, times: dict[int, tuple[Span, ...]], running: bool, done: int, asked: int | None
) -> str:
    """How long it took so far, and about how long it will take."""
    if not times:
        return ""
    walls = [max(s.ended for s in spans) - min(s.began for s in spans) for _, spans in sorted(times.items())]
    took = in_time_words(sum(walls))
    if record.answer:
        return f"the search took {took}"
    text = f"{took} so far"
    if not running or asked is None:
        return text
    recent = sorted(times.items())[-RECENT:]
    pace_s = sum(walls[-RECENT:]) / max(1, sum(len(spans) for _, spans in recent))
    left_s = (asked - done) * pace_s - min(time.time() - max(s.ended for s in recent[-1][1]), pace_s)
    if record.config.budget_time is not None:
        limit_s = parse_duration(record.config.budget_time, "budget_time")
        left_s = min(left_s, limit_s - read_clock(record.folder).searched_s)
    return f"{text}, about {in_time_words(max(left_s, 0.0))} left of the search" if left_s > 0 else text


def _objective(record: RunRecord, objective: ObjectiveRecord) -> dict[str, Any]:
    each = series.spread(record, lambda trial: trial.scores.get(objective.name), quantiles=(0.1, 0.9))
    best = series.median_over([series.best_so_far(record, objective, r) for r in record.repeats])
    chosen = record.best_trial(objective)
    kept = thinned(len(record.generations), MOST_POINTS)
    return {
        "name": objective.name,
        "label": objective.label,
        "wanted": "higher is better" if objective.sign > 0 else "lower is better",
        "best": None if chosen is None else chosen.scores[objective.name],
        "x": series.indices(record)[kept].tolist(),
        "curves": {
            "best": listed(best, kept),
            "median": listed(each.median, kept),
            "low": listed(each.low, kept),
            "high": listed(each.high, kept),
        },
    }


def _knobs(record: RunRecord) -> list[dict[str, Any]]:
    """Where each knob was, and where the best trial (at the end: the recommended set) has it, 0 to 1 of its range."""
    values = record.answer.params if record.answer else None
    if values is None:
        best = record.best_trial(record.objectives[0]) if record.objectives else None
        values = best.params if best else {}
    return [_knob(param, values.get(param.name, param.default)) for param in record.params]


def _knob(param: Param, value: Value) -> dict[str, Any]:
    shown = {"name": param.name, "unit": param.unit, "start": param.default, "now": value}
    if isinstance(param, Choice):
        return shown
    return {**shown, "places": [_place(param, param.default), _place(param, value)]}


def _place(param: Numeric, value: Value) -> float:
    low, high, at = (math.log(x) if param.log else float(x) for x in (param.low, param.high, float(value)))
    return (at - low) / (high - low) if high > low else 0.5


def _pictures(record: RunRecord) -> list[dict[str, str]]:
    """By scene the names under which its pictures can be asked for, with what changes when a picture does."""
    found = []
    for number, scene in enumerate(record.bench.scenes):
        files = picture_files(record.folder, scene.name)
        if {"left", "right"} <= files.keys():
            stamps = {side: f"{number}-{side}-{path.stat().st_mtime_ns}" for side, path in files.items()}
            found.append({"scene": scene.name, **stamps})
    return found


def picture_files(folder: Path, scene: str) -> dict[str, Path]:
    """The start on the left, the best on the right, and the reference, as far as they are there."""
    if (folder / RECOMMENDED).is_file():
        known = {"left": "default", "right": "recommended", "reference": "reference"}
        files = {side: image_path(folder, scene, label) for side, label in known.items()}
    else:
        files = {
            side: live_image_path(folder, scene, one) for side, one in (("left", "start"), ("right", "best"))
        }
    return {side: path for side, path in files.items() if _is_own(path)}


def _is_own(path: Path) -> bool:
    """Whether it is a file of the folder, and no link out of it."""
    return path.is_file() and not path.is_symlink() and not path.parent.is_symlink()
