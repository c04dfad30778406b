"""Parameter sets: a named candidate on disk, read from a file or a finished run, written as TOML or JSON.

::

    pipeline = "raw"

    [values]
    denoise.strength = 0.31   # 0 to 1; it started at 0.9

A set file may be written by hand: only `[values]` must be there. Tables inside `[values]` and names with dots are
the same thing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.errors import ConfigError, RunFolderError
from isptune.registry import build, factory, installed
from isptune.runs.answer import ScorePair, read_answer
from isptune.runs.facts import read_bench
from isptune.runs.files import RECOMMENDED
from isptune.runs.log import RunLog, Trial
from isptune.runs.settings import read_settings
from isptune.space import Candidate, Choice, Param, Value, existing_names, in_words
from isptune.system.records import convert, parse_json, parse_toml, read_bytes
from isptune.system.toml_text import inline, key_path, quoted

if TYPE_CHECKING:
    from isptune.interfaces import Pipeline

FORMATS = ("toml", "json")
"""What the core writes by itself; pipelines add others, see `isptune.interfaces.WritesParameterFiles`."""

START_STAYS = "this run found nothing better than what it started from: these are the values of the start"

Scores = Mapping[str, Mapping[str, float | None]]
"""By objective: its score of the set (`recommended`) and of what the search started from (`default`)."""


@dataclass(frozen=True)
class ParameterSet:
    """A candidate with where it comes from.

    Attributes:
        name: of the run's folder, or of the file without its ending.
        values: by parameter name; of a run all parameters of its pipeline, of a file what it holds.
        pipeline: spec of the pipeline; None where the file does not say.
        pipeline_options: that the pipeline was built with.
        start: what the search started from, all parameters; empty where that is not known.
        scores: of the objectives that the set was tuned for; may be empty.
        file_format: of the program's or camera's file that it was read from, as set readers are called; None for a set.
        without_place: the parameters that this very file could not hold, as far as its reader knows.
        note: what whoever uses it should know.
    """

    name: str
    values: Candidate
    pipeline: str | None = None
    pipeline_options: Mapping[str, Any] = field(default_factory=dict)
    start: Candidate = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)
    file_format: str | None = None
    without_place: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class _SetFile:
    """What a file of a set may hold; see `ParameterSet`."""

    values: Mapping[str, Value]
    name: str | None = None
    pipeline: str | None = None
    pipeline_options: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, Value] = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)


KEYS = tuple(part.name for part in fields(_SetFile))


def read_set(path: Path, template: Path | None = None) -> ParameterSet:
    """Read the set that a file holds, or that a finished run recommends.

    Args:
        path: TOML or JSON, told apart by what they hold; what a plug-in reads (see `isptune.registry`, set_readers),
            such as profiles of raw developers; or a run's folder.
        template: the file that a plug-in's file was made from, for formats that hold changes only.

    Raises:
        ConfigError: no such file, or it holds no set.
        RunFolderError: the folder is no run, or one that is not finished.
    """
    if path.is_dir():
        return _of_run(path)
    data = _bytes_of(path)
    beside = None if template is None else _bytes_of(template)
    for name in installed("set_reader"):
        found = factory("set_reader", name)(data, path, beside)
        if found is not None:
            return replace(found, file_format=name)
    return parse_set(data, path)


def _bytes_of(path: Path) -> bytes:
    if not path.exists():
        raise ConfigError(f"{path}: no such file or run folder")
    return read_bytes(path)


def parse_set(data: bytes | str, path: Path) -> ParameterSet:
    """The set that a TOML or JSON text holds; `path` is for its name and for messages. Raises ConfigError."""
    held = _of_file(data, path)
    return ParameterSet(
        name=path.stem if held.name is None else held.name,
        values=dict(held.values),
        pipeline=held.pipeline,
        pipeline_options=held.pipeline_options,
        start=dict(held.start),
        scores=held.scores,
    )


def build_pipeline(chosen: ParameterSet) -> "Pipeline":
    """The pipeline that a set is for. Raises ConfigError if the set does not say or it cannot be built."""
    if chosen.pipeline is None:
        raise ConfigError(
            f'{chosen.name}: this set does not say which pipeline it is for; add: pipeline = "NAME"'
        )
    return build("pipeline", chosen.pipeline, **chosen.pipeline_options)


def to_toml(chosen: ParameterSet, params: Sequence[Param] = ()) -> str:
    """A set as TOML, with a comment beside each value.

    Args:
        chosen: what to write.
        params: as far as they are known; they give unit, range and order.
    """
    head = [f"# {chosen.note}"] if chosen.note else []
    head.append(f"name = {quoted(chosen.name)}")
    if chosen.pipeline is not None:
        head.append(f"pipeline = {quoted(chosen.pipeline)}")
    if chosen.pipeline_options:
        head.append(f"pipeline_options = {inline(chosen.pipeline_options)}")
    names = _in_order(chosen.values, params)
    known = {param.name: param for param in params}
    used = existing_names(params, chosen.values)
    lines = [*head, "", "[values]"]
    for name in names:
        changed = chosen.values[name] != chosen.start.get(name)
        comment = _comment(known.get(name), chosen.start.get(name) if changed else None, name in used)
        lines.append(f"{key_path(name, names)} = {inline(chosen.values[name])}{comment}")
    if chosen.start:
        lines += ["", "# What the search started from.", "[start]"]
        lines += [f"{key_path(n, names)} = {inline(chosen.start[n])}" for n in names if n in chosen.start]
    for objective, pair in chosen.scores.items():
        lines += ["", f"[scores.{quoted(objective)}]"]
        lines += [f"{who} = {inline(value)}" for who, value in pair.items() if value is not None]
    return "\n".join(lines) + "\n"


def to_json(chosen: ParameterSet, params: Sequence[Param] = ()) -> str:
    """A set as JSON, with the same keys as in TOML, in the order of `params`."""
    table = {
        "name": chosen.name,
        "pipeline": chosen.pipeline,
        "pipeline_options": dict(chosen.pipeline_options),
        "values": {name: chosen.values[name] for name in _in_order(chosen.values, params)},
        "start": {name: chosen.start[name] for name in _in_order(chosen.start, params)},
        "scores": {name: dict(pair) for name, pair in chosen.scores.items()},
    }
    return json.dumps({key: value for key, value in table.items() if value}, indent=2, allow_nan=False) + "\n"


def _in_order(values: Mapping[str, Value], params: Sequence[Param]) -> list[str]:
    """The names of the values, in the order of the parameters; those that these do not hold come last."""
    places = {param.name: place for place, param in enumerate(params)}
    return sorted(values, key=lambda name: places.get(name, len(places)))


def _of_run(folder: Path) -> ParameterSet:
    settings = read_settings(folder)
    if not (folder / RECOMMENDED).exists():
        raise RunFolderError(f"{folder}: this run is not finished; give the command that began it again")
    answer = read_answer(folder)
    return ParameterSet(
        name=folder.resolve().name,
        values=dict(answer.params),
        pipeline=settings.pipeline,
        pipeline_options=settings.pipeline_options,
        start=dict(answer.default),
        scores={name: _means(pair) for name, pair in answer.objectives.items()},
        note=START_STAYS if answer.rejected is not None else "",
    )


def read_trial(folder: Path, number: int) -> ParameterSet:
    """A trial of a run, finished or not, as a set; `number` as in trials.csv. Raises RunFolderError."""
    settings, trial = read_settings(folder), _trial(folder, number)
    defaults = {param.name: param.default for param in read_bench(folder).params}
    return ParameterSet(
        name=f"{folder.resolve().name}-trial-{number}",
        values={**defaults, **trial.params},
        pipeline=settings.pipeline,
        pipeline_options=settings.pipeline_options,
        start=defaults,
        scores={name: {"recommended": score} for name, score in trial.scores.items()},
        note=f"trial {number} of the search" + (f", which failed: {trial.error}" if trial.error else ""),
    )


def read_front_member(folder: Path, number: int) -> ParameterSet:
    """A member of the Pareto front of a finished run as a set; they count from 1. Raises RunFolderError."""
    front = read_answer(folder).front
    if not 1 <= number <= len(front):
        known = f"1 to {len(front)}" if front else "none: it has one objective, or its optimizer has no front"
        raise RunFolderError(f"{folder}: has no member {number} of a Pareto front; there are {known}")
    member = front[number - 1]
    scores = {name: {"recommended": score} for name, score in member.scores.items()}
    return replace(
        _of_run(folder),
        name=f"{folder.resolve().name}-front-{number}",
        values=dict(member.params),
        scores=scores,
        note=f"member {number} of {len(front)} of the Pareto front",
    )


def trial_params(folder: Path, number: int) -> Candidate:
    """The tuned values of a trial of a run; `number` as in trials.csv. Raises RunFolderError."""
    return _trial(folder, number).params


def _trial(folder: Path, number: int) -> Trial:
    trials = [trial for generation in RunLog(folder).generations() for trial in generation.trials]
    if not 0 <= number < len(trials):
        known = f"0 to {len(trials) - 1}, as in trials.csv" if trials else "none yet"
        raise RunFolderError(f"{folder}: has no trial {number}; there are {known}")
    return trials[number]


def _means(pair: ScorePair) -> dict[str, float]:
    """The scores of both, as far as they are known."""
    both = {"recommended": pair.recommended, "default": pair.default}
    return {who: interval.mean for who, interval in both.items() if interval.n}


def _of_file(data: bytes | str, path: Path) -> _SetFile:
    text = data.decode("utf-8-sig", "replace") if isinstance(data, bytes) else data.removeprefix("\ufeff")
    parse = parse_json if text.lstrip().startswith("{") else parse_toml
    table = convert(parse(data, f"{path}, read as a parameter set"), dict[str, Any], str(path))
    if not isinstance(table.get("values"), Mapping) or not table["values"]:
        held = f", but {', '.join(map(repr, table))}" if table else ""
        raise ConfigError(
            f"{path}: has no table 'values'{held}; a parameter set has that, and may have: {', '.join(KEYS)}"
        )
    flat = {key: _flat(table[key]) for key in ("values", "start") if isinstance(table.get(key), Mapping)}
    return convert({**table, **flat}, _SetFile, str(path), known_only=True)


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as names with dots."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        values |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return values


def _comment(param: Param | None, start: Value | None, used: bool) -> str:
    parts = [] if used or param is None else [f"not used: only with {in_words(param.when)}"]
    if isinstance(param, Choice):
        parts.append(", ".join(param.options))
    elif param is not None:
        unit = f" {param.unit}" if param.unit else ""
        parts.append(f"{param.low:g} to {param.high:g}{unit}")
    if start is not None:
        parts.append(f"it started at {start:.6g}" if isinstance(start, float) else f"it started at {start}")
    text = "; ".join(parts).replace("\n", " ")
    return f"  # {text}" if text else ""
