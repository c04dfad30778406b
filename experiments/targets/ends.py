"""Where one search ended and how it got there: a row of ends.csv, made from a run's folder and read back.

Scores are turned so that higher is better. The unit of gaming is the spread of an objective's scores over the first
generation, which is the same candidates for every objective: they are drawn about the start by the same seed.
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from experiments.targets.protocol import MARKS, Case, group_of
from isptune.errors import ConfigError
from isptune.interfaces import Objective, ScoresTogether
from isptune.registry import build
from isptune.runs.answer import RepeatAnswer
from isptune.runs.log import Generation
from isptune.runs.record import RunRecord, read_run
from isptune.scenes.scene import Scene
from isptune.system.disk import write_atomically
from isptune.tuning.bench import Bench
from isptune.tuning.evaluate import Evaluator

STAGES = 5


@dataclass(frozen=True)
class End:
    """What one seed of one run came to.

    Attributes:
        objective, group, chain, family, scene, seed: which it is; `scene` is a photograph, or `together`.
        evaluations: of its search.
        levels: signed, as shares of their ranges, one a stage of the chain.
        l1: the mean of their magnitudes; 0 is pristine.
        start: that of the start.
        psnr: of the picture to the photograph, dB, under noise that no search saw; 100 for equal ones.
        score: by the objective that led, mean over such noise.
        pristine: its score of the photograph itself; NaN of scores that hold within a generation only.
        spread: deviation of its scores over the first generation.
        curve: l1 of the best trial so far by its own score, after each of `MARKS` evaluations; NaN beyond the search.
        render_ms, score_ms: a trial, in the pipeline and in the objective.
        params: where it ended, for pictures.
    """

    objective: str
    group: str
    chain: str
    family: str
    scene: str
    seed: int
    evaluations: int
    levels: tuple[float, ...]
    l1: float
    start: float
    psnr: float
    score: float
    pristine: float
    spread: float
    curve: tuple[float, ...]
    render_ms: float
    score_ms: float
    params: tuple[float, ...]

    @property
    def place(self) -> tuple[str, str, str]:
        """What ends of different objectives are paired by, their seeds aside."""
        return self.chain, self.family, self.scene

    @property
    def gaming(self) -> float:
        """How far it lies above the pristine picture by its own score, in spreads; below 0 where it fell short."""
        return (self.score - self.pristine) / self.spread if self.spread > 0 else math.nan


def ends_of(case: Case, bench: Bench, folder: Path) -> list[End]:
    """An end for each seed of a finished run. Raises ConfigError where one of them cannot be evaluated."""
    record = read_run(folder)
    (objective,) = bench.objectives.values()
    (facts,) = record.objectives
    assert record.answer is not None, "the run is finished"
    repeats = record.answer.repeats
    failed = next((one.error for one in repeats if one.error is not None), None)
    if failed is not None:
        raise ConfigError(f"{folder}: an end cannot be evaluated: {failed}")
    ranges = np.array([level.limit for level in record.levels])
    start = record.answer.default_distance.l1_normalised
    assert start is not None, "the synthetic pipeline knows its levels"
    pristine = pristine_score(objective, bench.evaluator.scenes)
    timing = record.timing
    render_ms, score_ms = (
        (1000 * part / timing.trials if timing is not None and timing.trials else math.nan)
        for part in (timing.render_s if timing else 0.0, timing.score_s if timing else 0.0)
    )
    psnr = _psnr(bench, repeats)
    found = []
    for repeat, decibels in zip(repeats, psnr, strict=True):
        own = [trial for trial in record.trials() if trial.repeat == repeat.repeat]
        levels = tuple((np.array(repeat.levels) / ranges).tolist())
        found.append(
            End(
                objective=case.objective,
                group=group_of(case.objective),
                chain=case.chain,
                family=case.family,
                scene=case.scene,
                seed=repeat.seed,
                evaluations=len(own),
                levels=levels,
                l1=float(np.abs(levels).mean()),
                start=start,
                psnr=decibels,
                score=facts.sign * repeat.objectives[facts.name].mean,
                pristine=facts.sign * pristine,
                spread=_spread(record, facts.name),
                curve=curve(record.generations, repeat.repeat, facts.name, facts.sign, facts.relative),
                render_ms=render_ms,
                score_ms=score_ms,
                params=tuple(float(value) for value in repeat.params.values()),
            )
        )
    return found


def pristine_score(objective: Objective, scenes: Sequence[Scene]) -> float:
    """An objective's mean score of the photographs themselves; NaN where a score of one picture means nothing."""
    if objective.facts.rivals or isinstance(objective, ScoresTogether):
        return math.nan
    with torch.inference_mode():
        return float(np.mean([float(objective.score(scene.image, scene)[0]) for scene in scenes]))


