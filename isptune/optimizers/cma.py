"""CMA-ES by pycma, with restarts: the optimizer for reals and integers, and the default.

Hansen and Ostermeier (2001), "Completely derandomized self-adaptation in evolution strategies",
doi:10.1162/106365601750190398; active update of Jastrebski and Arnold (2006), doi:10.1109/CEC.2006.1688662; integers by
centering, Marty, Semet, Auger, Heron and Hansen (2023), "Benchmarking CMA-ES with basic integer handling on a
mixed-integer test problem suite".
"""

import warnings

import numpy as np
from jaxtyping import Float64

from isptune.optimizers.isolation import PrivateRandomness
from isptune.optimizers.refusals import refuse_argument, refuse_choices, refuse_several, refuse_sizes
from isptune.optimizers.restarts import Restarted
from isptune.space import Candidate, Integer, Numeric, Real, Space

with warnings.catch_warnings():  # pycma warns on import where matplotlib is missing
    warnings.simplefilter("ignore")
    import cma

START_SPREAD = 0.2  # of a parameter's range, as standard deviation; see benchmarks/README.md
CONVERGED_SPREAD = 1e-6  # of every real parameter's range: far below what any picture shows
IDLE = Real("idle", 0.0, 1.0, 0.5)  # a parameter that changes nothing
MANY_VALUES = 100  # a logarithmic integer with more values than this is searched by its logarithm


class CovarianceMatrixAdaptation:
    """One descent of pycma.

    Reals are searched on [0, 1], by their logarithm where so declared. Integers keep their own unit, because
    pycma's integer handling counts in steps of one; a wide logarithmic one is searched like a real and rounded.
    pycma 4.5 fails on a single parameter with bounds: it is given an idle second one.
    """

    def __init__(self, space: Space, start: Candidate, size: int, seed: int):
        self._space = space
        self._axes = space.numeric if len(space.numeric) > 1 else (*space.numeric, IDLE)
        self._whole = [index for index, param in enumerate(space.numeric) if _counts(param)]
        self._randomness = PrivateRandomness(seed)
        low, high = self._bounds()
        with self._randomness.lent():
            self._strategy = cma.CMAEvolutionStrategy(
                self._encode(start),
                1.0,  # sigma; CMA_stds holds the spread of each parameter
                {
                    "popsize": size,
                    "bounds": [list(low), list(high)],
                    "CMA_stds": list(START_SPREAD * np.array([_width(p) for p in self._axes])),
                    "integer_variables": self._whole,
                    "CMA_active": True,
                    "seed": np.nan,  # leave the generator that is lent to it as it is
                    "verbose": -9,
                    "verb_log": 0,
                    "signals_filename": None,
                },
            )
        self._centre = self._decode(self._encode(start))

    def sample(self) -> list[Candidate]:
        """The points of one iteration."""
        with self._randomness.lent():
            self._points = self._strategy.ask()
        return [self._decode(point) for point in self._points]

    def update(self, losses: Float64[np.ndarray, " candidates"]) -> None:
        """Move and reshape the distribution."""
        with self._randomness.lent():
            self._strategy.tell(self._points, losses.tolist())
        self._centre = self._decode(np.asarray(self._strategy.result.xfavorite))

    def centre(self) -> Candidate:
        """The distribution's mean."""
        return dict(self._centre)

    def stopped(self) -> str | None:
        """pycma's own reasons, and a spread of all reals that no picture shows.

        pycma's test of the spread (tolx) never holds where there are integers, whose spread has a floor.
        """
        with self._randomness.lent():
            reasons = sorted(self._strategy.stop() or ())
        searched = np.asarray(self._strategy.stds)[: len(self._space.numeric)]
        spread = np.delete(searched, self._whole)
        if len(spread) and spread.max() < CONVERGED_SPREAD:
            return "spread"
        return reasons[0] if reasons else None

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        # Half a step beyond an integer's ends, so that they are as easy to reach as any other value.
        low = [param.low - 0.5 if _counts(param) else 0.0 for param in self._axes]
        high = [param.high + 0.5 if _counts(param) else 1.0 for param in self._axes]
        return np.array(low), np.array(high)

    def _encode(self, candidate: Candidate) -> np.ndarray:
        point = np.full(len(self._axes), IDLE.default)
        point[: len(self._space.numeric)] = self._space.to_unit(candidate)
        for index in self._whole:
            point[index] = float(candidate[self._space.numeric[index].name])
        return point

    def _decode(self, point: np.ndarray) -> Candidate:
        params = self._space.numeric
        unit = [0.0 if _counts(param) else x for param, x in zip(params, point[: len(params)], strict=True)]
        candidate = self._space.from_unit(unit)
        for index in self._whole:
            param = params[index]
            candidate[param.name] = int(min(max(round(float(point[index])), param.low), param.high))
        return candidate


def build(
    argument: str | None, space: Space, *, population: int, seed: int, budget: int, objectives: int = 1
) -> Restarted:
    """Build CMA-ES with restarts for a space without choices.

    Raises:
        ConfigError: an argument, choices, or several objectives.
    """
    refuse_argument("cma", argument)
    refuse_several("cma", objectives)
    refuse_choices("cma", space)
    refuse_sizes(space, population, budget)

    def begin(start: Candidate, size: int, seed: int) -> CovarianceMatrixAdaptation:
        return CovarianceMatrixAdaptation(space, start, size, seed)

    return Restarted(space, begin, population, seed, budget)


def _counts(param: Numeric) -> bool:
    return isinstance(param, Integer) and not (param.log and param.high - param.low >= MANY_VALUES)


def _width(param: Numeric) -> float:
    return float(param.high - param.low) if _counts(param) else 1.0
