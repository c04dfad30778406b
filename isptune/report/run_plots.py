"""The plots of one run. Each takes the record and returns PNG bytes, or None where there is nothing to draw."""

from itertools import combinations
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from isptune.report import series
from isptune.report.figures import (
    BLUE,
    CYCLE,
    DEFAULT_LINE,
    FAINT,
    FITTED,
    GREY,
    RECOMMENDED_LINE,
    SKY,
    VERMILLION,
    WIDTH_IN,
    in_our_style,
    legend_below,
    log_scale,
    panels,
    to_png,
)
from isptune.report.importance import Importance
from isptune.runs.facts import ObjectiveRecord
from isptune.runs.log import Trial
from isptune.runs.record import RunRecord
from isptune.space import Choice, Numeric, Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY_REPEATS = 1
SPREAD = (0.1, 0.9)
MOST_BARS = 20


@in_our_style
def convergence(record: RunRecord) -> bytes | None:
    """Best so far, median and spread of the scores of each objective; beside it the last half, closer."""
    if not record.generations:
        return None
    figure, axes = panels(2 * len(record.objectives), 2, 2.8)
    for number, objective in enumerate(record.objectives):
        whole, closer = axes[2 * number : 2 * number + 2]
        _draw_convergence(whole, record, objective)
        _draw_convergence(closer, record, objective)
        _look_closer(closer, record, objective)
    legend_below(figure, axes[0])
    return to_png(figure)


@in_our_style
def levels(record: RunRecord) -> bytes | None:
    """Every known level over the generations, after the normalised distance from pristine."""
    if not record.levels or not record.generations:
        return None
    figure, axes = panels(1 + len(record.levels), 3, 2.2)
    _draw_distance(axes[0], record)
    for number, facts in enumerate(record.levels):
        panel = axes[1 + number]
        _draw_population(panel, record, lambda trial, i=number: trial.levels[i] if trial.levels else None)
        panel.axhline(0, color=GREY, linewidth=0.8)
        panel.set(title=f"d{number + 1} · {facts.name}", ylabel=fill(facts.unit or "level", 26))
        if record.answer:
            distances = record.answer.default_distance, record.answer.recommended_distance
            _mark(panel, *(d.levels[number] if d.levels else None for d in distances))
    legend_below(figure, axes[1])
    return to_png(figure)


@in_our_style
def params(record: RunRecord) -> bytes | None:
    """Every tuned parameter over the generations, within its range."""
    if not record.params or not record.generations:
        return None
    figure, axes = panels(len(record.params), 3 if len(record.params) <= FITTED else 4, 2.1)
    for panel, param in zip(axes, record.params, strict=True):
        panel.set(title=param.name, xlabel="generation", ylabel=fill(param.unit or "value", 26))
        if isinstance(param, Choice):
            _draw_shares(panel, record, param)
        else:
            _draw_param(panel, record, param)
    numeric = [axis for axis, p in zip(axes, record.params, strict=True) if not isinstance(p, Choice)]
    if numeric:
        legend_below(figure, numeric[0])
    return to_png(figure)


@in_our_style
def importances(record: RunRecord, found: dict[str, Importance]) -> bytes | None:
    """The shares as bars, one panel an objective; at most the twenty largest."""
    drawn = [
        (o, found[o.name])
        for o in record.objectives
        if o.name in found and any(found[o.name].shares.values())
    ]
    if not drawn:
        return None
    rows = min(MOST_BARS, max(len(part.shares) for _, part in drawn))
    figure, axes = panels(len(drawn), 2, 0.8 + 0.24 * rows, 7.2 if len(drawn) == 1 else WIDTH_IN)
    for panel, (objective, part) in zip(axes, drawn, strict=True):
        names, shares = list(part.shares)[:rows], list(part.shares.values())[:rows]
        bars = panel.barh(range(len(names)), shares, color=BLUE, height=0.66)
        panel.bar_label(bars, [f"{100 * share:.0f} %" for share in shares], padding=3, fontsize=7.5)
        panel.set_yticks(range(len(names)), names)
        panel.invert_yaxis()
        panel.grid(axis="y", visible=False)
        panel.set(
            title=objective.name, xlabel="share of the explained variance", xlim=(0, 1.12 * max(shares))
        )
    return to_png(figure)


