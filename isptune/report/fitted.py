"""A series as a table that is smooth in ISO: each knob on its curve, and what that costs."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from isptune.parameter_set import ParameterSet
from isptune.report.conditions import ConditionSeries
from isptune.runs.answer import ScorePair
from isptune.space import Candidate, Choice, Value, at_unit, unit_of
from isptune.tuning.condition_numbers import numbers_of
from isptune.tuning.knob_curve import KnobCurve, fit_curve

SAME = 1e-6
"""Of a range: where a curve passes so close by what was tuned, that is its value to the last digit."""


@dataclass(frozen=True)
class FittedTable:
    """The sets of a series, and the curves between them.

    Attributes:
        series: what was tuned.
        directions: of knobs that only rise (1) or only fall (-1).
        numbers: by condition, rising.
        curves: by numeric parameter, over the binary logarithm of the number; see `isptune.tuning.knob_curve`.
        sets: by condition, rising: complete candidates on these curves.
    """

    series: ConditionSeries
    directions: Mapping[str, int]
    numbers: Mapping[str, float]
    curves: Mapping[str, KnobCurve]
    sets: Mapping[str, Candidate]

    @property
    def changes(self) -> bool:
        """Whether any set is another than what was tuned."""
        return any(self.changed(param.name) for param in self.series.params)

    def changed(self, param: str) -> bool:
        """Whether a parameter is another in any set than what was tuned."""
        return any(
            values[param] != self.series.sets[name].values[param] for name, values in self.sets.items()
        )

    def at(self, number: float) -> Candidate:
        """The set of any ISO. Outside of what was tuned it is that of the end; a choice is that of the nearest."""
        names = list(self.numbers)
        nearest = min(names, key=lambda name: abs(math.log(number / self.numbers[name])))
        inside = self.numbers[names[0]] <= number <= self.numbers[names[-1]]
        if not inside or number == self.numbers[nearest]:
            return dict(self.sets[nearest])
        moved = {
            param.name: at_unit(param, self.curves[param.name].at(math.log2(number)))
            for param in self.series.params
            if not isinstance(param, Choice)
            and param.name in self.curves
            and len({values[param.name] for values in self.sets.values()}) > 1
        }
        return {**self.sets[nearest], **moved}


@dataclass(frozen=True)
class Fit:
    """A fitted table, and what it is worth on the scenes of each condition.

    Attributes:
        table: the sets.
        fitted: by condition and objective the fitted set (`recommended`) against the tuned one (`default`); empty where
            no set was changed.
        left_out: the same of the set that the other conditions give for one between them.
        errors: by condition why its fitted set could not be evaluated.
    """

    table: FittedTable
    fitted: Mapping[str, Mapping[str, ScorePair]]
    left_out: Mapping[str, Mapping[str, ScorePair]]
    errors: Mapping[str, str]


def fit_table(series: ConditionSeries, directions: Mapping[str, int] | None = None) -> FittedTable:
    """Fit each knob of a series. A choice is what two of a condition and its neighbours say, else its own.

    Args:
        series: of conditions that have numbers in their names.
        directions: of knobs that only rise (1) or only fall (-1) with ISO.

    Raises:
        ConfigError: a condition has no number in its name, or two have the same.
    """
    given = directions or {}
    raw = as_tuned(series)
    curves = {
        name: fit_curve(curve.places, curve.values, given.get(name, 0)) for name, curve in raw.curves.items()
    }
    sets: dict[str, Candidate] = {}
    for place, (name, tuned) in enumerate(raw.sets.items()):
        values = dict(tuned)
        for param in series.params:
            if isinstance(param, Choice):
                values[param.name] = _majority([one[param.name] for one in raw.sets.values()], place)
            elif abs(curves[param.name].values[place] - raw.curves[param.name].values[place]) > SAME:
                values[param.name] = at_unit(param, float(curves[param.name].values[place]))
        sets[name] = values
    return FittedTable(series, dict(given), raw.numbers, curves, sets)


def as_tuned(series: ConditionSeries) -> FittedTable:
    """Each condition's own set, and between them curves through these. Raises ConfigError as `fit_table`."""
    numbers = numbers_of(series.conditions)
    places = np.log2(list(numbers.values()))
    sets = {name: dict(series.sets[name].values) for name in numbers}
    curves = {
        p.name: KnobCurve(places, np.array([unit_of(p, float(one[p.name])) for one in sets.values()]), None)
        for p in series.params
        if not isinstance(p, Choice)
    }
    return FittedTable(series, {}, numbers, curves, sets)


def without(series: ConditionSeries, name: str) -> ConditionSeries:
    """The series less one condition."""
    return replace(series, sets={other: one for other, one in series.sets.items() if other != name})


def left_out_sets(table: FittedTable) -> dict[str, Candidate]:
    """By condition that lies between others: the set that a table of these gives for it."""
    return {
        name: fit_table(without(table.series, name), table.directions).at(table.numbers[name])
        for name in list(table.numbers)[1:-1]
    }


def fitted_set(table: FittedTable, name: str) -> ParameterSet:
    """The fitted set of a condition."""
    return replace(table.series.sets[name], values=table.sets[name], scores={})


def _majority(values: Sequence[Value], place: int) -> Value:
    """What two of a condition and its neighbours say; where they disagree, its own."""
    votes = Counter(values[max(0, place - 1) : place + 2])
    most, count = votes.most_common(1)[0]
    return most if count > 1 and votes[values[place]] < count else values[place]
