"""The loop: ask, render, score, tell, append; and replay, which makes the log a checkpoint."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from isptune.errors import AllFailed, RunFolderError
from isptune.interfaces import TakesUp
from isptune.runs.answer import write_answer
from isptune.runs.files import CLOCK, RECOMMENDED, TABLE, TIMING, remove_damaged
from isptune.runs.log import Generation, LogWriter, RunLog, Trial, write_csv
from isptune.runs.times import append_times
from isptune.runs.timing import Timing, read_timing, write_timing
from isptune.system.claim import claimed
from isptune.system.disk import remove_unfinished
from isptune.system.temporary import remove_orphans
from isptune.tuning.bench import Bench
from isptune.tuning.clock import SearchClock
from isptune.tuning.handover import evaluations_of, hand_over
from isptune.tuning.lanes import Lane
from isptune.tuning.live_pictures import LivePictures
from isptune.tuning.opinions import mend_pictures
from isptune.tuning.parts import OnPart
from isptune.tuning.same_run import begin_or_check, take_budget
from isptune.tuning.status import OnGeneration, Status
from isptune.tuning.unfinished import Unfinished


def run(
    bench: Bench,
    folder: Path,
    on_generation: OnGeneration = lambda status: None,
    on_part: OnPart = lambda done, total: None,
    on_hand_over: OnPart = lambda done, total: None,
    extend: bool = False,
) -> Path:
    """Run the optimisation that `bench` describes in `folder`, or go on with it, to its end.

    Args:
        on_generation: told after each generation how far it is.
        on_part: told within a generation how many of its trials are done, of how many.
        on_hand_over: told after the search how many evaluations are done of those that the answer takes.
        extend: whether a run that is there goes on with the larger budget of this bench, also a finished one.

    Returns:
        The folder, with everything but the report in it.

    Raises:
        RunFolderError: the folder holds another run or one on other pictures, is in use, or damaged.
        DiskError: the disk is full.
        AllFailed: every candidate of a generation failed. Earlier generations are kept.
    """
    if not (folder / RECOMMENDED).exists():
        _ = bench.second_opinions  # a name that does not exist is refused before there is a folder
    with claimed(folder, RunFolderError, "run folder"):
        remove_unfinished(folder)
        remove_orphans()
        remove_damaged(folder, (RECOMMENDED, TIMING, CLOCK))
        log = RunLog(folder)
        extended = begin_or_check(folder, bench, extend)
        settings = bench.settings
        lanes = [Lane(bench.optimizer(repeat), settings.budget) for repeat in range(settings.repeats)]
        live = LivePictures(bench, folder)
        loop = _Loop(bench, lanes, SearchClock(folder, settings.budget_time), on_generation, on_part, live)
        unfinished = Unfinished(folder, bench.evaluator.run_parts, bench.evaluator.together)
        with log.open() as writer:
            generations = loop.replay(log.generations(), extended)
            if extended:
                take_budget(folder, settings)
                loop.clock.go_on()
            generations += loop.search(writer, len(generations), unfinished)
        write_csv(folder / TABLE, generations, bench.level_names)
        if loop.searched:  # before the hand-over, which may be cut off, too
            write_timing(folder, loop.timing)
        if not (folder / RECOMMENDED).exists():
            trials = [trial for generation in generations for trial in generation.trials]
            optimizers, began = [lane.optimizer for lane in lanes], time.perf_counter()
            answer = hand_over(bench, folder, optimizers, loop.stop_reasons, trials, on_hand_over)
            timing = read_timing(folder) or loop.timing
            write_timing(folder, replace(timing, hand_over_s=time.perf_counter() - began))
            write_answer(folder, answer)
        else:
            mend_pictures(bench, folder)
        live.remove()
    return folder


class _Loop:
    """The state of a run in progress: the lanes, the best so far, and the clock."""

    def __init__(
        self,
        bench: Bench,
        lanes: list[Lane],
        clock: SearchClock,
        on_generation: OnGeneration,
        on_part: OnPart,
        live: LivePictures,
    ):
        self.bench, self.lanes, self.clock, self.live = bench, lanes, clock, live
        self.on_generation, self.on_part = on_generation, on_part
        self.best: Trial | None = None
        self.failed = self.searched = 0
        self.total_s = self.render_s = self.score_s = 0.0

    @property
    def timing(self) -> Timing:
        """Of this session's search."""
        other_s = self.total_s - self.render_s - self.score_s
        return Timing(self.searched, self.total_s, self.render_s, self.score_s, other_s)

    @property
    def stop_reasons(self) -> list[str]:
        """Why each lane has stopped."""
        return [(self.clock.stopped if lane.active else None) or lane.stop_reason for lane in self.lanes]

    def replay(self, generations: Sequence[Generation], extended: bool = False) -> list[Generation]:
        """Feed logged generations to fresh optimizers. Raises RunFolderError if they ask for others."""
        for index, generation in enumerate(generations):
            # The last one is asked for in any case: so another version of the optimizer's package is noticed.
            asked = self._taking_up(generation) if index + 1 < len(generations) else self._asking()
            expected = [(repeat, candidate) for repeat, lane in asked for candidate in lane.population]
            logged = [(trial.repeat, trial.params) for trial in generation.trials]
            same_noise = (generation.generation, generation.seed) == (
                index,
                self.bench.seeds.of_generation(index),
            )
            if logged != expected or not same_noise:
                raise RunFolderError(
                    f"generation {generation.generation + 1} of the log is not what the optimizer asks for now: "
                    + (
                        f"{self.bench.optimizer_spec} plans by its whole budget, so that this run cannot be extended"
                        if extended
                        else "another version of isptune or of the optimizer's package wrote it"
                    )
                    + "; start a new run with --out"
                )
            for trial in generation.trials:
                self.bench.evaluator.learn(trial, self.bench.space.complete(trial.params))
            for repeat, lane in asked:
                self._tell(lane, [trial for trial in generation.trials if trial.repeat == repeat])
            self._report(generation, replayed=True)
        return list(generations)

    def search(self, writer: LogWriter, first: int, unfinished: Unfinished) -> list[Generation]:
        """Ask, evaluate, append, tell, until every lane has stopped."""
        start, evaluator = time.perf_counter(), self.bench.evaluator
        render_s, score_s = evaluator.render_s, evaluator.score_s
        done = []
        reserve_s = 0.0  # for the hand-over, at the pace of the last generation
        while any(lane.active for lane in self.lanes) and self.clock.allows_another(reserve_s):
            began = time.perf_counter()
            index = first + len(done)
            generation = self._evaluate(index, self.bench.seeds.of_generation(index), unfinished)
            writer.append(generation)
            unfinished.forget()
            append_times(writer.path.parent, index, evaluator.spans)
            for repeat, lane in enumerate(self.lanes):
                own = [trial for trial in generation.trials if trial.repeat == repeat]
                if own:
                    self._tell(lane, own)
            took_s = time.perf_counter() - began
            self.clock.add(took_s)
            reserve_s = evaluations_of(self.bench) * took_s / len(generation.trials)
            done.append(generation)
            self.searched += len(generation.trials)
            self._report(generation, replayed=False)
            self.live.update(self.best)
        self.total_s = time.perf_counter() - start
        self.render_s, self.score_s = evaluator.render_s - render_s, evaluator.score_s - score_s
        return done

    def _taking_up(self, generation: Generation) -> list[tuple[int, Lane]]:
        """The active lanes, with their populations of the log where they can take these up, and else asked."""
        active = [(repeat, lane) for repeat, lane in enumerate(self.lanes) if lane.active]
        for repeat, lane in active:
            logged = [trial.params for trial in generation.trials if trial.repeat == repeat]
            taken = isinstance(lane.optimizer, TakesUp) and bool(logged) and lane.optimizer.take_up(logged)
            lane.population = logged if taken else lane.optimizer.ask()
        return active

    def _asking(self) -> list[tuple[int, Lane]]:
        """The active lanes, each asked for its next population."""
        active = [(repeat, lane) for repeat, lane in enumerate(self.lanes) if lane.active]
        for _, lane in active:
            lane.population = lane.optimizer.ask()
        return active

    def _evaluate(self, index: int, seed: int, unfinished: Unfinished) -> Generation:
        asked = [(repeat, candidate) for repeat, lane in self._asking() for candidate in lane.population]
        complete = [self.bench.space.complete(candidate) for _, candidate in asked]
        found = self.bench.evaluator.evaluate(complete, seed, self.on_part, unfinished.run)
        if all(trial.error is not None for trial in found):
            raise AllFailed(
                f"all {len(found)} candidates of generation {index + 1} failed; the first: {found[0].error}"
            )
        trials = (replace(trial, repeat=r, params=c) for (r, c), trial in zip(asked, found, strict=True))
        return Generation(index, seed, tuple(trials))

    def _tell(self, lane: Lane, trials: Sequence[Trial]) -> None:
        losses = self.bench.rule.losses([trial.scores for trial in trials])
        costs = np.array([self.bench.rule.cost(trial.params) for trial in trials])
        lane.optimizer.tell(lane.population, losses + costs[:, None] if costs.any() else losses)
        lane.used += len(trials)

    def _report(self, generation: Generation, replayed: bool) -> None:
        name, direction = self.bench.first_objective
        sign = 1.0 if direction == "minimize" else -1.0
        if self.bench.relative:
            self.best = None
        for trial in generation.trials:
            self.failed += trial.error is not None
            if (
                trial.error is None
                and not self.bench.rule.penalty(trial.scores)
                and (self.best is None or sign * trial.scores[name] < sign * self.best.scores[name])
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
                trials=generation.trials,
                spans=() if replayed else tuple(self.bench.evaluator.spans),
            )
        )