@in_our_style
def front(record: RunRecord) -> bytes | None:
    """Every pair of objectives: all trials, and those that no other dominates."""
    if len(record.objectives) < 2 or not record.generations:
        return None
    pairs = list(combinations(record.objectives, 2))
    figure, axes = panels(len(pairs), 2 if len(pairs) > 1 else 1, 3.8, WIDTH_IN if len(pairs) > 1 else 7.2)
    for panel, (first, second) in zip(axes, pairs, strict=True):
        _draw_front(panel, record, first, second)
    legend_below(figure, axes[0])
    return to_png(figure)


def _draw_convergence(panel: "Axes", record: RunRecord, objective: ObjectiveRecord) -> None:
    x = series.indices(record)
    each = series.spread(record, lambda trial: trial.scores.get(objective.name), quantiles=SPREAD)
    panel.fill_between(
        x, each.low, each.high, color=SKY, alpha=0.35, linewidth=0, label="10 to 90 % of trials"
    )
    panel.plot(x, each.median, color=BLUE, linewidth=1.2, label="median trial")
    curves = [series.best_so_far(record, objective, repeat) for repeat in record.repeats]
    if len(curves) > MANY_REPEATS:
        for curve in curves:
            panel.plot(x, curve, color=VERMILLION, alpha=0.35, linewidth=0.6)
    label = "best of the generation" if objective.relative else "best so far"
    label += "" if len(curves) <= MANY_REPEATS else f", median of {len(curves)} repeats"
    panel.plot(x, series.median_over(curves), color=VERMILLION, linewidth=1.8, label=label)
    if record.answer and objective.name in record.answer.objectives and not objective.relative:
        panel.axhline(record.answer.objectives[objective.name].default.mean, label="default", **DEFAULT_LINE)
    word = "higher" if objective.sign > 0 else "lower"
    panel.set(
        title=objective.name,
        xlabel="generation",
        ylabel=f"{objective.label},\n{word} is better",
    )


def _look_closer(panel: "Axes", record: RunRecord, objective: ObjectiveRecord) -> None:
    """Limit a panel to the last half of the generations and to what the trials there scored."""
    half = len(record.generations) // 2
    each = series.spread(record, lambda trial: trial.scores.get(objective.name), quantiles=SPREAD)
    curves = [series.best_so_far(record, objective, repeat)[half:] for repeat in record.repeats]
    values = np.concatenate([each.low[half:], each.high[half:], *curves])
    values = values[np.isfinite(values)]
    panel.set(title=f"{objective.name}, the last half")
    if values.size and np.ptp(values) > 0:
        margin = 0.06 * np.ptp(values)
        panel.set_ylim(values.min() - margin, values.max() + margin)
    x = series.indices(record)
    panel.set_xlim(x[half] - 0.5, x[-1] + 0.5)


def _draw_distance(panel: "Axes", record: RunRecord) -> None:
    x = series.indices(record)

    def distance(trial: Trial) -> float | None:
        return trial.l1_normalised or None  # a logarithm has no place for an exact zero

    each = series.spread(record, distance, quantiles=SPREAD)
    panel.fill_between(x, each.low, each.high, color=SKY, alpha=0.35, linewidth=0)
    panel.plot(x, each.median, color=BLUE, linewidth=1.2)
    if record.single:
        for repeat in record.repeats:
            best = series.of_best(record, record.single, distance, repeat)
            panel.plot(
                x, best, ".", color=VERMILLION, markersize=3, alpha=0.8 if len(record.repeats) == 1 else 0.35
            )
    panel.set(title="distance from pristine", xlabel="generation", ylabel="l1, normalised")
    if record.answer:
        answer = record.answer
        _mark(
            panel,
            answer.default_distance.l1_normalised or None,
            answer.recommended_distance.l1_normalised or None,
        )
    if np.isfinite(each.median).any():
        log_scale(panel)


