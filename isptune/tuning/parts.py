"""What is evaluated at once, here or elsewhere, and how long that takes."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

from isptune.runs.unfinished import Outcome
from isptune.space import Candidate


@dataclass(frozen=True)
class Part:
    """What is rendered and scored as one batch: candidates of equal choices, one scene, one noise seed.

    `rivals` are what objectives that compare (by their facts) compare with, of any choices. `keep` says that the same
    pictures will be asked for again.
    """

    candidates: tuple[Candidate, ...]
    scene: int
    seed: int
    rivals: tuple[Candidate, ...] = ()
    keep: bool = False


RunParts = Callable[[Sequence[Part]], Iterable[tuple[int, Outcome]]]
"""Evaluates parts somewhere, and gives the number of each with its outcome as they come, in any order."""

OnPart = Callable[[float, int], None]
"""Told after each part how many trials are done, of how many; a trial of three scenes counts in thirds."""


@final
class Stopwatch:
    """Adds up the seconds of rendering and scoring."""

    def __init__(self):
        self.render_s = self.score_s = 0.0

    @contextmanager
    def rendering(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.render_s += time.perf_counter() - start

    @contextmanager
    def scoring(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.score_s += time.perf_counter() - start


@final
class Steps:
    """The progress of work in several stages, each of which tells its own.

    Args:
        total: of all stages, about; what they tell beyond that is told as nearly done.
        on_part: told of the whole.
    """

    def __init__(self, total: int, on_part: OnPart):
        self._total, self._on_part = total, on_part
        self._before = self._now = 0.0

    def stage(self) -> OnPart:
        """What the next stage tells its progress."""
        self._before += self._now
        self._now = 0.0

        def told(done: float, total: int) -> None:
            self._now = done
            self._on_part(min(self._before + done, self._total), self._total)

        return told

    def all_done(self) -> None:
        """There is nothing more to be done."""
        self._on_part(self._total, self._total)
