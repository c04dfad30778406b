"""Uniform random search: the baseline that any optimizer must beat."""

import numpy as np

from isptune.arrays import Losses
from isptune.optimizers.losses import BestSeen, check_told
from isptune.optimizers.refusals import refuse_argument, refuse_several, refuse_sizes
from isptune.optimizers.restarts import random_candidate
from isptune.space import Candidate, Space


class RandomSearch:
    """Draws every candidate uniformly, logarithmic parameters by their logarithm; the first is the default.

    It has no estimate of its own, so it recommends the best candidate seen: under noise, the luckiest.
    """

    def __init__(self, space: Space, population: int, seed: int):
        self.stop_reason: str | None = None
        self._space, self._population = space, population
        self._random = np.random.default_rng(seed)
        self._asked: list[Candidate] | None = None
        self._best: BestSeen | None = None

    def ask(self) -> list[Candidate]:
        """The next population."""
        first = [self._space.default] if self._best is None else []
        drawn = [random_candidate(self._space, self._random) for _ in range(self._population - len(first))]
        self._asked = first + drawn
        return [dict(candidate) for candidate in self._asked]

    def tell(self, population: list[Candidate], losses: Losses) -> None:
        """Note the best. Raises ConfigError if this is not the population last asked for."""
        check_told(self._asked, population, losses)
        self._asked = None
        self._best = self._best or BestSeen(self._space.default)
        self._best.see(population, losses)

    def recommend(self) -> Candidate:
        """The best candidate seen; the default before there is one."""
        return dict(self._best.candidate) if self._best else self._space.default


def build(
    argument: str | None, space: Space, *, population: int, seed: int, budget: int, objectives: int = 1
) -> RandomSearch:
    """Build random search for any space. Raises ConfigError for an argument or several objectives."""
    refuse_argument("random", argument)
    refuse_several("random", objectives)
    refuse_sizes(space, population, budget)
    return RandomSearch(space, population, seed)
