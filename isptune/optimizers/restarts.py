"""Restarts with a growing population, for every optimizer that converges to one place.

Auger and Hansen (2005), "A restart CMA evolution strategy with increasing population size",
doi:10.1109/CEC.2005.1554902: when a descent has stalled and budget is left, begin again elsewhere with twice the
population.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Float64

from isptune.arrays import Losses
from isptune.optimizers.losses import check_told, failed, rankable
from isptune.space import Candidate, Space

FEWEST_ITERATIONS = 10  # a descent that cannot have this many is not begun; our choice
SMALLEST_ITERATION = 6  # points; with fewer, ranking says too little to adapt from; pycma's own least advised


class Descent(Protocol):
    """One search from one start: a distribution that moves downhill and shrinks."""

    def sample(self) -> list[Candidate]:
        """The points of one iteration, always the same number of them."""
        ...

    def update(self, losses: Float64[np.ndarray, " candidates"]) -> None:
        """The finite losses of the points last sampled, in their order."""
        ...

    def centre(self) -> Candidate:
        """The middle of the distribution: the estimate of the best candidate."""
        ...

    def stopped(self) -> str | None:
        """Why it has nothing more to find; None while it moves."""
        ...


Begin = Callable[[Candidate, int, int], Descent]
"""Makes a descent from its start, the size of its iterations and a seed."""


class Restarted:
    """An Optimizer made of descents: the first from the defaults, each later one from a random place.

    `ask()` always gives `population` candidates. An iteration of a descent may need several asks: after each
    restart it has twice as many points (IPOP), and a population below 6 is gathered until there are enough.

    Recommended is the centre of the best descent, not the best candidate seen: a centre averages over many
    evaluations, whereas under noise the best score seen is luck. A descent is judged by the median loss of its
    last iterations, of which the centre is at least as good as most, whatever the noise.

    Args:
        space: what is tuned.
        begin: makes one descent.
        population: candidates per ask.
        seed: of all random numbers.
        budget: evaluations that there will be; decides whether a restart is worth it.
    """

    def __init__(self, space: Space, begin: Begin, population: int, seed: int, budget: int):
        self.stop_reason: str | None = None
        self._space, self._begin, self._population = space, begin, population
        self._random = np.random.default_rng(seed)
        self._left = budget
        self._asked: list[Candidate] | None = None
        self._finished: tuple[float, Candidate] | None = None
        self._start(space.default, -(-SMALLEST_ITERATION // population) * population)

    def ask(self) -> list[Candidate]:
        """The next `population` points of the iteration under way."""
        told = sum(len(rows) for rows in self._told)
        self._asked = [dict(point) for point in self._points[told : told + self._population]]
        return [dict(candidate) for candidate in self._asked]

    def tell(self, population: list[Candidate], losses: Losses) -> None:
        """Note the losses; when the iteration is complete, move the distribution, and restart if it stalled.

        Raises ConfigError if this is not the population last asked for.
        """
        check_told(self._asked, population, losses)
        self._asked = None
        self._left -= len(population)
        self._told.append(losses)
        if sum(len(rows) for rows in self._told) == len(self._points):
            self._finish_iteration(np.concatenate(self._told))

    def recommend(self) -> Candidate:
        """The centre of the descent with the lowest recent median loss."""
        if self._finished and self._finished[0] <= self._estimate():
            return dict(self._finished[1])
        return self._descent.centre()

    def _finish_iteration(self, losses: Losses) -> None:
        if not failed(losses).all() and self.stop_reason is None:  # nothing is learned where all failed
            values = rankable(losses)
            self._medians.append(float(np.median(values)))
            self._descent.update(values)
            reason = self._descent.stopped()
            if reason:
                self._restart(reason)
        self._next_iteration()

    def _restart(self, reason: str) -> None:
        for size in (2 * len(self._points), len(self._points)):
            if self._left >= FEWEST_ITERATIONS * size:
                best = min(self._estimate(), self._finished[0] if self._finished else np.inf)
                self._finished = best, self.recommend()
                self._start(random_candidate(self._space, self._random), size)
                return
        self.stop_reason = f"converged ({reason}), and {self._left} evaluations are too few to start again"

    def _start(self, at: Candidate, size: int) -> None:
        self._descent = self._begin(at, size, int(self._random.integers(1, 2**31 - 1)))
        self._medians: deque[float] = deque(maxlen=3)
        self._next_iteration()

    def _next_iteration(self) -> None:
        self._points = self._descent.sample()
        self._told: list[np.ndarray] = []

    def _estimate(self) -> float:
        return float(np.mean(self._medians)) if self._medians else np.inf


def random_candidate(space: Space, generator: np.random.Generator) -> Candidate:
    """Every parameter uniform over its range (a logarithmic one over its logarithm) or its options."""
    numbers = space.from_unit(generator.random(len(space.numeric)))
    options = {c.name: c.options[int(generator.integers(len(c.options)))] for c in space.choices}
    return space.check({**numbers, **options})
