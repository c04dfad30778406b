"""Numbers per generation: what the plots draw and the console prints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isptune.runs.facts import ObjectiveRecord
from isptune.runs.log import Generation, Trial
from isptune.runs.record import RunRecord

Measure = Callable[[Trial], float | None]
"""Reads one number off a trial; None where it has none."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Median and quantiles of a number over the trials of each generation; NaN where none has it.

    All of shape [generations].
    """

    low: np.ndarray
    median: np.ndarray
    high: np.ndarray


def indices(record: RunRecord) -> np.ndarray:
    """The numbers of the generations as people count them, from 1; the log has them from 0."""
    return np.array([generation.generation + 1 for generation in record.generations], dtype=np.int64)


def spread(
    record: RunRecord,
    measure: Measure,
    repeat: int | None = None,
    quantiles: tuple[float, float] = (0.25, 0.75),
) -> Spread:
    """The spread of a measure over each generation's trials, of one repeat or of all."""
    rows = [_quantiles(_values(g, measure, repeat), quantiles) for g in record.generations]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Spread(table[:, 0], table[:, 1], table[:, 2])


def best_so_far(record: RunRecord, objective: ObjectiveRecord, repeat: int) -> np.ndarray:
    """The best score that a repeat has seen up to each generation, shape [generations].

    NaN before its first success; a repeat that has stopped keeps its last value. Of an objective whose scores hold
    within a generation only, the best of each generation.
    """
    best, series = np.nan, []
    for generation in record.generations:
        scores = _values(generation, lambda trial: trial.scores.get(objective.name), repeat)
        if scores.size:
            latest = objective.sign * (objective.sign * scores).max()
            best = (
                latest if np.isnan(best) or objective.relative or objective.gain(latest, best) > 0 else best
            )
        series.append(best)
    return np.array(series, dtype=np.float64)


def of_best(record: RunRecord, objective: ObjectiveRecord, measure: Measure, repeat: int) -> np.ndarray:
    """A measure of the best-scored trial of each generation of a repeat, shape [generations]."""
    series = []
    for generation in record.generations:
        trials = [t for t in generation.trials if t.repeat == repeat and objective.name in t.scores]
        best = max(trials, key=lambda trial: objective.sign * trial.scores[objective.name], default=None)
        value = None if best is None else measure(best)
        series.append(np.nan if value is None else value)
    return np.array(series, dtype=np.float64)


def median_over(series: Sequence[np.ndarray]) -> np.ndarray:
    """The median over repeats at each generation, of those that have a value; shape [generations]."""
    table = np.array(series, dtype=np.float64)
    return np.array([_quantiles(column[~np.isnan(column)], (0.5, 0.5))[1] for column in table.T])


def shares(record: RunRecord, name: str, options: Sequence[str]) -> np.ndarray:
    """The share of each option of a choice among each generation's trials, [options, generations]."""
    table = np.zeros((len(options), len(record.generations)))
    for column, generation in enumerate(record.generations):
        values = [trial.params[name] for trial in generation.trials]
        table[:, column] = [values.count(option) / max(len(values), 1) for option in options]
    return table


def failures(record: RunRecord) -> dict[str, list[int]]:
    """The generations in which each error message occurred, once per trial; most frequent first."""
    found: dict[str, list[int]] = {}
    for generation in record.generations:
        for trial in generation.trials:
            if trial.error is not None:
                found.setdefault(trial.error, []).append(generation.generation)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _values(generation: Generation, measure: Measure, repeat: int | None) -> np.ndarray:
    trials = [trial for trial in generation.trials if repeat is None or trial.repeat == repeat]
    values = [value for value in map(measure, trials) if value is not None]
    return np.array(values, dtype=np.float64)


def _quantiles(values: np.ndarray, quantiles: tuple[float, float]) -> tuple[float, float, float]:
    if values.size == 0:
        return np.nan, np.nan, np.nan
    low, median, high = np.quantile(values, [quantiles[0], 0.5, quantiles[1]])
    return float(low), float(median), float(high)
