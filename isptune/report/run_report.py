"""The report of one run: plots/*.png and report.html, made of nothing but the run folder."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isptune.report import run_plots, series
from isptune.report.aggregate_words import in_a_sentence
from isptune.report.changes import Change, bounds_reached, changes
from isptune.report.curves import curves_of
from isptune.report.digits import number
from isptune.report.distance_words import distances_disagree
from isptune.report.importance import Importance, importance
from isptune.report.page import render
from isptune.report.pictures import compared, of_run
from isptune.report.scored_regions import scored_regions
from isptune.runs.answer import Answer, ScorePair, gamed
from isptune.runs.facts import ObjectiveRecord
from isptune.runs.files import REPORT
from isptune.runs.record import RunRecord, fixed_values, read_run
from isptune.system.disk import folder_in, write_atomically
from isptune.system.records import plain

RELIABLE = 0.5
"""Below this share of explained variance, importances come with a warning."""
FRONT_ROWS, FAILURE_ROWS, HEADLINE_KNOBS = 40, 20, 16


def write_report(folder: Path) -> Path:
    """Write the plots and the page of a run, finished or not. The same folder gives the same bytes.

    Returns:
        The path of report.html.

    Raises:
        RunFolderError: the folder is no run folder, or is damaged.
        DiskError: it cannot be written.
    """
    record = read_run(folder)
    found = {o.name: part for o in record.objectives if (part := importance(record, o)) is not None}
    plots = {
        "convergence": run_plots.convergence(record),
        "levels": run_plots.levels(record),
        "params": run_plots.params(record),
        "importance": run_plots.importances(record, found),
        "front": run_plots.front(record),
    }
    write_plots(record.folder / "plots", plots)
    page = render("run.html", **_context(record, plots, found))
    write_atomically(record.folder / REPORT, page)
    return record.folder / REPORT


def write_plots(folder: Path, plots: Mapping[str, bytes | None]) -> None:
    """Write each plot that there is as NAME.png. Raises DiskError."""
    folder_in(folder.parent, folder.name)
    for name, png in plots.items():
        if png is not None:
            write_atomically(folder / f"{name}.png", png)


def flat(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows of text, keys joined by dots."""
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            rows += flat(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)))
    return rows


def _context(
    record: RunRecord, plots: Mapping[str, bytes | None], found: Mapping[str, Importance]
) -> dict[str, Any]:
    trials = list(record.trials())
    failed = series.failures(record)
    answer = record.answer
    knobs = changes(record, answer) if answer else []
    words = _picture_words(record)
    subjects = [of_run(record.folder, scene.name, words) for scene in record.bench.scenes]
    pictures, left_out = compared([subject for subject in subjects if subject is not None])
    return {
        "record": record,
        "answer": answer,
        "plots": plots,
        "trials": len(trials),
        "failed": sum(len(where) for where in failed.values()),
        "failures": list(failed.items())[:FAILURE_ROWS],
        "kinds_of_failure": len(failed),
        "asked": record.config.generations,
        "headlines": [_headline(record, objective) for objective in record.objectives],
        "distance": _distance(answer) if answer else None,
        "held_out": _held_out(record, answer) if answer else [],
        "scene_rows": scene_rows(record, answer.scenes) if answer else [],
        "held_out_rows": scene_rows(record, answer.held_out.scenes) if answer and answer.held_out else [],
        "optimised": in_a_sentence(record),
        "stay_near": record.config.stay_near,
        "knobs": knobs,
        "headline_knobs": _headline_knobs(record, knobs),
        "bounds": bounds_reached(knobs),
        "fixed": fixed_values(record),
        "pictures": pictures,
        "curves": curves_of(record, found),
        "pictures_left_out": left_out,
        "scored_regions": scored_regions(record.folder, record.bench.scenes),
        "importance": _importance_notes(record, found),
        "opposed": gamed(answer.second_opinions) if answer else [],
        "front": answer.front[:FRONT_ROWS] if answer else (),
        "best": [(objective, record.best_trial(objective)) for objective in record.objectives],
        "settings": flat(plain(record.config)),
        "provenance": flat(plain(record.provenance)),
        "timing": flat(plain(record.timing)) if record.timing else [],
    }


def _picture_words(record: RunRecord) -> dict[str, str]:
    """What pictures beside default and recommended are called: with their scores, which say what they are for."""
    words = {"found": "found, but not better"}
    for place, member in enumerate(record.answer.front if record.answer else (), 1):
        words[f"front-{place}"] = f"front {place}: {_scores_in_words(member.scores)}"
    for place, trial in enumerate(record.trials()):
        words[f"trial-{place}"] = f"trial {place}: {_scores_in_words(trial.scores) or 'failed'}"
    return words


def _scores_in_words(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number(score)}" for name, score in scores.items())


def _headline(record: RunRecord, objective: ObjectiveRecord) -> dict[str, Any]:
    """What the top of the page says of one objective; `verdict` is better, worse or same."""
    pair = record.answer.objectives.get(objective.name) if record.answer else None
    gain = pair.difference if pair else None
    return {
        "objective": objective,
        "pair": pair,
        "gain": gain,
        "paired": pair is not None and pair.gain is not None,
        "verdict": _verdict(objective, pair) if pair else None,
    }


def scene_rows(record: RunRecord, scenes: Mapping[str, Mapping[str, ScorePair]]) -> list[dict[str, Any]]:
    """By scene what each objective says of default and recommended; in the order of the scenes."""
    return [
        {"scene": scene, "cells": [_cell(o, table[o.name]) for o in record.objectives if o.name in table]}
        for scene, table in scenes.items()
    ]


def _cell(objective: ObjectiveRecord, pair: ScorePair) -> dict[str, Any]:
    return {"pair": pair, "gain": pair.difference, "verdict": _verdict(objective, pair)}


def _held_out(record: RunRecord, answer: Answer) -> list[dict[str, Any]]:
    """By objective what the set is worth on scenes that the search never saw; empty where there were none."""
    if answer.held_out is None:
        return []
    pairs = answer.held_out.objectives
    return [{"objective": o, **_cell(o, pairs[o.name])} for o in record.objectives if o.name in pairs]


def _headline_knobs(record: RunRecord, knobs: list[Change]) -> list[Change]:
    """In the pipeline's order if there is room for all, else those that changed most."""
    if len(knobs) > HEADLINE_KNOBS:
        return knobs[:HEADLINE_KNOBS]
    order = [param.name for param in record.params]
    return sorted(knobs, key=lambda change: order.index(change.param.name))


def _verdict(objective: ObjectiveRecord, pair: ScorePair) -> str:
    gain = pair.difference
    return "unknown" if math.isnan(gain.mean) else gain.as_gain(objective.direction)


def _distance(answer: Answer) -> dict[str, Any] | None:
    after, before = answer.recommended_distance, answer.default_distance
    if after.l1 is None:
        return None
    return {"after": after, "before": before, "disagree": distances_disagree(before, after)}


def _importance_notes(record: RunRecord, found: Mapping[str, Importance]) -> list[dict[str, Any]]:
    notes = []
    for objective in record.objectives:
        part = found.get(objective.name)
        notes.append(
            {
                "objective": objective,
                "importance": part,
                "reliable": part is not None and part.explained >= RELIABLE,
                "flat": part is not None and not any(part.shares.values()),
            }
        )
    return notes
