"""Runs of many people, cameras and objectives in one table: of run folders, or of an Optuna storage.

Scores compare only within a group: the same pipeline, scenes and objectives. What compares across objectives is the
distance from pristine, where a pipeline knows its truth.
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from isptune.errors import ConfigError, IsptuneError, in_words, without_passwords
from isptune.facts import Direction
from isptune.report.live.state import find_runs, is_running
from isptune.report.page import render
from isptune.runs.answer import Answer
from isptune.runs.record import RunRecord, read_run
from isptune.system.disk import write_atomically
from isptune.writers.optuna_storage import BY, RECOMMENDED, SETTINGS, opened, quietly

MOST_RUNS = 2000


@dataclass(frozen=True)
class Standing:
    """A run in the table. Scores are of its first objective; None is not known.

    Attributes:
        run: its name.
        by: the machine that a storage says it is from; empty of a folder.
        pipeline: with its options.
        objectives: all of them.
        scenes: their specs.
        direction: in which scores are better.
        optimizer, seed: as they were set.
        trials, budget: how many were done, and of how many.
        state: `finished`, `running` or `stopped`; of a storage `finished` or `open`.
        start, score: of what the search began with, and of what it recommends; unfinished, of the best trial so far.
        held_out: by how much the score rose on scenes that the search never saw.
        l1_normalised: distance of the recommended set from pristine.
        better, worse: how many second opinions call the recommended set so.
        kept_start: whether nothing that was found beats the start.
    """

    run: str
    by: str
    pipeline: str
    objectives: tuple[str, ...]
    scenes: tuple[str, ...]
    direction: Direction
    optimizer: str
    seed: int
    trials: int
    budget: int
    state: str
    start: float | None = None
    score: float | None = None
    held_out: float | None = None
    l1_normalised: float | None = None
    better: int | None = None
    worse: int | None = None
    kept_start: bool | None = None

    @property
    def sign(self) -> float:
        """What makes larger scores better."""
        return 1.0 if self.direction == "maximize" else -1.0

    @property
    def gain(self) -> float | None:
        """By how much the score is better than the start's; above 0 is better whatever the direction."""
        if self.score is None or self.start is None:
            return None
        return self.sign * (self.score - self.start)

    @property
    def question(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """What runs must share for their scores to compare."""
        return self.pipeline, self.objectives, self.scenes


@dataclass(frozen=True)
class Group:
    """Runs whose scores compare, the best first; unfinished ones stand behind the finished ones."""

    pipeline: str
    objectives: tuple[str, ...]
    scenes: tuple[str, ...]
    runs: tuple[Standing, ...]

    @property
    def by_held_out(self) -> bool:
        """Whether the order is that of gains on scenes that no search saw: where all finished runs have them."""
        finished = [one for one in self.runs if one.state == "finished"]
        return bool(finished) and all(one.held_out is not None for one in finished)


@dataclass(frozen=True)
class Leaderboard:
    """All groups, the one with most runs first, and what could not be read, a line each."""

    groups: tuple[Group, ...]
    left_out: tuple[str, ...] = ()

    @property
    def runs(self) -> list[Standing]:
        """Of all groups."""
        return [one for group in self.groups for one in group.runs]


def read_leaderboard(place: str) -> Leaderboard:
    """Of all run folders in a folder, of a database or of a journal.

    Raises:
        ConfigError: there is none.
        IsptuneError: the database is away or cannot be read, with the reason.
    """
    left_out: list[str] = []
    if "://" in place or Path(place).is_file():
        standings = _of_storage(place)
    elif Path(place).is_dir():
        standings = _of_folder(Path(place), left_out)
    else:
        raise ConfigError(f"{place}: is no folder of runs, no journal and no address of a database")
    if not standings:
        why = f": {left_out[0]}" if left_out else ""
        raise ConfigError(f"{place}: holds no run{why}")
    return Leaderboard(_grouped(standings), tuple(left_out))


def _grouped(standings: Sequence[Standing]) -> tuple[Group, ...]:
    groups: dict[Any, list[Standing]] = {}
    for one in standings:
        groups.setdefault(one.question, []).append(one)
    made = []
    for (pipeline, objectives, scenes), runs in groups.items():
        group = Group(pipeline, objectives, scenes, tuple(runs))
        held_out = group.by_held_out
        runs.sort(key=lambda one, held_out=held_out: _place(one, held_out))
        made.append(Group(pipeline, objectives, scenes, tuple(runs)))
    return tuple(sorted(made, key=lambda group: (-len(group.runs), group.pipeline, group.objectives)))


def _place(one: Standing, held_out: bool) -> tuple[bool, float, str]:
    value = one.held_out if held_out else one.score
    return one.state != "finished", math.inf if value is None else -one.sign * value, one.run


def _of_folder(folder: Path, left_out: list[str]) -> list[Standing]:
    found = []
    for name, path in find_runs(folder, MOST_RUNS).items():
        try:
            found.append(_standing(name, read_run(path)))
        except IsptuneError as error:
            left_out.append(f"{name}: {error}")
    return found


def _standing(name: str, record: RunRecord) -> Standing:
    settings, first, answer = record.config, record.objectives[0], record.answer
    best = record.best_trial(first)
    running = answer is None and is_running(record.folder)
    common = {
        "run": name,
        "by": "",
        "pipeline": _with_options(settings.pipeline, settings.pipeline_options),
        "objectives": settings.objectives,
        "scenes": settings.scenes,
        "direction": first.direction,
        "optimizer": record.bench.optimizer or settings.optimizer,
        "seed": settings.seed,
        "trials": sum(len(one.trials) for one in record.generations),
        "budget": settings.budget * settings.repeats,
        "state": "finished" if answer else "running" if running else "stopped",
    }
    if answer is None:
        return Standing(**common, score=best.scores[first.name] if best else None)
    return Standing(**common, **_of_answer(answer, first.name))


def _of_answer(answer: Answer, objective: str) -> dict[str, Any]:
    pair = answer.objectives[objective]
    held_out = answer.held_out.objectives.get(objective) if answer.held_out else None
    says = [opinion.says for opinion in answer.second_opinions]
    return {
        "start": _finite(pair.default.mean),
        "score": _finite(pair.recommended.mean),
        "held_out": None if held_out is None else _finite(held_out.difference.mean),
        "l1_normalised": answer.recommended_distance.l1_normalised,
        "better": says.count("better"),
        "worse": says.count("worse"),
        "kept_start": answer.rejected is not None,
    }


def _of_storage(address: str) -> list[Standing]:
    try:
        with quietly() as optuna, opened(address, to_write=False) as storage:
            studies = optuna.get_all_study_summaries(storage=storage)
            return [
                _of_study(optuna.load_study(study_name=one.study_name, storage=storage))
                for one in studies
                if SETTINGS in one.user_attrs
            ]
    except IsptuneError:
        raise
    except Exception as error:  # a driver may raise anything
        raise IsptuneError(without_passwords(f"the storage cannot be read: {in_words(error)}")) from error


def _of_study(study: Any) -> Standing:
    attributes, settings = study.user_attrs, study.user_attrs[SETTINGS]
    names, end = list(study.metric_names or settings["objectives"]), attributes.get(RECOMMENDED)
    direction: Direction = "maximize" if study.directions[0].name == "MAXIMIZE" else "minimize"
    trials = study.get_trials(deepcopy=False)
    scored = [one.values[0] for one in trials if one.values]
    best = (max if direction == "maximize" else min)(scored, default=None)
    start = end["start"].get(names[0]) if end else None
    return Standing(
        run=study.study_name,
        by=str(attributes.get(BY, "")),
        pipeline=_with_options(settings["pipeline"], settings["pipeline_options"]),
        objectives=tuple(names),
        scenes=tuple(settings["scenes"]),
        direction=direction,
        optimizer=settings["optimizer"],
        seed=settings["seed"],
        trials=len(trials),
        budget=settings["population"] * settings["generations"] * settings["repeats"],
        state="finished" if end else "open",
        start=start,
        score=end["scores"].get(names[0]) if end else best,
        held_out=end["held_out"].get(names[0]) if end else None,
        l1_normalised=end["l1_normalised"] if end else None,
    )


def _with_options(pipeline: str, options: Mapping[str, Any]) -> str:
    told = ", ".join(f"{key}={value}" for key, value in sorted(options.items()))
    return f"{pipeline} ({told})" if told else pipeline


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_csv(board: Leaderboard) -> str:
    """One row a run; several objectives or scenes in one field, by blanks."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["rank", *(column.name for column in fields(Standing)), "gain"])
    for group in board.groups:
        for rank, one in enumerate(group.runs, 1):
            values = [" ".join(x) if isinstance(x, tuple) else x for x in asdict(one).values()]
            writer.writerow([rank, *values, one.gain])
    return table.getvalue()


def as_json(board: Leaderboard) -> str:
    """The groups with their runs, and what was left out."""
    groups = [
        {
            **{key: value for key, value in asdict(group).items() if key != "runs"},
            "by_held_out": group.by_held_out,
            "runs": [
                {"rank": rank, **asdict(one), "gain": one.gain} for rank, one in enumerate(group.runs, 1)
            ],
        }
        for group in board.groups
    ]
    return json.dumps({"groups": groups, "left_out": board.left_out}, indent=2, allow_nan=False) + "\n"


def write_page(path: Path, board: Leaderboard, place: str) -> None:
    """The table as one self-contained page. Raises DiskError."""
    write_atomically(path, render("leaderboard.html", board=board, place=place))
