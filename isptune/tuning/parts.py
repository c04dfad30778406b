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

    `rivals` are what objectives that compare (by their facts) compare with, of any choices.
    """

    candidates: tuple[Candidate, ...]
    scene: int
    seed: int
    rivals: tuple[Candidate, ...] = ()


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