def curve(
    generations: Sequence[Generation], repeat: int, name: str, sign: float, relative: bool = False
) -> tuple[float, ...]:
    """The l1 of the best trial so far by its own score, after each of `MARKS` evaluations; NaN beyond the last one.

    Of an objective whose scores hold within a generation only, the best of the generation that the mark falls into.
    """
    numbered = [(g.generation, trial) for g in generations for trial in g.trials if trial.repeat == repeat]
    read = []
    for mark in MARKS:
        if mark > len(numbered):
            read.append(math.nan)
            continue
        last = numbered[mark - 1][0]
        among = [t for number, t in numbered[:mark] if name in t.scores and (not relative or number == last)]
        best = max(among, key=lambda trial: sign * trial.scores[name], default=None)
        read.append(math.nan if best is None or best.l1_normalised is None else best.l1_normalised)
    return tuple(read)


def _spread(record: RunRecord, name: str) -> float:
    scores = [trial.scores[name] for trial in record.generations[0].trials if name in trial.scores]
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else math.nan


def _psnr(bench: Bench, repeats: Sequence[RepeatAnswer]) -> list[float]:
    evaluator = Evaluator(bench.pipeline, {"psnr": build("objective", "psnr")}, bench.scenes)
    complete = [bench.space.complete(repeat.params) for repeat in repeats]
    trials = evaluator.evaluate(complete, bench.seeds.to_confirm()[0])
    return [trial.scores["psnr"] for trial in trials]


TEXT = ("objective", "group", "chain", "family", "scene")
WHOLE = ("seed", "evaluations")
NUMBERS = ("l1", "start", "psnr", "score", "pristine", "spread", "render_ms", "score_ms")
COLUMNS = (
    *TEXT,
    *WHOLE,
    *(f"d_{i + 1}" for i in range(STAGES)),
    *NUMBERS,
    *(f"l1_at_{mark}" for mark in MARKS),
    *(f"x{i + 1}" for i in range(STAGES)),
)


def write_ends(path: Path, ends: Iterable[End]) -> None:
    """Write a table; one that is killed leaves the table that was there. Raises DiskError."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_row, ends))
    write_atomically(path, text.getvalue().encode())


def read_ends(path: Path) -> list[End]:
    """What `write_ends` wrote. Raises ConfigError for another table."""
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ConfigError(f"{path}: is no table of ends: its columns are {reader.fieldnames}")
        return [_end(row) for row in reader]


def _row(end: End) -> list[object]:
    shares = [f"{value:.4f}" for value in end.levels]
    numbers = [_short(getattr(end, name)) for name in NUMBERS]
    marks = ["" if math.isnan(value) else f"{value:.4f}" for value in end.curve]
    values = [f"{value:.6g}" for value in end.params]
    return [*(getattr(end, name) for name in (*TEXT, *WHOLE)), *shares, *numbers, *marks, *values]


def _short(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _end(row: dict[str, str]) -> End:
    def number(name: str) -> float:
        return float(row[name] or "nan")

    return End(
        objective=row["objective"],
        group=row["group"],
        chain=row["chain"],
        family=row["family"],
        scene=row["scene"],
        seed=int(row["seed"]),
        evaluations=int(row["evaluations"]),
        levels=tuple(number(f"d_{i + 1}") for i in range(STAGES)),
        l1=number("l1"),
        start=number("start"),
        psnr=number("psnr"),
        score=number("score"),
        pristine=number("pristine"),
        spread=number("spread"),
        curve=tuple(number(f"l1_at_{mark}") for mark in MARKS),
        render_ms=number("render_ms"),
        score_ms=number("score_ms"),
        params=tuple(number(f"x{i + 1}") for i in range(STAGES)),
    )
