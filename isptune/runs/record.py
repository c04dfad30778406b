"""What a run folder holds, read once and checked: the bench, the generations, the answer if there is one."""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from isptune.errors import RunFolderError, SpaceError
from isptune.runs.answer import Answer, parse_answer
from isptune.runs.log import CONFIG, PROVENANCE, RECOMMENDED, TIMING, Generation, RunLog, Trial
from isptune.space import Choice, Integer, Param, Real, Value

BENCH = "bench.json"
SHORT = 14
"""Letters of a unit that still fit behind a name."""


@dataclass(frozen=True)
class ObjectiveFacts:
    """What bench.json says of one objective."""

    name: str
    direction: Literal["minimize", "maximize"]
    unit: str = ""
    source: str = ""
    relative: bool = False  # its scores hold within a generation only

    @property
    def best_is(self) -> str:
        """What the best trial is the best of, in words."""
        return "of the last generation" if self.relative else "seen"

    @property
    def sign(self) -> int:
        """+1 where more is better, -1 where less is."""
        return 1 if self.direction == "maximize" else -1

    @property
    def label(self) -> str:
        """Name with unit, for axes and table heads; a unit that is a sentence stays out of those."""
        return f"{self.name} ({self.unit})" if 0 < len(self.unit) <= SHORT else self.name

    def gain(self, value: float, over: float) -> float:
        """By how much the first score is better than the second; negative where it is worse."""
        return self.sign * (value - over)


@dataclass(frozen=True)
class LevelFacts:
    """One distortion of a pipeline whose truth is known; `limit` is its largest magnitude."""

    name: str
    limit: float
    unit: str = ""

    @property
    def label(self) -> str:
        return f"{self.name}, {self.unit}" if self.unit else self.name


@dataclass(frozen=True)
class RunRecord:
    """A run folder as the reports see it.

    Attributes:
        folder: where it was read from.
        config, provenance, timing: the JSON files as they are; timing may be empty.
        bench: bench.json as it is.
        params: those that were tuned, in the pipeline's order.
        objectives: those that were optimised, in order.
        levels: empty where the pipeline does not know its truth.
        generations: all that were finished.
        answer: None while the run is unfinished.
        space: all parameters that the folder describes; of runs of early versions only those that were tuned.
    """

    folder: Path
    config: Mapping[str, Any]
    provenance: Mapping[str, Any]
    timing: Mapping[str, Any]
    bench: Mapping[str, Any]
    params: tuple[Param, ...]
    objectives: tuple[ObjectiveFacts, ...]
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
    def single(self) -> ObjectiveFacts | None:
        """The objective, where only one was optimised."""
        return self.objectives[0] if len(self.objectives) == 1 else None

    def trials(self) -> Iterator[Trial]:
        """All trials in the order in which they were asked for."""
        for generation in self.generations:
            yield from generation.trials

    def best_trial(self, objective: ObjectiveFacts) -> Trial | None:
        """The trial with the best score seen; the earliest of equals. None where all failed.

        Of an objective whose scores hold within a generation only, it is the best of the last one.
        """
        among = [t for g in self.generations[-1:] for t in g.trials] if objective.relative else self.trials()
        scored = [trial for trial in among if objective.name in trial.scores]
        return max(scored, key=lambda trial: objective.sign * trial.scores[objective.name], default=None)


def read_run(folder: Path) -> RunRecord:
    """Read a run folder, finished or not.

    Raises:
        RunFolderError: the folder, or a file in it, is missing or damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunFolderError(f"{folder}: no such run folder")
    log = RunLog(folder)
    config, bench = log.read_json(CONFIG), log.read_json(BENCH)
    generations = tuple(log.generations())
    try:
        space = tuple(parse_param(item) for item in bench["space"])
        params, levels = _tuned(space, config, generations), _levels(bench.get("levels"))
        return RunRecord(
            folder=folder,
            config=config,
            provenance=_optional(log, PROVENANCE),
            timing=_optional(log, TIMING),
            bench=bench,
            params=params,
            space=space,
            objectives=tuple(_objective(item) for item in bench["objectives"]),
            levels=levels,
            generations=generations,
            answer=_answer(log, params, levels) if (folder / RECOMMENDED).exists() else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise RunFolderError(f"{folder}: {BENCH}, {CONFIG} or {RECOMMENDED} is damaged ({what})") from error
    except SpaceError as error:
        raise RunFolderError(f"{folder}: {BENCH} or {RECOMMENDED} is damaged: {error}") from error


def parse_param(item: Mapping[str, Any]) -> Param:
    """One entry of bench.json's space. Raises KeyError, ValueError or SpaceError if it is none."""
    unit, description = item.get("unit") or "", item.get("help") or ""
    if item["kind"] == "choice":
        return Choice(item["name"], tuple(item["options"]), item["default"], unit, description)
    kinds = {"real": Real, "integer": Integer}
    if item["kind"] not in kinds:
        raise ValueError(f"kind {item['kind']!r} is none of real, integer, choice")
    return kinds[item["kind"]](
        item["name"], item["low"], item["high"], item["default"], bool(item.get("log")), unit, description
    )


def _tuned(
    params: Sequence[Param], config: Mapping[str, Any], generations: tuple[Generation, ...]
) -> tuple[Param, ...]:
    """The space without what was held fixed: what the trials hold, or what `tune` matches before the first."""
    if generations and generations[0].trials:
        tuned: set[str] = set(generations[0].trials[0].params)
        return tuple(param for param in params if param.name in tuned)
    patterns = config.get("tune") or ["*"]
    return tuple(p for p in params if any(fnmatch.fnmatchcase(p.name, pattern) for pattern in patterns))


def fixed_values(record: RunRecord) -> dict[str, Value]:
    """The parameters of the answer that were not tuned, with the values they were held at."""
    if record.answer is None:
        return {}
    tuned = {param.name for param in record.params}
    return {name: value for name, value in record.answer.params.items() if name not in tuned}


def _answer(log: RunLog, params: tuple[Param, ...], levels: tuple[LevelFacts, ...]) -> Answer:
    answer = parse_answer(log.read_json(RECOMMENDED))
    for candidate in (answer.params, answer.default):
        for param in params:
            param.check(candidate[param.name])
    distances = [
        answer.recommended_distance,
        answer.default_distance,
        *(part.distance for part in answer.repeats),
    ]
    if any(distance.levels and len(distance.levels) != len(levels) for distance in distances):
        raise ValueError(f"a candidate has other levels than the {len(levels)} of the pipeline")
    return answer


def _objective(item: Mapping[str, Any]) -> ObjectiveFacts:
    if item["direction"] not in ("maximize", "minimize"):
        raise ValueError(f"direction {item['direction']!r} is neither maximize nor minimize")
    return ObjectiveFacts(
        item["name"],
        item["direction"],
        item.get("unit") or "",
        item.get("source") or "",
        bool(item.get("relative")),
    )


def _levels(item: Mapping[str, Any] | None) -> tuple[LevelFacts, ...]:
    if not item:
        return ()
    units = item.get("units") or [""] * len(item["names"])
    parts = zip(item["names"], item["ranges"], units, strict=True)
    return tuple(LevelFacts(name, float(limit), unit or "") for name, limit, unit in parts)


def _optional(log: RunLog, name: str) -> Mapping[str, Any]:
    return log.read_json(name) if (log.folder / name).exists() else {}
