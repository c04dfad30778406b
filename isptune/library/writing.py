"""Writers that are told of a run: plug-ins of one callback, `isptune.interfaces.RunWriter`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from isptune.errors import in_words, without_passwords
from isptune.facts import Direction
from isptune.interfaces import RunWriter, WrittenRun, WrittenTrial
from isptune.registry import build
from isptune.runs.answer import read_answer
from isptune.runs.files import IMAGES
from isptune.runs.times import read_times
from isptune.runs.written import written_end, written_trials
from isptune.tuning.bench import Bench
from isptune.tuning.status import Status

AGAIN_AFTER_S = 30.0
"""A writer that failed is left alone for so long: one whose server is away may take seconds to say so."""


@dataclass
class _Told:
    """What a writer knows, and what it missed while it failed."""

    writer: RunWriter
    begun: bool = False
    missed: list[WrittenTrial] = field(default_factory=list)
    failed_at: float | None = None


def written_run(folder: Path, bench: Bench) -> WrittenRun:
    """A bench's run as writers get it."""
    directions: dict[str, Direction] = {name: one.facts.direction for name, one in bench.objectives.items()}
    return WrittenRun(folder.resolve().name, bench.settings.as_dict(), tuple(bench.space), directions)


@final
class Writing:
    """Tells writers of a run; one that fails is told of once, and gets what it missed when it works again.

    Args:
        folder: of the run.
        run: the run.
        levels: names of the distortion levels; none where they are not known.
        specs: of the writers, such as `tensorboard:runs/tb`.
        say: told of failures.
        clock: seconds, for tests.

    Raises:
        ConfigError, MissingExtra: a writer does not exist, or cannot be built.
    """

    def __init__(
        self,
        folder: Path,
        run: WrittenRun,
        levels: Sequence[str],
        specs: Sequence[str],
        say: Callable[[str], Any],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._folder, self._run, self._levels, self._say, self._clock = folder, run, levels, say, clock
        self._told = {spec: _Told(build("writer", spec)) for spec in specs}
        self._count = 0

    def begin(self) -> None:
        """Before the first generation."""
        self._each(lambda writer: None)

    def update(self, status: Status) -> None:
        """After each generation, also one of an earlier session."""
        if not self._told:
            return
        number = status.generation - 1
        spans = read_times(self._folder).get(number, ()) if status.replayed else status.spans
        new = written_trials(self._count, number, status.trials, spans, self._levels)
        self._count += len(new)
        for told in self._told.values():
            told.missed += new
        self._each(lambda writer: None)

    def end(self) -> None:
        """When the run is over."""
        if not self._told:
            return
        end = written_end(read_answer(self._folder), sorted((self._folder / IMAGES).glob("*.png")))
        for told in self._told.values():
            told.failed_at = None  # there is no later time
        self._each(lambda writer: writer.end(end))
        for spec, told in self._told.items():
            if told.failed_at is not None:
                text = f"warning: {spec} lacks {len(told.missed)} of {self._count} trials, and the end"
                self._say(without_passwords(text))

    def _each(self, tell: Callable[[RunWriter], Any]) -> None:
        """Bring writers up to date, then tell them."""
        for spec, told in self._told.items():
            if told.failed_at is not None and self._clock() - told.failed_at < AGAIN_AFTER_S:
                continue
            try:
                if not told.begun:
                    told.writer.begin(self._run)
                    told.begun = True
                if told.missed:
                    told.writer.trials(tuple(told.missed))
                    told.missed.clear()
                tell(told.writer)
            except Exception as error:  # a plug-in may raise anything; the run is worth more than its copy
                if told.failed_at is None:
                    text = f"warning: {spec} does not write, and is tried again later: {in_words(error)}"
                    self._say(without_passwords(text))
                told.failed_at = self._clock()
            else:
                told.failed_at = None
