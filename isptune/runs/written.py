"""Trials of the log, and the answer, as writers get them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from isptune.interfaces import WrittenEnd, WrittenTrial
from isptune.runs.answer import Answer, ScorePair
from isptune.runs.log import Trial
from isptune.runs.times import Span


def written_trials(
    first: int, generation: int, trials: Sequence[Trial], spans: Sequence[Span], levels: Sequence[str]
) -> list[WrittenTrial]:
    """The trials of a generation.

    Args:
        first: number of the first of them in the run.
        generation: its number, from 0.
        trials: all of them.
        spans: when each was evaluated; of another number where that is not known.
        levels: names of the distortion levels; none where they are not known.
    """
    known: Sequence[Span | None] = spans if len(spans) == len(trials) else [None] * len(trials)
    return [
        _written(first + i, generation, *both, levels)
        for i, both in enumerate(zip(trials, known, strict=True))
    ]


def _written(
    number: int, generation: int, trial: Trial, span: Span | None, levels: Sequence[str]
) -> WrittenTrial:
    distances = {"l1": trial.l1, "l1_normalised": trial.l1_normalised}
    return WrittenTrial(
        number=number,
        generation=generation,
        repeat=trial.repeat,
        params=trial.params,
        numbers={**trial.scores, **{key: value for key, value in distances.items() if value is not None}},
        error=trial.error,
        began=None if span is None else span.began,
        ended=None if span is None else span.ended,
        took_s=None if span is None else span.took_s,
        levels=dict(zip(levels, trial.levels, strict=False)),
    )


def written_end(answer: Answer, pictures: Sequence[Path]) -> WrittenEnd:
    """What came of a run."""
    held_out = {} if answer.held_out is None else answer.held_out.objectives
    return WrittenEnd(
        params=answer.params,
        scores=_known(answer.objectives, "recommended"),
        start=_known(answer.objectives, "default"),
        held_out=_known(held_out, "difference"),
        l1_normalised=answer.recommended_distance.l1_normalised,
        pictures=pictures,
    )


def _known(
    pairs: Mapping[str, ScorePair], which: Literal["recommended", "default", "difference"]
) -> dict[str, float]:
    means = {name: getattr(pair, which).mean for name, pair in pairs.items()}
    return {name: mean for name, mean in means.items() if math.isfinite(mean)}
