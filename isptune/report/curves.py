"""The curves of a run as numbers, for plots that answer to the mouse; `run_plots` draws the same for print."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from isptune.report import series
from isptune.report.importance import Importance
from isptune.report.run_plots import MOST_BARS, SPREAD
from isptune.runs.facts import ObjectiveRecord
from isptune.runs.log import Trial
from isptune.runs.record import RunRecord
from isptune.space import Choice, Numeric

MOST_POINTS, MOST_NUMBERS = 400, 40_000
"""Of a curve, and of a page: of a long run every so many generations."""

DIGITS = 5


def curves_of(record: RunRecord, important: Mapping[str, Importance]) -> dict[str, list[dict[str, Any]]]:
    """By section of the page its plots, as `templates/plot.js` takes them; empty before the first generation."""
    if not record.generations:
        return {}
    numeric = [param for param in record.params if not isinstance(param, Choice)]
    count = len(record.objectives) + len(record.levels) + len(numeric)
    kept = thinned(len(record.generations), min(MOST_POINTS, max(20, MOST_NUMBERS // (5 * max(1, count)))))
    found = {
        "convergence": [_convergence(record, objective, kept) for objective in record.objectives],
        "params": [_param(record, param, kept) for param in numeric],
        "levels": [
            *([_distance(record, kept)] if record.levels else []),
            *(_level(record, number, kept) for number in range(len(record.levels))),
        ],
        "front": [_front(record, *pair) for pair in combinations(record.objectives, 2)],
        "importance": [
            _importance(name, part) for name, part in important.items() if any(part.shares.values())
        ],
    }
    found["front"] = [plot for plot in found["front"] if plot["groups"]]
    return {name: plots for name, plots in found.items() if plots}


def thinned(count: int, most: int) -> list[int]:
    """At most so many of `count` places, evenly, with both ends."""
    return (
        list(range(count)) if count <= most else sorted({round(k) for k in np.linspace(0, count - 1, most)})
    )


def listed(values: np.ndarray, kept: Sequence[int]) -> list[float | None]:
    """Those that are kept, in a few digits; None where there is none."""
    return [None if math.isnan(values[k]) else float(f"{values[k]:.{DIGITS}g}") for k in kept]


def _plot(
    record: RunRecord, title: str, label: str, curves: list[dict[str, Any]], kept: Sequence[int]
) -> dict[str, Any]:
    x = series.indices(record)[list(kept)].tolist()
    return {"title": title, "x": x, "xLabel": "generation", "yLabel": label, "curves": curves}


def _population(record: RunRecord, measure: series.Measure, kept: Sequence[int]) -> list[dict[str, Any]]:
    each = series.spread(record, measure, quantiles=SPREAD)
    band = {"name": "10 to 90 % of trials", "kind": "band"}
    band |= {"low": listed(each.low, kept), "high": listed(each.high, kept)}
    return [band, {"name": "median trial", "kind": "second", "values": listed(each.median, kept)}]


def _rule(name: str, value: float | None, kept: Sequence[int]) -> list[dict[str, Any]]:
    known = value is not None and not math.isnan(value)
    kind = "chosen" if name == "recommended" else "rule"
    return [{"name": name, "kind": kind, "values": [value] * len(kept)}] if known else []


def _convergence(record: RunRecord, objective: ObjectiveRecord, kept: Sequence[int]) -> dict[str, Any]:
    curves = _population(record, lambda trial: trial.scores.get(objective.name), kept)
    best = series.median_over([series.best_so_far(record, objective, r) for r in record.repeats])
    name = "best of the generation" if objective.relative else "best so far"
    name += f", median of {len(record.repeats)} repeats" if len(record.repeats) > 1 else ""
    curves.append({"name": name, "kind": "first", "values": listed(best, kept)})
    pair = record.answer.objectives.get(objective.name) if record.answer else None
    curves += _rule("default", pair.default.mean if pair and not objective.relative else None, kept)
    word = "higher" if objective.sign > 0 else "lower"
    return _plot(record, f"{objective.name}, {word} is better", objective.label, curves, kept)


def _best_dots(record: RunRecord, measure: series.Measure, kept: Sequence[int]) -> list[dict[str, Any]]:
    if record.single is None:
        return []
    best = series.median_over([series.of_best(record, record.single, measure, r) for r in record.repeats])
    return [{"name": "best-scored trial", "kind": "dots", "values": listed(best, kept)}]


def _param(record: RunRecord, param: Numeric, kept: Sequence[int]) -> dict[str, Any]:
    def measure(trial: Trial) -> float:
        return float(trial.params[param.name])

    answer = record.answer
    curves = [*_population(record, measure, kept), *_best_dots(record, measure, kept)]
    curves += _rule("default", float(answer.default[param.name] if answer else param.default), kept)
    curves += _rule("recommended", float(answer.params[param.name]) if answer else None, kept)
    return {**_plot(record, param.name, param.unit or "value", curves, kept), "log": param.log}


def _distance(record: RunRecord, kept: Sequence[int]) -> dict[str, Any]:
    def measure(trial: Trial) -> float | None:
        return trial.l1_normalised

    answer = record.answer
    curves = [*_population(record, measure, kept), *_best_dots(record, measure, kept)]
    curves += _rule("default", answer.default_distance.l1_normalised if answer else None, kept)
    curves += _rule("recommended", answer.recommended_distance.l1_normalised if answer else None, kept)
    return {**_plot(record, "distance from pristine", "l1, normalised", curves, kept), "log": True}


def _level(record: RunRecord, number: int, kept: Sequence[int]) -> dict[str, Any]:
    def measure(trial: Trial) -> float | None:
        return trial.levels[number] if trial.levels else None

    facts = record.levels[number]
    curves = [*_population(record, measure, kept), *_best_dots(record, measure, kept)]
    title = f"d{number + 1} · {facts.name}" + (f" ({facts.unit})" if facts.unit else "")
    return _plot(record, title, facts.unit or "level", [*curves, *_rule("pristine", 0.0, kept)], kept)


def _front(record: RunRecord, first: ObjectiveRecord, second: ObjectiveRecord) -> dict[str, Any]:
    """Two scores of the trials against each other, of the front's members, the start and what is recommended."""

    def point(scores: Mapping[str, float], name: str) -> list[Any]:
        return [*(float(f"{scores[o.name]:.{DIGITS}g}") for o in (first, second)), name]

    both = [(k, t) for k, t in enumerate(record.trials()) if {first.name, second.name} <= t.scores.keys()]
    shown = [both[k] for k in thinned(len(both), MOST_POINTS)] if both else []
    name = "all trials" if len(shown) == len(both) else f"{len(shown)} of {len(both)} trials"
    groups = [(name, "faint", [point(trial.scores, f"trial {k}") for k, trial in shown])]
    if answer := record.answer:
        members = [point(m.scores, f"front {place}") for place, m in enumerate(answer.front, 1)]
        groups.append(("front", "member", members))
        for who, kind in (("default", "start"), ("recommended", "chosen")):
            means = {o: getattr(pair, who).mean for o, pair in answer.objectives.items()}
            known = all(math.isfinite(means.get(o.name, math.nan)) for o in (first, second))
            groups.append((who, kind, [point(means, who)] if known else []))
    words = {1: "higher is better", -1: "lower is better"}
    return {
        "kind": "scatter",
        "title": f"{first.name} ({words[first.sign]}) and {second.name} ({words[second.sign]})",
        "xLabel": first.name,
        "yLabel": second.name,
        "groups": [{"name": n, "kind": kind, "points": points} for n, kind, points in groups if points],
    }


def _importance(objective: str, part: Importance) -> dict[str, Any]:
    """The parameters' shares, the largest first."""
    bars = [[name, float(f"{share:.{DIGITS}g}")] for name, share in list(part.shares.items())[:MOST_BARS]]
    return {"kind": "bars", "title": objective, "said": "of the explained variance", "bars": bars}
