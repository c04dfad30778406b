"""What a run folder holds, read once and checked: the bench, the generations, the answer if there is one."""

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.errors import RunFolderError, SpaceError
from isptune.facts import LevelFacts
from isptune.runs.answer import Answer, read_answer
from isptune.runs.constraints import parse_constraint, violation
from isptune.runs.facts import BenchRecord, LevelsRecord, ObjectiveRecord, read_bench
from isptune.runs.files import BENCH, PROVENANCE, RECOMMENDED
from isptune.runs.log import Generation, RunLog, Trial
from isptune.runs.provenance import Provenance, read_provenance
from isptune.runs.settings import RunSettings, read_settings
from isptune.runs.timing import Timing, read_timing
from isptune.space import Param, Value


@dataclass(frozen=True)
class RunRecord:
    """A run folder as the reports see it.

    Attributes:
        folder: where it was read from.
        config, bench, provenance, timing: the JSON files; no timing before the end of a session.
        params: those that were tuned, in the pipeline's order.
        objectives: those that were optimised, in order.
        levels: empty where the pipeline does not know its truth.
        generations: all that were finished.
        answer: None while the run is unfinished.
        space: all parameters that the folder describes; of runs of early versions only those that were tuned.
    """

    folder: Path
    config: RunSettings
    bench: BenchRecord
    provenance: Provenance
    timing: Timing | None
    params: tuple[Param, ...]
    objectives: tuple[ObjectiveRecord, ...]
    levels: tuple[LevelFacts, ...]
    generations: tuple[Generation, ...]
    answer: Answer | None
    space: tuple[Param, ...] = ()

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name

    @property
    def repeats(self) -> list[int]:
        """The numbers of the repeats that have trials, sorted."""
        return sorted({trial.repeat for trial in self.trials()})

    @property
    def single(self) -> ObjectiveRecord | None:
        """The objective, where only one was optimised."""
        return self.objectives[0] if len(self.objectives) == 1 else None

    def trials(self) -> Iterator[Trial]:
        """All trials in the order in which they were asked for."""
        for generation in self.generations:
            yield from generation.trials

    def best_trial(self, objective: ObjectiveRecord) -> Trial | None:
        """The trial with the best score seen that keeps all limits; the earliest of equals. None where there is none.

        Of an objective whose scores hold within a generation only, it is the best of the last one.
        """
        among = [t for g in self.generations[-1:] for t in g.trials] if objective.relative else self.trials()
        limits = tuple(map(parse_constraint, self.config.constraints))
        scored = [t for t in among if objective.name in t.scores and not violation(limits, t.scores)]
        return max(scored, key=lambda trial: objective.sign * trial.scores[objective.name], default=None)


def read_run(folder: Path) -> RunRecord:
    """Read a run folder, finished or not.

    Raises:
        RunFolderError: the folder, or a file in it, is missing or damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunFolderError(f"{folder}: no such run folder")
    config, bench = read_settings(folder), read_bench(folder)
    generations = tuple(RunLog(folder).generations())
    provenance = read_provenance(folder) if (folder / PROVENANCE).exists() else Provenance()
    try:
        space = bench.params
        params, levels = _tuned(space, config.tune, generations), _levels(bench.levels)
    except (SpaceError, ValueError) as error:
        raise RunFolderError(f"{folder / BENCH}: is damaged: {error}") from error
    return RunRecord(
        folder=folder,
        config=config,
        bench=bench,
        provenance=provenance,
        timing=read_timing(folder),
        params=params,
        space=space,
        objectives=bench.objectives,
        levels=levels,
        generations=generations,
        answer=_answer(folder, params, levels) if (folder / RECOMMENDED).exists() else None,
    )


def _tuned(
    params: Sequence[Param], patterns: Sequence[str], generations: tuple[Generation, ...]
) -> tuple[Param, ...]:
    """The space without what was held fixed: what the trials hold, or what `tune` matches before the first."""
    if generations and generations[0].trials:
        tuned: set[str] = set(generations[0].trials[0].params)
        return tuple(param for param in params if param.name in tuned)
    return tuple(p for p in params if any(fnmatch.fnmatchcase(p.name, pattern) for pattern in patterns))


def fixed_values(record: RunRecord) -> dict[str, Value]:
    """The parameters of the answer that were not tuned, with the values they were held at."""
    if record.answer is None:
        return {}
    tuned = {param.name for param in record.params}
    return {name: value for name, value in record.answer.params.items() if name not in tuned}


def _answer(folder: Path, params: tuple[Param, ...], levels: tuple[LevelFacts, ...]) -> Answer:
    answer = read_answer(folder)
    parts = (
        answer.recommended_distance,
        answer.default_distance,
        *(part.distance for part in answer.repeats),
    )
    fault = f"{folder / RECOMMENDED}: is damaged"
    for param in params:
        for candidate in (answer.params, answer.default):
            if param.name not in candidate:
                raise RunFolderError(f"{fault}: a candidate has no {param.name!r}")
            try:
                param.check(candidate[param.name])
            except SpaceError as error:
                raise RunFolderError(f"{fault}: {error}") from error
    if any(part.levels and len(part.levels) != len(levels) for part in parts):
        raise RunFolderError(f"{fault}: a candidate has other levels than the {len(levels)} of the pipeline")
    return answer


def _levels(record: LevelsRecord | None) -> tuple[LevelFacts, ...]:
    """Raises ValueError where names, ranges and units are not equally many."""
    if record is None:
        return ()
    units = record.units or ("",) * len(record.names)
    if not len(record.names) == len(record.ranges) == len(units):
        raise ValueError(
            f"levels have {len(record.names)} names, {len(record.ranges)} ranges, {len(units)} units"
        )
    return tuple(map(LevelFacts, record.names, record.ranges, units))
