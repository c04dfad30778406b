"""Parameter sets: a named candidate on disk, read from a file or a finished run, written as TOML or JSON.

::

    pipeline = "raw"

    [values]
    denoise.strength = 0.31   # 0 to 1; it started at 0.9

A set file may be written by hand: only `[values]` must be there. Tables inside `[values]` and names with dots are
the same thing.
"""

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError, RunFolderError
from isptune.interfaces import Pipeline
from isptune.registry import build, factory, installed
from isptune.runs.log import CONFIG, RECOMMENDED, RunLog
from isptune.space import Candidate, Choice, Param, Value
from isptune.system.toml_text import inline, key_path, quoted

KEYS = ("name", "pipeline", "pipeline_options", "values", "start", "scores")
FORMATS = ("toml", "json")
"""What the core writes by itself; pipelines add others, see `isptune.interfaces.WritesParameterFiles`."""

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
    """

    name: str
    values: Candidate
    pipeline: str | None = None
    pipeline_options: Mapping[str, Any] = field(default_factory=dict)
    start: Candidate = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)


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
            return found
    try:
        return parse_set(data.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no parameter set that can be read: {error}") from error


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file or run folder") from error
    except OSError as error:
        raise ConfigError(f"{path}: is no parameter set that can be read: {error}") from error


def parse_set(text: str, path: Path) -> ParameterSet:
    """The set that a TOML or JSON text holds; `path` is for its name and for messages. Raises ConfigError."""
    table = _parse(text, path)
    unknown = sorted(set(table) - set(KEYS))
    if unknown or not isinstance(table.get("values"), Mapping) or not table["values"]:
        what = f"has the key {unknown[0]!r}" if unknown else "has no table 'values'"
        raise ConfigError(f"{path}: {what}; a parameter set has 'values', and may have: {', '.join(KEYS)}")
    for key, kind in (("pipeline", str), ("name", str), ("pipeline_options", Mapping), ("start", Mapping)):
        if key in table and not isinstance(table[key], kind):
            raise ConfigError(f"{path}: {key} = {table[key]!r} is not {'text' if kind is str else 'a table'}")
    return ParameterSet(
        name=table.get("name", path.stem),
        values=_flat(table["values"], path),
        pipeline=table.get("pipeline"),
        pipeline_options=table.get("pipeline_options", {}),
        start=_flat(table.get("start", {}), path),
        scores=_scores(table.get("scores", {}), path),
    )


def build_pipeline(chosen: ParameterSet) -> Pipeline:
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
    head = [f"name = {quoted(chosen.name)}"]
    if chosen.pipeline is not None:
        head.append(f"pipeline = {quoted(chosen.pipeline)}")
    if chosen.pipeline_options:
        head.append(f"pipeline_options = {inline(chosen.pipeline_options)}")
    names = _in_order(chosen.values, params)
    known = {param.name: param for param in params}
    lines = [*head, "", "[values]"]
    for name in names:
        changed = chosen.values[name] != chosen.start.get(name)
        comment = _comment(known.get(name), chosen.start.get(name) if changed else None)
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
    log = RunLog(folder)
    config = log.read_json(CONFIG)
    if not (folder / RECOMMENDED).exists():
        raise RunFolderError(f"{folder}: this run is not finished; give the command that began it again")
    answer = log.read_json(RECOMMENDED)
    try:
        scores = {
            name: {who: pair[who]["mean"] for who in ("recommended", "default") if who in pair}
            for name, pair in answer["objectives"].items()
        }
        return ParameterSet(
            name=folder.resolve().name,
            values=dict(answer["params"]),
            pipeline=config["pipeline"],
            pipeline_options=config.get("pipeline_options", {}),
            start=dict(answer["default"]),
            scores=scores,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RunFolderError(f"{folder}: {RECOMMENDED} or {CONFIG} is damaged: {error!r}") from error


def _parse(text: str, path: Path) -> Mapping[str, Any]:
    is_json = text.lstrip().startswith("{")
    try:
        table = json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if is_json else "TOML"
        raise ConfigError(
            f"{path}: is no parameter set: it is not {kind} that can be read: {error}"
        ) from error
    return table


def _flat(table: Mapping[str, Any], path: Path, prefix: str = "") -> Candidate:
    """Nested tables as names with dots. Raises ConfigError for a value that no parameter can have."""
    values: Candidate = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            values |= _flat(value, path, f"{name}.")
        elif isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ConfigError(f"{path}: {name} = {value!r} is neither a number nor text")
        else:
            values[name] = value
    return values


def _scores(table: Any, path: Path) -> Scores:
    rows = table.values() if isinstance(table, Mapping) else [None]
    if not all(isinstance(row, Mapping) and all(_is_score(v) for v in row.values()) for row in rows):
        raise ConfigError(f"{path}: scores = {table!r} is not a table of tables of numbers")
    return {name: dict(row) for name, row in table.items()}


def _is_score(value: Any) -> bool:
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    )


def _comment(param: Param | None, start: Value | None) -> str:
    parts = []
    if isinstance(param, Choice):
        parts.append(", ".join(param.options))
    elif param is not None:
        unit = f" {param.unit}" if param.unit else ""
        parts.append(f"{param.low:g} to {param.high:g}{unit}")
    if start is not None:
        parts.append(f"it started at {start:.6g}" if isinstance(start, float) else f"it started at {start}")
    text = "; ".join(parts).replace("\n", " ")
    return f"  # {text}" if text else ""
