"""The loop: ask, render, score, tell, append; and replay, which makes the log a checkpoint."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from isptune.errors import AllFailed, RunFolderError, one_line
from isptune.interfaces import Optimizer
from isptune.runs.log import (
    CONFIG,
    PROVENANCE,
    RECOMMENDED,
    TIMING,
    Generation,
    LogWriter,
    RunLog,
    Trial,
    write_csv,
)
from isptune.space import Candidate
from isptune.system.claim import LOCK, claimed
from isptune.system.disk import is_unfinished
from isptune.tuning.bench import Bench
from isptune.tuning.clock import SearchClock
from isptune.tuning.evaluate import Evaluation
from isptune.tuning.handover import hand_over
from isptune.tuning.settings import RunSettings
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
        _check_or_write_config(log, bench.settings)
        log.write_json("bench.json", bench.description())
        if (folder / PROVENANCE).exists():
            _check_bench(log, bench)
        else:
            log.write_json(PROVENANCE, bench.provenance())
        lanes = [
            _Lane(bench.optimizer(repeat), bench.settings.budget) for repeat in range(bench.settings.repeats)
        ]
        loop = _Loop(bench, lanes, on_generation, SearchClock(log, bench.settings.budget_time))
        with log.open() as writer, keeping_outcomes(bench.evaluator, folder) as unfinished:
            generations = loop.replay(log.generations())
            generations += loop.search(writer, len(generations), unfinished)
        write_csv(folder / "trials.csv", generations, bench.level_names)
        if not (folder / RECOMMENDED).exists():
            trials = [trial for generation in generations for trial in generation.trials]
            hand_over(bench, log, [lane.optimizer for lane in lanes], loop.stop_reasons, trials)
        _write_timing(log, loop)
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
            same_noise = (generation.index, generation.seed) == (index, self.bench.noise_seed(index))
            if logged != expected or not same_noise:
                raise RunFolderError(
                    f"generation {generation.index} of the log is not what the optimizer asks for now: another "
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
        evaluations = self.bench.evaluator.evaluate(complete, seed)
        if all(evaluation.error is not None for evaluation in evaluations):
            raise AllFailed(
                f"all {len(evaluations)} candidates of generation {index} failed; the first: {evaluations[0].error}"
            )
        trials = tuple(_trial(r, c, e) for (r, c), e in zip(asked, evaluations, strict=True))
        return Generation(index, seed, trials)

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
                generation=generation.index + 1,
                evaluations=sum(lane.used for lane in self.lanes),
                budget=sum(lane.budget for lane in self.lanes),
                best=None if self.best is None else self.best.scores[name],
                l1_normalised=None if self.best is None else self.best.l1_normalised,
                failed=self.failed,
                replayed=replayed,
            )
        )


def _trial(repeat: int, candidate: Candidate, evaluation: Evaluation) -> Trial:
    fields = {f.name: getattr(evaluation, f.name) for f in dataclasses.fields(evaluation)}
    return Trial(repeat=repeat, params=candidate, **fields)


def _check_or_write_config(log: RunLog, settings: RunSettings) -> None:
    """A new folder gets the settings; an old one must hold the same, and gets nothing."""
    new = json.loads(json.dumps(settings.as_dict()))
    if not (log.folder / CONFIG).exists():
        strangers = sorted(
            path.name for path in log.folder.iterdir() if path.name != LOCK and not is_unfinished(path)
        )
        if strangers:
            raise RunFolderError(
                f"{log.folder}: is not empty ({strangers[0]}) and holds no run; choose another --out"
            )
        log.write_json(CONFIG, new)
        return
    old = log.read_json(CONFIG)
    # A run that an earlier version began lacks the settings that came later: they stood at their defaults.
    old = {**json.loads(json.dumps(RunSettings().as_dict())), **old}
    differing = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    if differing:
        shown = ", ".join(f"{key} = {old.get(key)!r} there, {new.get(key)!r} now" for key in differing)
        raise RunFolderError(f"{log.folder}: holds another run ({shown}); choose another --out")


def _check_bench(log: RunLog, bench: Bench) -> None:
    """The settings name files and leave device and threads to the machine: any may be another one now.

    Half of the trials would then be of another picture or metric, or differ in their last digits.
    """
    then = log.read_json(PROVENANCE)
    for scene in bench.scenes:
        if then.get("scenes", {}).get(scene.name, scene.sha256) != scene.sha256:
            raise RunFolderError(
                f"{log.folder}: the scene {scene.name!r} is not the picture that this run began with; "
                "choose another --out"
            )
    weights = then.get("weights", {})
    own = bench.weights(bench.objectives)
    _check_weights(log, {name: weights.get(name, digest) for name, digest in own.items()}, own)
    if (log.folder / RECOMMENDED).exists():
        return  # nothing more is rendered, nor asked of second opinions
    now = bench.provenance()
    for key, way_out in (("device", "--device"), ("threads", "--threads")):
        if then.get(key, now[key]) != now[key]:
            raise RunFolderError(
                f"{log.folder}: this run began with {key} {then[key]}, now it is {now[key]}, which would not give "
                f"the same bytes; go on with {way_out} as before, or choose another --out"
            )
    _check_weights(log, then.get("weights", now["weights"]), now["weights"])
    versions = then.get("versions", now["versions"])
    changed = sorted(
        name for name in {*versions, *now["versions"]} if versions.get(name) != now["versions"].get(name)
    )
    if changed:
        raise RunFolderError(
            f"{log.folder}: {', '.join(changed)} changed since this run began, which would not give the same bytes; "
            "go on with what it began with, or choose another --out"
        )


def _check_weights(log: RunLog, then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """The files that objectives were built from: weights, and what else they learned from."""
    changed = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    if changed:
        more = f" (and {len(changed) - 3} more)" if len(changed) > 3 else ""
        shown = ", ".join(
            f"{one_line(name)} was {(then.get(name) or 'not there')[:12]}, is {(now.get(name) or 'not there')[:12]}"
            for name in changed[:3]
        )
        raise RunFolderError(
            f"{log.folder}: this run began with other files: by sha256 {shown}{more}; go on with the old ones, "
            "or choose another --out"
        )


def _write_timing(log: RunLog, loop: _Loop) -> None:
    if not loop.searched:
        return
    log.write_json(
        TIMING,
        {
            "trials": loop.searched,
            "search_s": round(loop.total_s, 3),
            "render_s": round(loop.render_s, 3),
            "score_s": round(loop.score_s, 3),
            "other_s": round(loop.total_s - loop.render_s - loop.score_s, 3),
        },
    )
