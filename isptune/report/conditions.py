"""The result of a series: every parameter by condition, as a table, as TOML and JSON, and as a page."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from isptune.errors import RunFolderError
from isptune.parameter_set import ParameterSet, read_set, to_toml
from isptune.report.digits import mean_of, number
from isptune.report.figures import BLUE, in_our_style, log_scale, panels, to_png
from isptune.report.page import render
from isptune.runs.answer import Answer, Interval, ScorePair
from isptune.runs.facts import ObjectiveRecord
from isptune.runs.files import REPORT, SERIES, write_record
from isptune.runs.record import RunRecord, read_run
from isptune.space import Candidate, Choice, Param, Space, Value
from isptune.system.disk import folder_in, remove_unfinished, write_atomically
from isptune.system.toml_text import inline, key_path, quoted

if TYPE_CHECKING:
    from rich.console import Console

PANELS = 24
"""Curves of so many parameters are drawn at most: those that move most."""


@dataclass(frozen=True)
class ConditionSeries:
    """The sets of a series.

    Attributes:
        params: those that were tuned.
        objectives: what was optimised.
        sets: by condition, in order.
        scores: by condition and objective, of the start (the neighbour's set) and of the result.
        folders: the name of each run's folder, by condition.
        steps: how far each set is from its neighbour, a mean share of the ranges; the first from the start.
        kept: the conditions whose search found nothing better, so that their neighbour's set stays.
    """

    params: tuple[Param, ...]
    objectives: tuple[ObjectiveRecord, ...]
    sets: Mapping[str, ParameterSet]
    scores: Mapping[str, Mapping[str, ScorePair]]
    folders: Mapping[str, str]
    steps: Mapping[str, float]
    kept: tuple[str, ...] = ()

    @property
    def conditions(self) -> list[str]:
        """Their names, in order."""
        return list(self.sets)

    def moved(self, param: Param) -> float:
        """Over how much of its range a parameter moves; of a choice 1 if it changes."""
        values = [chosen.values[param.name] for chosen in self.sets.values()]
        if isinstance(param, Choice):
            return float(len(set(values)) > 1)
        places = [float(Space((param,)).to_unit({param.name: value})[0]) for value in values]
        return max(places) - min(places)


@dataclass(frozen=True)
class SeriesScores:
    """An objective's scores by condition: of what its search started from, and of its set."""

    start: tuple[float, ...]
    tuned: tuple[float, ...]


@dataclass(frozen=True)
class SeriesRecord:
    """series.json: values by parameter, scores by objective and steps, each in the order of the conditions."""

    conditions: tuple[str, ...]
    values: Mapping[str, tuple[Value, ...]]
    scores: Mapping[str, SeriesScores]
    steps: tuple[float, ...]
    kept: tuple[str, ...]


def read_series(folders: Mapping[str, Path]) -> ConditionSeries:
    """Read finished runs, by condition. Raises RunFolderError for one that is not finished or damaged."""
    records = {name: read_run(folder) for name, folder in folders.items()}
    first = next(iter(records.values()))
    answers = {name: _answer(record) for name, record in records.items()}
    kept = tuple(name for name, record in records.items() if not pays(record))
    return ConditionSeries(
        params=first.params,
        objectives=first.objectives,
        sets={name: replace(chosen_set(folder), name=name) for name, folder in folders.items()},
        scores={name: answer.objectives for name, answer in answers.items()},
        folders={name: folder.name for name, folder in folders.items()},
        steps={name: 0.0 if name in kept else answer.distance or 0.0 for name, answer in answers.items()},
        kept=kept,
    )


def chosen_set(folder: Path) -> ParameterSet:
    """What a condition hands over: what its run recommends, or what it started from if that is no worse."""
    chosen = read_set(folder)
    return chosen if pays(read_run(folder)) else replace(chosen, values=chosen.start)


def pays(record: RunRecord) -> bool:
    """Whether the recommended set is better than the start by more than the distance between them costs.

    Of several objectives, none of which has the last word, it always does.
    """
    answer = _answer(record)
    if record.single is None or record.single.name not in answer.objectives:
        return True
    pair = answer.objectives[record.single.name]
    gain = record.single.gain(pair.recommended.mean, pair.default.mean)
    return math.isnan(gain) or gain > answer.cost


def _answer(record: RunRecord) -> Answer:
    if record.answer is None:
        raise RunFolderError(f"{record.folder}: this run is not finished; give the command again to go on")
    return record.answer


def reached(series: ConditionSeries, condition: str, objective: ObjectiveRecord) -> Interval:
    """The score of a condition's set."""
    pair = series.scores[condition][objective.name]
    return pair.default if condition in series.kept else pair.recommended


def write_series(folder: Path, series: ConditionSeries) -> Path:
    """Write series.toml, series.json, sets/CONDITION.toml and report.html; returns the path of the page."""
    for place in (folder, folder_in(folder, "sets")):  # its runs clean up by themselves
        remove_unfinished(place, below=False)
    for name, chosen in series.sets.items():
        text = to_toml(chosen, read_run(folder / series.folders[name]).space)
        write_atomically(folder / "sets" / f"{series.folders[name]}.toml", text.encode())
    write_atomically(folder / "series.toml", to_table(series).encode())
    write_record(folder, SERIES, to_record(series))
    moving = sorted(series.params, key=lambda param: -series.moved(param))
    page = render(
        "conditions.html",
        name=folder.resolve().name,
        series=series,
        curves=_curves(series),
        params=moving,
        reached=reached,
    )
    write_atomically(folder / REPORT, page)
    return folder / REPORT


def to_table(series: ConditionSeries) -> str:
    """One line a parameter: its values in the order of the conditions. Those that were not tuned come last."""
    names = _names(series)
    tuned = {param.name: param for param in series.params}
    lines = [f"conditions = [{', '.join(map(quoted, series.conditions))}]", "", "[values]"]
    for name in names:
        values = inline([chosen.values[name] for chosen in series.sets.values()])
        unit = f"  # {tuned[name].unit}" if name in tuned and tuned[name].unit else ""
        lines.append(f"{key_path(name, names)} = {values}{unit}")
    return "\n".join(lines) + "\n"


def to_record(series: ConditionSeries) -> SeriesRecord:
    """The same for JSON, with scores and steps."""
    return SeriesRecord(
        conditions=tuple(series.conditions),
        values={name: tuple(s.values[name] for s in series.sets.values()) for name in _names(series)},
        scores={
            o.name: SeriesScores(
                start=tuple(series.scores[c][o.name].default.mean for c in series.conditions),
                tuned=tuple(reached(series, c, o).mean for c in series.conditions),
            )
            for o in series.objectives
        },
        steps=tuple(series.steps[c] for c in series.conditions),
        kept=series.kept,
    )


def print_series(series: ConditionSeries, console: "Console") -> None:
    """Print the table by condition."""
    from isptune.report.tables import print_table

    rows = [
        [param.name, *(number(s.values[param.name]) for s in series.sets.values()), param.unit]
        for param in sorted(series.params, key=lambda param: -series.moved(param))
    ]
    for o in series.objectives:
        pairs = [series.scores[c][o.name] for c in series.conditions]
        rows.append([f"{o.label}, at the neighbour's set", *(mean_of(pair.default) for pair in pairs), ""])
        tuned = (mean_of(reached(series, c, o)) for c in series.conditions)
        rows.append([f"{o.label}, tuned", *tuned, o.direction])
    rows.append(
        ["step from the neighbour", *(f"{100 * step:.1f} %" for step in series.steps.values()), "of ranges"]
    )
    print_table(console, "sets by condition", ["knob", *series.conditions, "unit"], rows)
    for name in series.kept:
        console.print(f"{name}: nothing better was found, so its neighbour's set stays", highlight=False)


def _names(series: ConditionSeries) -> list[str]:
    """Tuned parameters in the pipeline's order, then the others."""
    tuned = [param.name for param in series.params]
    values: Candidate = next(iter(series.sets.values())).values
    return [*tuned, *(name for name in values if name not in tuned)]


@in_our_style
def _curves(series: ConditionSeries) -> bytes | None:
    """Every numeric parameter over the conditions, in its range."""
    numeric = [param for param in series.params if not isinstance(param, Choice)]
    chosen = sorted(numeric, key=lambda param: -series.moved(param))[:PANELS]
    if not chosen:
        return None
    figure, axes = panels(len(chosen), 4, 1.9)
    places = list(range(len(series.conditions)))
    for panel, param in zip(axes, chosen, strict=True):
        values = [float(s.values[param.name]) for s in series.sets.values()]
        panel.plot(places, values, marker="o", markersize=4, color=BLUE, linewidth=1.4)
        margin = 0 if param.log else 0.04 * (param.high - param.low)
        panel.set(title=param.name, ylabel=param.unit, ylim=(param.low - margin, param.high + margin))
        panel.set_xticks(places, series.conditions)
        if param.log:
            log_scale(panel)
    return to_png(figure)
