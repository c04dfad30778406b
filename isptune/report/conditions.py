"""The result of a series: what its runs recommend, by condition."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from isptune.errors import RunFolderError
from isptune.parameter_set import ParameterSet, read_set
from isptune.runs.answer import Answer, Interval, ScorePair
from isptune.runs.facts import ObjectiveRecord
from isptune.runs.record import RunRecord, read_run
from isptune.space import Choice, Param, unit_of


@dataclass(frozen=True)
class ConditionSeries:
    """The sets of a series.

    Attributes:
        params: those that were tuned.
        objectives: what was optimised.
        sets: by condition, in order; each `start` is that of the series, not the neighbour's set.
        scores: by condition and objective, of the start (the neighbour's set) and of the result.
        folders: the name of each run's folder, by condition.
        steps: how far each set is from its neighbour, a mean share of the ranges; the first from the start.
        kept: the conditions whose search found nothing better, so that their neighbour's set stays.
        space: all parameters of the pipeline.
    """

    params: tuple[Param, ...]
    objectives: tuple[ObjectiveRecord, ...]
    sets: Mapping[str, ParameterSet]
    scores: Mapping[str, Mapping[str, ScorePair]]
    folders: Mapping[str, str]
    steps: Mapping[str, float]
    kept: tuple[str, ...] = ()
    space: tuple[Param, ...] = ()

    @property
    def conditions(self) -> list[str]:
        """Their names, in order."""
        return list(self.sets)

    def moved(self, param: Param) -> float:
        """Over how much of its range a parameter moves; of a choice 1 if it changes."""
        values = [chosen.values[param.name] for chosen in self.sets.values()]
        if isinstance(param, Choice):
            return float(len(set(values)) > 1)
        places = [unit_of(param, float(value)) for value in values]
        return max(places) - min(places)


def read_series(folders: Mapping[str, Path]) -> ConditionSeries:
    """Read finished runs, by condition. Raises RunFolderError for one that is not finished or damaged."""
    records = {name: read_run(folder) for name, folder in folders.items()}
    first = next(iter(records.values()))
    answers = {name: _answer(record) for name, record in records.items()}
    start = dict(next(iter(answers.values())).default)
    kept = tuple(name for name, record in records.items() if not pays(record))
    return ConditionSeries(
        params=first.params,
        objectives=first.objectives,
        sets={
            name: replace(
                chosen_set(folder),
                name=name,
                start=start,
                scores=_scores(answers[name], name in kept),
                note="",
            )
            for name, folder in folders.items()
        },
        scores={name: answer.objectives for name, answer in answers.items()},
        folders={name: folder.name for name, folder in folders.items()},
        steps={name: 0.0 if name in kept else answer.distance or 0.0 for name, answer in answers.items()},
        kept=kept,
        space=first.space,
    )


def chosen_set(folder: Path) -> ParameterSet:
    """What a condition hands over: what its run recommends, or what it started from if that is no worse."""
    chosen = read_set(folder)
    return chosen if pays(read_run(folder)) else replace(chosen, values=chosen.start)


def pays(record: RunRecord) -> bool:
    """Whether the recommended set is better than the start by more than the distance between them costs.

    Of several objectives, none of which has the last word, it always does.
    """
    answer = _answer(record)
    if record.single is None or record.single.name not in answer.objectives:
        return True
    pair = answer.objectives[record.single.name]
    gain = record.single.gain(pair.recommended.mean, pair.default.mean)
    return math.isnan(gain) or gain > answer.cost


def _scores(answer: Answer, kept: bool) -> dict[str, dict[str, float]]:
    """The scores of a condition's set; the series' start was not scored on its scenes."""
    return {
        name: {"recommended": (pair.default if kept else pair.recommended).mean}
        for name, pair in answer.objectives.items()
    }


def _answer(record: RunRecord) -> Answer:
    if record.answer is None:
        raise RunFolderError(f"{record.folder}: this run is not finished; give the command again to go on")
    return record.answer


def reached(series: ConditionSeries, condition: str, objective: ObjectiveRecord) -> Interval:
    """The score of a condition's set."""
    pair = series.scores[condition][objective.name]
    return pair.default if condition in series.kept else pair.recommended
