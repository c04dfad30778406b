"""A self-adaptive evolution strategy: (mu/mu_I, lambda) with one step size for each parameter.

Beyer and Schwefel (2002), "Evolution strategies: a comprehensive introduction", Natural Computing 1, 3-52,
doi:10.1023/A:1015059928466; the optimizer of the tuning experiments that isptune reproduces. In the paper's words and
symbols, for an individual a = (y, s) with object parameters y and strategy parameters s = (sigma_1, ..., sigma_N):

    (1)  <s> = 1/mu * sum of s over the parents                       intermediate recombination, strategy
    (2)  <y> = 1/mu * sum of y over the parents                       intermediate recombination, object
    (3)  sigma~_i = <sigma_i> * exp(tau0 * N_0(0, 1)) * exp(tau * N_i(0, 1))       extended log-normal rule
    (4)  tau0 = 1 / sqrt(2 N),    tau = 1 / sqrt(2 sqrt(N))                           its learning rates
    (5)  y~_i = <y_i> + sigma~_i * N_i(0, 1)                              mutation by individual step sizes
    (6)  the mu best of the lambda offspring become the parents; the old ones die       comma selection

The numbers are this page's. Strategy parameters are mutated before the object parameters that they produce, so
that selection judges a step size by what it has done. The paper leaves open, and we choose: mu = lambda / 4,
the first step size, the handling of bounds (reflection), of integers (rounding) and of choices.
"""

import math

import numpy as np
from jaxtyping import Float64, Int64

from isptune.optimizers.refusals import refuse_argument, refuse_several, refuse_sizes
from isptune.optimizers.restarts import Restarted
from isptune.space import Candidate, Integer, Space

START_SIGMA = 0.15  # of a parameter's range
LARGEST_SIGMA = 1.0  # beyond, reflection makes a mutation uniform, and the step size would drift
LEAST_STEP = 0.3  # of an integer's step: sigma's floor, at which about one mutation in ten changes the value
CONVERGED_SIGMA = 1e-6  # of every real parameter's range
SELECTION = 4  # lambda / mu: near the best truncation ratio of intermediate recombination, about 0.27


class SelfAdaptation:
    """One descent of the (mu/mu_I, lambda) evolution strategy, on the unit cube.

    Integers are rounded when they are decoded, and their step size has a floor, so that they never freeze.
    An offspring takes each choice from a random parent (dominant recombination) and then, with probability
    1 / (number of parameters), from all the options.
    """

    def __init__(self, space: Space, start: Candidate, offspring: int, seed: int):
        self._space, self._lambda, self._mu = space, offspring, max(1, offspring // SELECTION)
        self._random = np.random.default_rng(seed)
        N = max(1, len(space.numeric))
        self._tau0, self._tau = 1 / math.sqrt(2 * N), 1 / math.sqrt(2 * math.sqrt(N))  # (4)
        self._floor = np.array([LEAST_STEP * _step(space, i) for i in range(len(space.numeric))])
        self._rate = 1 / max(1, len(space))
        self._options = np.array([len(choice.options) for choice in space.choices], dtype=np.int64)
        y = space.to_unit(start)
        chosen = np.array([c.options.index(str(start[c.name])) for c in space.choices], dtype=np.int64)
        self._parents_y, self._parents_s = y[None], np.full((1, len(y)), START_SIGMA)
        self._parents_choice = chosen[None]

    def sample(self) -> list[Candidate]:
        """The lambda offspring of the present parents."""
        shape = self._lambda, len(self._space.numeric)
        s = self._parents_s.mean(axis=0)  # (1)
        y = self._parents_y.mean(axis=0)  # (2)
        common = np.exp(self._tau0 * self._random.standard_normal((self._lambda, 1)))
        single = np.exp(self._tau * self._random.standard_normal(shape))
        self._s = np.clip(s * common * single, self._floor, LARGEST_SIGMA)  # (3)
        self._y = _reflect(y + self._s * self._random.standard_normal(shape))  # (5)
        self._choice = self._mutate_choices()
        return [self._decode(*pair) for pair in zip(self._y, self._choice, strict=True)]

    def update(self, losses: Float64[np.ndarray, " candidates"]) -> None:
        """Select the next parents."""
        best = np.argsort(losses, kind="stable")[: self._mu]  # (6)
        self._parents_y, self._parents_s = self._y[best], self._s[best]
        self._parents_choice = self._choice[best]

    def centre(self) -> Candidate:
        """The parents' centroid, and for each choice the option that most of them have."""
        votes = [np.bincount(column).argmax() for column in self._parents_choice.T]
        return self._decode(self._parents_y.mean(axis=0), np.array(votes, dtype=np.int64))

    def stopped(self) -> str | None:
        """Whether the step sizes of all reals have become too small to matter."""
        reals = self._parents_s.mean(axis=0)[self._floor == 0]
        return "step sizes" if len(reals) and reals.max() < CONVERGED_SIGMA else None

    def _mutate_choices(self) -> Int64[np.ndarray, "offspring choices"]:
        shape = self._lambda, len(self._options)
        parent = self._random.integers(len(self._parents_choice), size=shape)
        inherited = np.take_along_axis(self._parents_choice, parent, axis=0)
        drawn = self._random.integers(self._options, size=shape)
        return np.where(self._random.random(shape) < self._rate, drawn, inherited)

    def _decode(self, y: np.ndarray, choice: np.ndarray) -> Candidate:
        options = {c.name: c.options[int(i)] for c, i in zip(self._space.choices, choice, strict=True)}
        return self._space.check({**self._space.from_unit(y), **options})


def build(
    argument: str | None, space: Space, *, population: int, seed: int, budget: int, objectives: int = 1
) -> Restarted:
    """Build the evolution strategy, with restarts, for any space.

    Raises:
        ConfigError: an argument, or several objectives.
    """
    refuse_argument("es", argument)
    refuse_several("es", objectives)
    refuse_sizes(space, population, budget)

    def begin(start: Candidate, size: int, seed: int) -> SelfAdaptation:
        return SelfAdaptation(space, start, size, seed)

    return Restarted(space, begin, population, seed, budget)


def _step(space: Space, index: int) -> float:
    """The distance on [0, 1] between neighbours of an integer parameter, on average; 0 for a real."""
    param = space.numeric[index]
    return 1 / (param.high - param.low) if isinstance(param, Integer) else 0.0


def _reflect(y: np.ndarray) -> np.ndarray:
    """Fold the real line into [0, 1] like a mirror at each end."""
    folded = np.mod(y, 2.0)
    return np.where(folded > 1.0, 2.0 - folded, folded)
