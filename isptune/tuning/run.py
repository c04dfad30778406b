"""The loop: ask, render, score, tell, append; and replay, which makes the log a checkpoint."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from isptune.errors import AllFailed, RunFolderError, one_line
from isptune.interfaces import Optimizer
from isptune.runs.facts import write_bench
from isptune.runs.files import CONFIG, PROVENANCE, RECOMMENDED, TABLE
from isptune.runs.log import Generation, LogWriter, RunLog, Trial, write_csv
from isptune.runs.provenance import read_provenance, write_provenance
from isptune.runs.settings import RunSettings, keys, read_settings, write_settings
from isptune.runs.timing import write_timing
from isptune.space import Candidate
from isptune.system.claim import LOCK, claimed
from isptune.system.disk import is_unfinished
from isptune.tuning.bench import Bench
from isptune.tuning.clock import SearchClock
from isptune.tuning.handover import hand_over
from isptune.tuning.unfinished import Unfinished, keeping_outcomes


@dataclass(frozen=True)
class Status:
    """What a progress bar shows after a generation.

    `best` is the best score so far of the first objective, or of the generation where scores do not compare with
    those of others; `l1_normalised` that trial's level error.
    """

    generation: int
    evaluations: int
    budget: int
    best: float | None
    l1_normalised: float | None
    failed: int
    replayed: bool


@dataclass
class _Lane:
    """One of the lockstep optimisations: its optimizer and what it has used of its budget."""

    optimizer: Optimizer
    budget: int
    used: int = 0
    population: list[Candidate] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return self.used < self.budget and self.optimizer.stop_reason is None

    @property
    def stop_reason(self) -> str:
        return self.optimizer.stop_reason or f"budget of {self.budget} evaluations used"


def run(bench: Bench, folder: Path, on_generation: Callable[[Status], None] = lambda status: None) -> Path:
    """Run the optimisation that `bench` describes in `folder`, or go on with it, to its end.

    Returns:
        The folder, with everything but the report in it.

    Raises:
        RunFolderError: the folder holds another run or one on other pictures, is in use, damaged, or the disk is full.
        AllFailed: every candidate of a generation failed. Earlier generations are kept.
    """
    if not (folder / RECOMMENDED).exists():
        _ = bench.second_opinions  # a name that does not exist is refused before there is a folder
    with claimed(folder, RunFolderError, "run folder"):
        log = RunLog(folder)
        _check_or_write_config(folder, bench.settings)
        write_bench(folder, bench.description())
        if (folder / PROVENANCE).exists():
            _check_bench(folder, bench)
        else:
            write_provenance(folder, bench.provenance())
        lanes = [
            _Lane(bench.optimizer(repeat), bench.settings.budget) for repeat in range(bench.settings.repeats)
        ]
        loop = _Loop(bench, lanes, on_generation, SearchClock(folder, bench.settings.budget_time))
        with log.open() as writer, keeping_outcomes(bench.evaluator, folder) as unfinished:
            generations = loop.replay(log.generations())
            generations += loop.search(writer, len(generations), unfinished)
        write_csv(folder / TABLE, generations, bench.level_names)
        if not (folder / RECOMMENDED).exists():
            trials = [trial for generation in generations for trial in generation.trials]
            hand_over(bench, folder, [lane.optimizer for lane in lanes], loop.stop_reasons, trials)
        if loop.searched:
            write_timing(folder, loop.searched, loop.total_s, loop.render_s, loop.score_s)
    return folder


class _Loop:
    """The state of a run in progress: the lanes, the best so far, and the clock."""

    def __init__(
        self, bench: Bench, lanes: list[_Lane], on_generation: Callable[[Status], None], clock: SearchClock
    ):
        self.bench, self.lanes, self.on_generation, self.clock = bench, lanes, on_generation, clock
        self.best: Trial | None = None
        self.failed = 0
        self.total_s = self.render_s = self.score_s = 0.0
        self.searched = 0

    @property
    def stop_reasons(self) -> list[str]:
        """Why each lane has stopped."""
        return [(self.clock.stopped if lane.active else None) or lane.stop_reason for lane in self.lanes]

    def replay(self, generations: Sequence[Generation]) -> list[Generation]:
        """Feed logged generations to fresh optimizers. Raises RunFolderError if they ask for others."""
        for index, generation in enumerate(generations):
            asked = self._asking()
            expected = [(repeat, candidate) for repeat, lane in asked for candidate in lane.population]
            logged = [(trial.repeat, trial.params) for trial in generation.trials]
            same_noise = (generation.generation, generation.seed) == (index, self.bench.noise_seed(index))
            if logged != expected or not same_noise:
                raise RunFolderError(
                    f"generation {generation.generation} of the log is not what the optimizer asks for now: another "
                    "version of isptune or of the optimizer's package wrote it; start a new run with --out"
                )
            for repeat, lane in asked:
                self._tell(lane, [trial for trial in generation.trials if trial.repeat == repeat])
            self._report(generation, replayed=True)
        return list(generations)

    def search(self, writer: LogWriter, first: int, unfinished: Unfinished) -> list[Generation]:
        """Ask, evaluate, append, tell, until every lane has stopped."""
        start = time.perf_counter()
        done = []
        while any(lane.active for lane in self.lanes) and self.clock.allows_another():
            began = time.perf_counter()
            index = first + len(done)
            generation = self._evaluate(index, self.bench.noise_seed(index))
            writer.append(generation)
            unfinished.forget()
            for repeat, lane in enumerate(self.lanes):
                own = [trial for trial in generation.trials if trial.repeat == repeat]
                if own:
                    self._tell(lane, own)
            self.clock.add(time.perf_counter() - began)
            done.append(generation)
            self.searched += len(generation.trials)
            self._report(generation, replayed=False)
        self.total_s = time.perf_counter() - start
        self.render_s, self.score_s = self.bench.evaluator.render_s, self.bench.evaluator.score_s
        return done

    def _asking(self) -> list[tuple[int, _Lane]]:
        """The active lanes, each asked for its next population."""
        active = [(repeat, lane) for repeat, lane in enumerate(self.lanes) if lane.active]
        for _, lane in active:
            lane.population = lane.optimizer.ask()
        return active

    def _evaluate(self, index: int, seed: int) -> Generation:
        asked = [(repeat, candidate) for repeat, lane in self._asking() for candidate in lane.population]
        complete = [self.bench.space.complete(candidate) for _, candidate in asked]
        found = self.bench.evaluator.evaluate(complete, seed)
        if all(trial.error is not None for trial in found):
            raise AllFailed(
                f"all {len(found)} candidates of generation {index} failed; the first: {found[0].error}"
            )
        trials = (replace(trial, repeat=r, params=c) for (r, c), trial in zip(asked, found, strict=True))
        return Generation(index, seed, tuple(trials))

    def _tell(self, lane: _Lane, trials: Sequence[Trial]) -> None:
        losses = self.bench.losses([trial.scores for trial in trials])
        costs = np.array([self.bench.cost(trial.params) for trial in trials])
        lane.optimizer.tell(lane.population, losses + costs[:, None] if costs.any() else losses)
        lane.used += len(trials)

    def _report(self, generation: Generation, replayed: bool) -> None:
        name, direction = self.bench.first_objective
        sign = 1.0 if direction == "minimize" else -1.0
        if self.bench.relative:
            self.best = None
        for trial in generation.trials:
            self.failed += trial.error is not None
            if trial.error is None and (
                self.best is None or sign * trial.scores[name] < sign * self.best.scores[name]
            ):
                self.best = trial
        self.on_generation(
            Status(
                generation=generation.generation + 1,
                evaluations=sum(lane.used for lane in self.lanes),
                budget=sum(lane.budget for lane in self.lanes),
                best=None if self.best is None else self.best.scores[name],
                l1_normalised=None if self.best is None else self.best.l1_normalised,
                failed=self.failed,
                replayed=replayed,
            )
        )


def _check_or_write_config(folder: Path, new: RunSettings) -> None:
    """A new folder gets the settings; an old one must hold the same, and gets nothing."""
    if not (folder / CONFIG).exists():
        strangers = sorted(
            path.name for path in folder.iterdir() if path.name != LOCK and not is_unfinished(path)
        )
        if strangers:
            raise RunFolderError(
                f"{folder}: is not empty ({strangers[0]}) and holds no run; choose another --out"
            )
        write_settings(folder, new)
        return
    there, now = read_settings(folder).as_dict(), new.as_dict()
    differing = [key for key in sorted(keys()) if there[key] != now[key]]
    if differing:
        shown = ", ".join(f"{key} = {there[key]!r} there, {now[key]!r} now" for key in differing)
        raise RunFolderError(f"{folder}: holds another run ({shown}); choose another --out")


def _check_bench(folder: Path, bench: Bench) -> None:
    """The settings name files and leave device and threads to the machine: any may be another one now.

    Half of the trials would then be of another picture or metric, or differ in their last digits.
    """
    then = read_provenance(folder)
    other = then.another_picture({scene.name: scene.sha256 for scene in bench.scenes})
    if other is not None:
        raise RunFolderError(
            f"{folder}: the scene {other!r} is not the picture that this run began with; choose another --out"
        )
    weights = then.weights or {}
    own = bench.weights(bench.objectives)
    _check_weights(folder, {name: weights.get(name, digest) for name, digest in own.items()}, own)
    if (folder / RECOMMENDED).exists():
        return  # nothing more is rendered, nor asked of second opinions
    now = bench.provenance()
    for key in ("device", "threads"):
        before, after = getattr(then, key), getattr(now, key)
        if before is not None and before != after:
            raise RunFolderError(
                f"{folder}: this run began with {key} {before}, now it is {after}, which would not give "
                f"the same bytes; go on with --{key} as before, or choose another --out"
            )
    if then.weights is not None:
        _check_weights(folder, then.weights, now.weights or {})
    changed = [] if then.versions is None else _differing(then.versions, now.versions or {})
    if changed:
        raise RunFolderError(
            f"{folder}: {', '.join(changed)} changed since this run began, which would not give the same bytes; "
            "go on with what it began with, or choose another --out"
        )


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))


def _check_weights(folder: Path, then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """The files that objectives were built from: weights, and what else they learned from."""
    changed = _differing(then, now)
    if changed:
        more = f" (and {len(changed) - 3} more)" if len(changed) > 3 else ""
        shown = ", ".join(
            f"{one_line(name)} was {(then.get(name) or 'not there')[:12]}, is {(now.get(name) or 'not there')[:12]}"
            for name in changed[:3]
        )
        raise RunFolderError(
            f"{folder}: this run began with other files: by sha256 {shown}{more}; go on with the old ones, "
            "or choose another --out"
        )