def _draw_population(panel: "Axes", record: RunRecord, measure: series.Measure) -> None:
    x = series.indices(record)
    each = series.spread(record, measure, quantiles=SPREAD)
    panel.fill_between(
        x, each.low, each.high, color=SKY, alpha=0.35, linewidth=0, label="10 to 90 % of trials"
    )
    if len(record.repeats) > MANY_REPEATS:
        for repeat in record.repeats:
            panel.plot(
                x, series.spread(record, measure, repeat).median, color=BLUE, alpha=0.35, linewidth=0.6
            )
    panel.plot(x, each.median, color=BLUE, linewidth=1.2, label="median trial")
    if record.single:
        for number, repeat in enumerate(record.repeats):
            best = series.of_best(record, record.single, measure, repeat)
            label = "best-scored trial of the generation" if number == 0 else None
            alpha = 0.8 if len(record.repeats) == 1 else 0.35
            panel.plot(x, best, ".", color=VERMILLION, markersize=3, alpha=alpha, label=label)
    panel.set(xlabel="generation")


def _draw_param(panel: "Axes", record: RunRecord, param: Numeric) -> None:
    _draw_population(panel, record, lambda trial: float(trial.params[param.name]))
    if not param.log:
        margin = 0.04 * (param.high - param.low)
        panel.set_ylim(param.low - margin, param.high + margin)
    for bound in (param.low, param.high):
        panel.axhline(bound, color=GREY, linewidth=0.8)
    answer = record.answer
    _mark(
        panel, answer.default[param.name] if answer else param.default, answer and answer.params[param.name]
    )
    if param.log:
        log_scale(panel)


def _draw_shares(panel: "Axes", record: RunRecord, param: Choice) -> None:
    x, table = series.indices(record), series.shares(record, param.name, param.options)
    colours = [CYCLE[number % len(CYCLE)] for number in range(len(param.options))]
    step = np.append(x, x[-1] + 1)
    base = np.zeros(len(x))
    for option, row, colour in zip(param.options, table, colours, strict=True):
        label = option + _role(record, param, option)
        panel.stairs(base + row, step - 0.5, baseline=base, fill=True, color=colour, alpha=0.75, label=label)
        base = base + row
    panel.set(ylabel="share of the trials", ylim=(0, 1))
    panel.legend(
        loc="center right", fontsize=7, handlelength=1, frameon=True, framealpha=0.85, edgecolor=FAINT
    )


def _role(record: RunRecord, param: Choice, option: str) -> str:
    default = record.answer.default[param.name] if record.answer else param.default
    roles = ["default"] if option == default else []
    if record.answer and record.answer.params[param.name] == option:
        roles.append("recommended")
    return f" ({', '.join(roles)})" if roles else ""


def _mark(panel: "Axes", default: Value | None, recommended: Value | None) -> None:
    if default is not None:
        panel.axhline(float(default), label="default", **DEFAULT_LINE)
    if recommended is not None:
        panel.axhline(float(recommended), label="recommended", **RECOMMENDED_LINE)


def _draw_front(panel: "Axes", record: RunRecord, first: ObjectiveRecord, second: ObjectiveRecord) -> None:
    both = [t.scores for t in record.trials() if first.name in t.scores and second.name in t.scores]
    xs, ys = [scores[first.name] for scores in both], [scores[second.name] for scores in both]
    panel.plot(xs, ys, ".", color=FAINT, markersize=4, label="all trials")
    answer = record.answer
    if answer:
        members = sorted((m.scores[first.name], m.scores[second.name]) for m in answer.front)
        panel.plot(
            *zip(*members, strict=True) if members else ([], []), "o", color=BLUE, markersize=4, label="front"
        )
        for marker, label, colour in (("s", "default", "#22262b"), ("D", "recommended", VERMILLION)):
            means = [
                getattr(answer.objectives[o.name], label).mean
                for o in (first, second)
                if o.name in answer.objectives
            ]
            if len(means) == 2:
                panel.plot(*means, marker, color=colour, markersize=7, label=label)
    arrows = {1: "higher is better", -1: "lower is better"}
    panel.set(xlabel=f"{first.label}, {arrows[first.sign]}", ylabel=f"{second.label}, {arrows[second.sign]}")
