"""What a series leaves: every parameter by condition, as a table, as TOML and JSON, and as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from isptune.parameter_set import to_toml
from isptune.report.conditions import ConditionSeries, reached
from isptune.report.digits import mean_of, number
from isptune.report.fitted import Fit, FittedTable
from isptune.report.knob_plots import knobs_over_conditions, knobs_over_iso
from isptune.report.page import render
from isptune.report.pictures import Subject, compared, of_run
from isptune.runs.answer import ScorePair
from isptune.runs.facts import read_bench
from isptune.runs.files import REPORT, SERIES, write_record
from isptune.space import Candidate, Param, Value
from isptune.system.disk import folder_in, remove_unfinished, write_atomically
from isptune.system.records import optional
from isptune.system.toml_text import inline, key_path, quoted

if TYPE_CHECKING:
    from rich.console import Console

SETS, FITTED = "sets", "fitted"
"""Folders of the sets by condition: as they were tuned, and on the fitted curves."""

CONDITIONS_SHOWN = 24
"""Pictures of so many scenes of conditions are on the page at most."""


@dataclass(frozen=True)
class SeriesScores:
    """An objective's scores by condition, NaN where there is none.

    Attributes:
        start: of what its search started from.
        tuned: of its set.
        fitted: of the fitted set; beside it what was tuned scored again, under the same noise.
        tuned_again: see there.
        left_out: of the set that the other conditions give, for one between them.
    """

    start: tuple[float, ...]
    tuned: tuple[float, ...]
    fitted: tuple[float, ...] = optional(())
    tuned_again: tuple[float, ...] = optional(())
    left_out: tuple[float, ...] = optional(())


@dataclass(frozen=True)
class SeriesRecord:
    """series.json: values by parameter, scores by objective and steps, each in the order of the conditions.

    Attributes:
        fitted: values of the fitted sets; empty where conditions have no numbers.
        monotone: `up` or `down` by parameter that was asked to be.
    """

    conditions: tuple[str, ...]
    values: Mapping[str, tuple[Value, ...]]
    scores: Mapping[str, SeriesScores]
    steps: tuple[float, ...]
    kept: tuple[str, ...]
    fitted: Mapping[str, tuple[Value, ...]] = optional(factory=dict)
    monotone: Mapping[str, str] = optional(factory=dict)


def write_series(folder: Path, series: ConditionSeries, fit: Fit | None = None) -> Path:
    """Write series.toml, series.json, sets/, fitted/ and report.html; returns the path of the page."""
    remove_unfinished(folder, below=False)  # its runs clean up by themselves
    for kind in (SETS, *([FITTED] if fit else [])):
        remove_unfinished(folder_in(folder, kind), below=False)
    for place, chosen in series.sets.items():
        _write_set(folder / SETS, series, place, chosen.values, scored=True)
    for place, values in (fit.table.sets if fit else {}).items():
        _write_set(folder / FITTED, series, place, values, scored=False)
    write_atomically(folder / "series.toml", to_table(series, fit).encode())
    write_record(folder, SERIES, to_record(series, fit))
    pictures, left_out = compared(_subjects(folder, series), CONDITIONS_SHOWN)
    page = render(
        "conditions.html",
        pictures,
        pictures_left_out=left_out,
        name=folder.resolve().name,
        series=series,
        fit=fit,
        knobs=knobs_over_conditions(series) if fit is None else knobs_over_iso(fit.table),
        params=sorted(series.params, key=lambda param: -series.moved(param)),
        reached=reached,
        said=[] if fit is None else fit_in_words(series, fit),
    )
    write_atomically(folder / REPORT, page)
    return folder / REPORT


def _subjects(folder: Path, series: ConditionSeries) -> list[Subject]:
    """The pictures of each condition: what its search started from, and what it led to."""
    words = {"default": "at the neighbour's set", "recommended": "tuned"}
    found = []
    for condition in series.conditions:
        run = folder / series.folders[condition]
        for scene in read_bench(run).scenes:
            one = of_run(run, scene.name, words)
            found += [] if one is None else [replace(one, scene=f"{condition}: {scene.name}")]
    return found


def _write_set(folder: Path, series: ConditionSeries, name: str, values: Candidate, scored: bool) -> None:
    chosen = series.sets[name]
    own = replace(chosen, values=values, scores=chosen.scores if scored else {})
    write_atomically(folder / f"{series.folders[name]}.toml", to_toml(own, series.space).encode())


def to_table(series: ConditionSeries, fit: Fit | None = None) -> str:
    """One line a parameter: its values in the order of the conditions. Those that were not tuned come last."""
    lines = [f"conditions = [{', '.join(map(quoted, series.conditions))}]", ""]
    lines += ["[values]", *_rows(series, [chosen.values for chosen in series.sets.values()])]
    if fit is not None:
        lines += ["", "# On one smooth curve a knob.", "[fitted]", *_rows(series, _fitted(series, fit.table))]
    return "\n".join(lines) + "\n"


def _rows(series: ConditionSeries, columns: Sequence[Candidate]) -> list[str]:
    names = _names(series)
    tuned = {param.name: param for param in series.params}
    rows = []
    for name in names:
        unit = f"  # {tuned[name].unit}" if name in tuned and tuned[name].unit else ""
        rows.append(f"{key_path(name, names)} = {inline([values[name] for values in columns])}{unit}")
    return rows


def _fitted(series: ConditionSeries, table: FittedTable) -> list[Candidate]:
    return [table.sets[name] for name in series.conditions]


def to_record(series: ConditionSeries, fit: Fit | None = None) -> SeriesRecord:
    """The same for JSON, with scores and steps."""
    ways = {1: "up", -1: "down"}
    return SeriesRecord(
        conditions=tuple(series.conditions),
        values={name: tuple(s.values[name] for s in series.sets.values()) for name in _names(series)},
        scores={
            o.name: SeriesScores(
                start=tuple(series.scores[c][o.name].default.mean for c in series.conditions),
                tuned=tuple(reached(series, c, o).mean for c in series.conditions),
                **_fit_scores(series, fit, o.name),
            )
            for o in series.objectives
        },
        steps=tuple(series.steps[c] for c in series.conditions),
        kept=series.kept,
        fitted={}
        if fit is None
        else {name: tuple(values[name] for values in _fitted(series, fit.table)) for name in _names(series)},
        monotone={} if fit is None else {name: ways[way] for name, way in fit.table.directions.items()},
    )


def _fit_scores(series: ConditionSeries, fit: Fit | None, objective: str) -> dict[str, tuple[float, ...]]:
    """What the fit scores, by condition; nothing where it was not evaluated."""
    if fit is None or not fit.fitted:
        return {}

    def means(pairs: Mapping[str, Mapping[str, ScorePair]], which: str) -> tuple[float, ...]:
        found = (pairs.get(name, {}).get(objective) for name in series.conditions)
        return tuple(float("nan") if pair is None else getattr(pair, which).mean for pair in found)

    return {
        "fitted": means(fit.fitted, "recommended"),
        "tuned_again": means(fit.fitted, "default"),
        "left_out": means(fit.left_out, "recommended"),
    }


def in_score(series: ConditionSeries, pairs: Mapping[str, Mapping[str, ScorePair]]) -> str:
    """What sets cost against the tuned ones by the first objective, and where most; empty where it is not known."""
    if not series.objectives or not pairs:
        return ""
    first = series.objectives[0]
    losses = {
        name: first.gain(table[first.name].default.mean, table[first.name].recommended.mean)
        for name, table in pairs.items()
    }
    name = max(losses, key=lambda one: losses[one])
    mean = sum(losses.values()) / len(losses)
    said = f"costs {number(mean)}" if mean > 0 else f"gains {number(-mean)}"
    most = f"loses {number(losses[name])}" if losses[name] > 0 else f"gains {number(-losses[name])}"
    return f"{said} by {first.label} on average; {name} {most}"


def print_series(series: ConditionSeries, fit: Fit | None, console: "Console") -> None:
    """Print the table by condition."""
    from isptune.report.tables import print_table

    moving = sorted(series.params, key=lambda param: -series.moved(param))
    rows = [row for param in moving for row in _printed(series, fit, param)]
    for o in series.objectives:
        pairs = [series.scores[c][o.name] for c in series.conditions]
        rows.append([f"{o.label}, at the neighbour's set", *(mean_of(pair.default) for pair in pairs), ""])
        tuned = (mean_of(reached(series, c, o)) for c in series.conditions)
        rows.append([f"{o.label}, tuned", *tuned, o.direction])
        if fit is not None and fit.fitted:
            rows += [
                [
                    f"{o.label}, {words}",
                    *(_mean(pairs.get(c), o.name) for c in series.conditions),
                    o.direction,
                ]
                for words, pairs in (("fitted", fit.fitted), ("from the other ISOs", fit.left_out))
            ]
    rows.append(
        ["step from the neighbour", *(f"{100 * step:.1f} %" for step in series.steps.values()), "of ranges"]
    )
    print_table(console, "sets by condition", ["knob", *series.conditions, "unit"], rows)
    for name in series.kept:
        console.print(
            f"{name}: nothing better was found, so its neighbour's set stays", highlight=False, soft_wrap=True
        )
    if fit is not None:
        for line in fit_in_words(series, fit):
            console.print(line, highlight=False, soft_wrap=True)


def fit_in_words(series: ConditionSeries, fit: Fit) -> list[str]:
    """What there is to say of the fitted table, a line each."""
    lines = [f"{name}: the fitted set cannot be evaluated: {error}" for name, error in fit.errors.items()]
    if not fit.table.changes:
        return [*lines, "the fitted table is what was tuned: there is nothing to smooth"]
    if said := in_score(series, fit.fitted):
        lines.append(f"the fitted table {said}")
    if said := in_score(series, fit.left_out):
        lines.append(f"looking an ISO up between the others, in place of tuning it, {said}")
    return lines


def _printed(series: ConditionSeries, fit: Fit | None, param: Param) -> list[list[str]]:
    """A knob's row, and where it was changed that of the fit."""
    tuned = [number(s.values[param.name]) for s in series.sets.values()]
    rows = [[param.name, *tuned, param.unit]]
    if fit is None or not fit.table.changed(param.name):
        return rows
    fitted = (number(values[param.name]) for values in _fitted(series, fit.table))
    return [*rows, ["  fitted", *fitted, param.unit]]


def _mean(pairs: Mapping[str, ScorePair] | None, objective: str) -> str:
    return number(None) if pairs is None else mean_of(pairs[objective].recommended)


def _names(series: ConditionSeries) -> list[str]:
    """Tuned parameters in the pipeline's order, then the others."""
    tuned = [param.name for param in series.params]
    values: Candidate = next(iter(series.sets.values())).values
    return [*tuned, *(name for name in values if name not in tuned)]
