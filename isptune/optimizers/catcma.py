"""CatCMA with margin: for spaces with choices; learns a probability for every option.

Hamano, Saito, Nomura, Uchida and Shirakawa (2025), "CatCMA with margin: stochastic optimization for continuous,
integer, and categorical variables", arXiv:2504.07884; the implementation is the cmaes package's.
"""

import warnings

import numpy as np
from cmaes import CatCMAwM
from jaxtyping import Float64

from isptune.optimizers.refusals import refuse_argument, refuse_several, refuse_sizes
from isptune.optimizers.restarts import Restarted
from isptune.space import Candidate, Integer, Space, unit_of

START_SPREAD = 0.2  # of a parameter's range, as standard deviation, as for `cma`
MANY_VALUES = 256  # an integer with more values than this is searched like a real and rounded
FLAT_ITERATIONS = 3  # with all losses equal, after which there is nothing to follow
CONVERGED_SPREAD = 1e-6  # of every real parameter's range


class MixedCovarianceMatrixAdaptation:
    """One descent of CatCMA with margin: reals and integers on [0, 1], choices by their options.

    The start's options begin with the same probability as any other. A choice with one option is left out.
    """

    def __init__(self, space: Space, start: Candidate, size: int, seed: int):
        self._space = space
        self._choices = [choice for choice in space.choices if len(choice.options) > 1]
        self._fixed = {c.name: c.options[0] for c in space.choices if len(c.options) == 1}
        self._discrete = np.array([_steps(param) is not None for param in space.numeric], dtype=bool)
        steps = [grid for param in space.numeric if (grid := _steps(param)) is not None]
        reals, integers = int((~self._discrete).sum()), len(steps)
        self._reals, self._flat, self._size = reals, 0, size
        unit = space.to_unit(start)
        mean = np.concatenate([unit[~self._discrete], unit[self._discrete]])
        self._strategy = CatCMAwM(
            x_space=[[0.0, 1.0]] * reals or None,
            z_space=steps or None,
            c_space=[len(choice.options) for choice in self._choices] or None,
            population_size=size,
            mean=mean if len(mean) else None,
            sigma=1.0,
            # Given, because by itself CatCMAwM takes a sixth of the way to the nearest bound: nothing, on one.
            cov=START_SPREAD**2 * np.eye(reals + integers) if len(mean) else None,
            seed=seed,
        )
        self._centre = {**self._fixed, **space.default, **start}

    def sample(self) -> list[Candidate]:
        """The points of one iteration."""
        with _quietly():
            self._points = [self._strategy.ask() for _ in range(self._size)]
        return [self._decode(p.x, p.z, p.c) for p in self._points]

    def update(self, losses: Float64[np.ndarray, " candidates"]) -> None:
        """Move the distribution; equal losses say nothing, and would give it an undefined penalty."""
        if np.ptp(losses) == 0:
            self._flat += 1
            return
        self._flat = 0
        with _quietly():
            self._strategy.tell(list(zip(self._points, losses.tolist(), strict=True)))
        if self._degenerate() is None:
            self._centre = self._middle()

    def centre(self) -> Candidate:
        """The mean of the numbers and the likeliest option of each choice."""
        return dict(self._centre)

    def stopped(self) -> str | None:
        """The criteria of CMA-ES, for the numbers; flat losses; numbers that are no longer finite."""
        if self._flat >= FLAT_ITERATIONS:
            return "flat losses"
        if reason := self._degenerate():
            return reason
        if len(self._discrete) == 0:
            return None
        variances = np.diag(self._strategy._C)[: self._reals]
        if self._reals and self._strategy._sigma * np.sqrt(variances.max()) < CONVERGED_SPREAD:
            return "spread"
        with _quietly():
            return "tolerance" if self._strategy.should_stop() else None

    # cmaes gives no public way to the distribution's mean and probabilities: `_mean`, `_C`, `_sigma`, `_q`.

    def _degenerate(self) -> str | None:
        arrays = [self._strategy._mean, self._strategy._C] if len(self._discrete) else []
        arrays += [self._strategy._q] if self._choices else []
        return None if all(np.isfinite(array).all() for array in arrays) else "numerically degenerate"

    def _middle(self) -> Candidate:
        x = z = options = None
        if len(self._discrete):
            mean = self._strategy._mean
            x, z = mean[: self._reals], mean[self._reals :]
            z = self._strategy._discretization(z) if len(z) else z
        if self._choices:
            options = np.eye(self._strategy._q.shape[1], dtype=bool)[self._strategy._q.argmax(axis=1)]
        return self._decode(x, z, options)

    def _decode(self, x: np.ndarray | None, z: np.ndarray | None, options: np.ndarray | None) -> Candidate:
        unit = np.zeros(len(self._discrete))
        if x is not None:
            unit[~self._discrete] = x
        if z is not None:
            unit[self._discrete] = z
        chosen = dict(self._fixed)
        for row, choice in enumerate(self._choices):
            chosen[choice.name] = choice.options[int(np.argmax(options[row]))] if options is not None else ""
        return self._space.check({**self._space.from_unit(unit), **chosen})


def build(
    argument: str | None, space: Space, *, population: int, seed: int, budget: int, objectives: int = 1
) -> Restarted:
    """Build CatCMA with margin, with restarts, for any space.

    Raises:
        ConfigError: an argument, or several objectives.
    """
    refuse_argument("catcma", argument)
    refuse_several("catcma", objectives)
    refuse_sizes(space, population, budget)

    def begin(start: Candidate, size: int, seed: int) -> MixedCovarianceMatrixAdaptation:
        return MixedCovarianceMatrixAdaptation(space, start, size, seed)

    return Restarted(space, begin, population, seed, budget)


def _steps(param: object) -> list[float] | None:
    """An integer's values on [0, 1]; None for a real and for an integer with too many values to list."""
    if not isinstance(param, Integer) or param.high - param.low >= MANY_VALUES:
        return None
    return [unit_of(param, value) for value in range(param.low, param.high + 1)]


def _quietly() -> warnings.catch_warnings:
    return warnings.catch_warnings(action="ignore")
