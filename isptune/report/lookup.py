"""A set between the conditions of a series, such as that of ISO 1250 between those of 800 and 1600."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from isptune.errors import ConfigError
from isptune.parameter_set import ParameterSet
from isptune.report.conditions import ConditionSeries, read_series
from isptune.report.fitted import FittedTable, as_tuned, fit_table, fitted_set
from isptune.space import Param
from isptune.system.disk import slug
from isptune.tuning.condition_numbers import numbers_of
from isptune.tuning.monotone import parse_monotone
from isptune.tuning.series import read_series_settings


@dataclass(frozen=True)
class SeriesSet:
    """One set of a series.

    Attributes:
        name: of a file for it, without an ending.
        chosen: the set.
        number: of its condition; None where conditions have none.
        table: that it is from; None likewise.
        space: all parameters of the pipeline.
    """

    name: str
    chosen: ParameterSet
    number: float | None
    table: FittedTable | None
    space: tuple[Param, ...]


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
    return _table(folder, read_series_folder(folder), tuned)


def _table(folder: Path, series: ConditionSeries, tuned: bool) -> FittedTable:
    if tuned:
        return as_tuned(series)
    return fit_table(series, parse_monotone(read_series_settings(folder).monotone, series.params))


def sets_of(folder: Path, tuned: bool = False, isos: Sequence[float] = ()) -> list[SeriesSet]:
    """The sets that a series leaves: of its conditions, or of ISOs that are asked for.

    Args:
        folder: of the series.
        tuned: whether they are wanted as they were tuned; so they are where conditions have no numbers.
        isos: numbers above 0, of which each is looked up; none for the conditions.

    Raises:
        RunFolderError, ConfigError: as `table_of` and `look_up`.
    """
    series = read_series_folder(folder)
    try:
        numbers_of(series.conditions)
    except ConfigError:
        if isos:
            raise
        return [
            SeriesSet(series.folders[name], chosen, None, None, series.space)
            for name, chosen in series.sets.items()
        ]
    table = _table(folder, series, tuned)
    if isos:
        return [SeriesSet(f"iso{iso:.10g}", look_up(table, iso), iso, table, series.space) for iso in isos]
    return [
        SeriesSet(series.folders[name], fitted_set(table, name), number, table, series.space)
        for name, number in table.numbers.items()
    ]


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
