"""A set between the conditions of a series, such as that of ISO 1250 between those of 800 and 1600."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.report.conditions import ConditionSeries, read_series
from isptune.space import Candidate, Choice, Param, Space
from isptune.system.disk import slug
from isptune.tuning.series import read_series_settings

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def read_series_folder(folder: Path) -> ConditionSeries:
    """The series of a folder. Raises RunFolderError: it is none, or one of its runs is not finished."""
    names = read_series_settings(folder).conditions
    return read_series({name: folder / slug(name) for name in names})


def look_up(series: ConditionSeries, at: float) -> ParameterSet:
    """The set of a condition that was not tuned.

    Conditions are placed by the logarithm of the number in their names (ISO doubles by the stop). Between two of them a
    parameter moves evenly over its range, or over the logarithm of it where that is searched; whole numbers are
    rounded; a choice is that of the nearer condition.

    Args:
        series: of conditions that have numbers in their names.
        at: the number that is wanted, above 0.

    Returns:
        The set; its note says where it lies outside of what was tuned.

    Raises:
        ConfigError: a condition has no number in its name, or two have the same, or `at` is not above 0.
    """
    if not 0 < at < math.inf:
        raise ConfigError(f"{at:g} is no condition: a number above 0")
    places = _places(series)
    names = sorted(places, key=lambda name: places[name])
    numbers = [places[name] for name in names]
    note = ""
    if not numbers[0] <= at <= numbers[-1]:
        end = names[0] if at < numbers[0] else names[-1]
        note = f"{at:g} lies outside of what was tuned, {names[0]} to {names[-1]}: this is the set of {end}"
    weights = _weights(numbers, at)
    sets = {name: series.sets[name].values for name in names}
    nearest = names[int(np.argmax(weights))]
    values = dict(sets[nearest]) | {p.name: _between(p, sets, names, weights) for p in series.params}
    return replace(series.sets[nearest], name=f"{at:g}", values=values, start={}, scores={}, note=note)


def _places(series: ConditionSeries) -> dict[str, float]:
    places: dict[str, float] = {}
    for name in series.conditions:
        found = _NUMBER.search(name)
        if found is None or float(found[0]) <= 0:
            raise ConfigError(
                f"the condition {name!r} has no number above 0 in its name: where would it lie?"
            )
        if float(found[0]) in places.values():
            raise ConfigError(f"two conditions of the series stand for {found[0]}")
        places[name] = float(found[0])
    return places


def _weights(numbers: list[float], at: float) -> np.ndarray:
    """How much each condition counts: of two neighbours, by how near they are; outside, the end alone."""
    place = np.interp(math.log(at), np.log(numbers), np.arange(len(numbers)))
    return np.maximum(0.0, 1.0 - np.abs(np.arange(len(numbers)) - place))


def _between(
    param: Param, sets: Mapping[str, Candidate], names: list[str], weights: np.ndarray
) -> float | int | str:
    values = [sets[name][param.name] for name in names]
    if isinstance(param, Choice) or len(set(values)) == 1:
        return values[int(np.argmax(weights))]
    space = Space((param,))
    units = [float(space.to_unit({param.name: value})[0]) for value in values]
    return space.from_unit([float(np.dot(weights, units))])[param.name]
