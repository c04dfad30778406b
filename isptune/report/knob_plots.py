"""Every knob over the conditions of a series, each in its range."""

from typing import TYPE_CHECKING

import numpy as np

from isptune.report.conditions import ConditionSeries
from isptune.report.figures import BLUE, VERMILLION, in_our_style, legend_below, log_scale, panels, to_png
from isptune.report.fitted import FittedTable
from isptune.space import Choice, Numeric, at_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = 24
"""Curves of so many parameters are drawn at most: those that move most."""

ALONG = 64
"""Points of a fitted curve."""


@in_our_style
def knobs_over_conditions(series: ConditionSeries) -> bytes | None:
    """The tuned values, of conditions that have no numbers; None where no knob is a number."""
    chosen = _moving(series)
    if not chosen:
        return None
    figure, axes = panels(len(chosen), 4, 1.9)
    places = list(range(len(series.conditions)))
    for panel, param in zip(axes, chosen, strict=True):
        values = [float(s.values[param.name]) for s in series.sets.values()]
        panel.plot(places, values, marker="o", markersize=4, color=BLUE, linewidth=1.4)
        panel.set_xticks(places, series.conditions)
        _in_range(panel, param)
    return to_png(figure)


@in_our_style
def knobs_over_iso(table: FittedTable) -> bytes | None:
    """The tuned values as points over the logarithm of ISO, and the fitted curves through them."""
    chosen = _moving(table.series)
    if not chosen:
        return None
    figure, axes = panels(len(chosen), 4, 2.0)
    names, places = list(table.numbers), np.log2(list(table.numbers.values()))
    along = np.linspace(places[0], places[-1], ALONG)
    for panel, param in zip(axes, chosen, strict=True):
        tuned = [float(table.series.sets[name].values[param.name]) for name in names]
        curve = table.curves[param.name]
        fitted = [at_unit(param, curve.at(place)) for place in along]
        panel.plot(along, [float(value) for value in fitted], color=VERMILLION, linewidth=1.4, label="fitted")
        panel.plot(places, tuned, "o", markersize=4, color=BLUE, label="tuned")
        panel.set_xticks(places, [f"{number:g}" for number in table.numbers.values()])
        _in_range(panel, param)
    legend_below(figure, axes[0])
    return to_png(figure)


def _moving(series: ConditionSeries) -> list[Numeric]:
    numeric = [param for param in series.params if not isinstance(param, Choice)]
    return sorted(numeric, key=lambda param: -series.moved(param))[:PANELS]


def _in_range(panel: "Axes", param: Numeric) -> None:
    margin = 0 if param.log else 0.04 * (param.high - param.low)
    panel.set(title=param.name, ylabel=param.unit, ylim=(param.low - margin, param.high + margin))
    if param.log:
        log_scale(panel)
