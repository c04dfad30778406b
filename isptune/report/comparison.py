"""Which objective led an optimiser to the best pictures: finished runs that differ in nothing else."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError, RunFolderError
from isptune.report.resampling import LEVEL, holm, mean_interval, sign_flip_p, smallest_p
from isptune.runs.answer import UNKNOWN, Answer, Distance, Interval, RepeatAnswer, SecondOpinion
from isptune.runs.facts import ObjectiveRecord
from isptune.runs.record import LevelFacts, RunRecord, read_run

FREE = ("objectives", "second_opinions", "device")
"""Settings in which compared runs may differ; every other one decides where a run ends."""


@dataclass(frozen=True)
class Row:
    """Where one objective led.

    Attributes:
        objective: its name; of several, joined by ` + `.
        direction, folder: of the objective (the first of several), and the run folder's name.
        best_repeat: the one with the best re-evaluated mean of its own objective.
        best_score, best: that repeat's own score, and its distance from pristine.
        scores: own re-evaluated mean score, one a repeat; NaN where that failed.
        distances: by repeat.
        level_means: mean |level| over the repeats, one a distortion.
        l1, l1_normalised: mean over the repeats; None where no levels are known.
        default: the distance that all started from.
        opinions: what objectives that took no part say of the set that the run handed over.
    """

    objective: str
    direction: str
    folder: str
    best_repeat: int
    best_score: Interval
    best: Distance
    scores: tuple[float, ...]
    distances: tuple[Distance, ...]
    level_means: tuple[Interval, ...]
    l1: Interval | None
    l1_normalised: Interval | None
    default: Distance
    opinions: tuple[SecondOpinion, ...]


@dataclass(frozen=True)
class Difference:
    """l1_normalised of the first objective minus that of the second, paired over repeats.

    `p` is the sign-flip test's, `p_holm` corrected for the number of pairs; `real` is p_holm <= 0.05.
    """

    first: str
    second: str
    mean: Interval
    p: float
    p_holm: float
    real: bool


@dataclass(frozen=True)
class Comparison:
    """Rows sorted by mean l1_normalised where it is known, else in the order given.

    `notes` say what the reader must know: too few repeats, no known levels.
    """

    settings: Mapping[str, Any]
    levels: tuple[LevelFacts, ...]
    repeats: int
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare(folders: Sequence[Path]) -> Comparison:
    """Compare finished runs of different objectives.

    Raises:
        ConfigError: fewer than two runs, the same objective twice, or a setting differs (it is named).
        RunFolderError: a folder is no run folder, is damaged, or is not finished.
    """
    if len(folders) < 2:
        raise ConfigError(f"a comparison needs two runs or more, not {len(folders)}")
    records = [read_run(Path(folder)) for folder in folders]
    for record in records[1:]:
        _check_comparable(records[0], record)
    rows = [_row(record) for record in records]
    names = [row.objective for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"{twice[0]} was optimised by two of the runs: compare runs of different objectives"
        )
    if all(row.l1_normalised is not None for row in rows):
        rows.sort(key=lambda row: row.l1_normalised.mean if row.l1_normalised else math.inf)
    differences = _differences(rows)
    settings = {key: value for key, value in records[0].config.as_dict().items() if key not in FREE}
    repeats = len(rows[0].scores)
    notes = _notes(records, repeats, len(differences))
    return Comparison(settings, records[0].levels, repeats, tuple(rows), differences, notes)


def _check_comparable(first: RunRecord, other: RunRecord) -> None:
    here, there = first.config.as_dict(), other.config.as_dict()
    for key in sorted({*here, *there} - {*FREE}):
        mine, theirs = here.get(key), there.get(key)
        if mine != theirs:
            raise ConfigError(
                f"{other.folder} cannot be compared with {first.folder}: {key} is {theirs!r} there and {mine!r} here"
            )
    for name, mine, theirs in (
        ("the parameter space", first.bench.space, other.bench.space),
        ("the distortion levels", first.levels, other.levels),
        ("the pixels of the scenes", first.provenance.scenes, other.provenance.scenes),
    ):
        if mine != theirs:
            raise ConfigError(f"{other.folder} cannot be compared with {first.folder}: {name} differ")


def _row(record: RunRecord) -> Row:
    answer, objective = record.answer, record.objectives[0]
    if answer is None:
        raise RunFolderError(f"{record.folder}: the run is not finished; give its command again to go on")
    repeats = answer.repeats or (_only_repeat(answer),)
    scores = tuple(part.objectives[objective.name].mean if part.objectives else math.nan for part in repeats)
    best = repeats[_best(scores, objective)]
    distances = tuple(part.distance for part in repeats)
    known = all(distance.l1_normalised is not None and distance.levels for distance in distances)
    columns = zip(*(distance.levels for distance in distances), strict=True) if known else ()
    return Row(
        objective=" + ".join(o.name for o in record.objectives),
        direction=objective.direction,
        folder=record.name,
        best_repeat=best.repeat,
        best_score=best.objectives.get(objective.name, UNKNOWN),
        best=best.distance,
        scores=scores,
        distances=distances,
        level_means=tuple(mean_interval([abs(level) for level in column]) for column in columns),
        l1=mean_interval([d.l1 for d in distances if d.l1 is not None]) if known else None,
        l1_normalised=mean_interval(normalised(distances)) if known else None,
        default=answer.default_distance,
        opinions=answer.second_opinions,
    )


def _only_repeat(answer: Answer) -> RepeatAnswer:
    """A run without a list of repeats has one: its answer."""
    scores = {name: pair.recommended for name, pair in answer.objectives.items()}
    distance = answer.recommended_distance
    return RepeatAnswer(
        answer.repeat,
        0,
        answer.params,
        scores,
        distance.levels,
        distance.l1,
        distance.l1_normalised,
        answer.stop_reason,
    )


def _best(scores: Sequence[float], objective: ObjectiveRecord) -> int:
    ranked = [objective.sign * score if score == score else -math.inf for score in scores]
    return max(range(len(scores)), key=lambda i: ranked[i])


def normalised(distances: Sequence[Distance]) -> list[float]:
    """The l1_normalised of those distances that have one."""
    return [distance.l1_normalised for distance in distances if distance.l1_normalised is not None]


def _differences(rows: Sequence[Row]) -> tuple[Difference, ...]:
    """Every pair, paired over repeats; none where levels are unknown or there is one repeat."""
    if len(rows[0].scores) < 2 or any(row.l1_normalised is None for row in rows):
        return ()
    pairs = list(combinations(rows, 2))
    paired = [_paired(first, second) for first, second in pairs]
    p_values = [sign_flip_p(differences) for differences in paired]
    return tuple(
        Difference(a.objective, b.objective, mean_interval(differences), p, p_holm, p_holm <= LEVEL)
        for (a, b), differences, p, p_holm in zip(pairs, paired, p_values, holm(p_values), strict=True)
    )


def _paired(first: Row, second: Row) -> list[float]:
    return [a - b for a, b in zip(normalised(first.distances), normalised(second.distances), strict=True)]


def _notes(records: Sequence[RunRecord], repeats: int, pairs: int) -> tuple[str, ...]:
    notes = []
    if not records[0].levels:
        notes.append(
            "This pipeline does not know how far its pictures are from pristine, so nothing says which objective "
            "is right: only own scores and second opinions are shown."
        )
    if repeats < 2:
        notes.append("One repeat: no intervals, and no telling chance from a difference. Use --repeats 10.")
    elif pairs and smallest_p(repeats, pairs) > LEVEL:
        what = "the difference" if pairs == 1 else f"any of {pairs} differences"
        notes.append(
            f"{repeats} repeats cannot show {what} to be larger than chance, however clear; "
            f"{_needed(pairs)} or more can."
        )
    optimizers = {record.bench.optimizer for record in records}
    if len(optimizers) > 1:
        notes.append(
            f"The runs used different optimizers ({', '.join(sorted(optimizers))}); that may explain part."
        )
    return tuple(notes)


def _needed(pairs: int) -> int:
    return next(repeats for repeats in range(2, 64) if smallest_p(repeats, pairs) <= LEVEL)
