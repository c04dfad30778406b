"""A set between the conditions of a series, such as that of ISO 1250 between those of 800 and 1600."""

import math
from dataclasses import replace
from pathlib import Path

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.report.conditions import ConditionSeries, read_series
from isptune.report.fitted import FittedTable, as_tuned, fit_table
from isptune.system.disk import slug
from isptune.tuning.monotone import parse_monotone
from isptune.tuning.series import read_series_settings


def read_series_folder(folder: Path) -> ConditionSeries:
    """The series of a folder. Raises RunFolderError: it is none, or one of its runs is not finished."""
    names = read_series_settings(folder).conditions
    return read_series({name: folder / slug(name) for name in names})


def table_of(folder: Path, tuned: bool = False) -> FittedTable:
    """The fitted table of a series' folder.

    Args:
        folder: of the series.
        tuned: whether the sets are wanted as they were tuned, without smoothing.

    Raises:
        RunFolderError: it is no series, or one of its runs is not finished.
        ConfigError: a condition has no number in its name, or two have the same.
    """
    series = read_series_folder(folder)
    if tuned:
        return as_tuned(series)
    return fit_table(series, parse_monotone(read_series_settings(folder).monotone, series.params))


def look_up(table: FittedTable, at: float) -> ParameterSet:
    """The set of a condition that need not have been tuned.

    Conditions are placed by the logarithm of the number in their names (ISO doubles by the stop). Between two of them a
    parameter lies on its curve over its range, or over the logarithm of it where that is searched; whole numbers are
    rounded; a choice is that of the nearer condition.

    Args:
        table: of a series.
        at: the number that is wanted, above 0.

    Returns:
        The set; its note says where it lies outside of what was tuned.

    Raises:
        ConfigError: `at` is not above 0.
    """
    if not 0 < at < math.inf:
        raise ConfigError(f"{at:g} is no condition: a number above 0")
    names, numbers = list(table.numbers), list(table.numbers.values())
    note = ""
    if not numbers[0] <= at <= numbers[-1]:
        end = names[0] if at < numbers[0] else names[-1]
        note = f"{at:g} lies outside of what was tuned, {names[0]} to {names[-1]}: this is the set of {end}"
    chosen = table.series.sets[names[0]]
    return replace(chosen, name=f"{at:g}", values=table.at(at), scores={}, note=note)
