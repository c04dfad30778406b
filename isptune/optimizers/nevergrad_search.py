"""Any optimizer of nevergrad by its name: `nevergrad:NAME`.

Rapin and Teytaud (2018), "Nevergrad: a gradient-free optimization platform". There are over 500 names; without
one, `nevergrad` means the one that did best of those in `benchmarks/optimizers.py`. Some are slow: `BO` needs
minutes of its own for a budget of 200.
"""

import difflib
import importlib.metadata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from isptune.arrays import Losses
from isptune.errors import ConfigError, MissingExtra
from isptune.optimizers.isolation import PrivateRandomness
from isptune.optimizers.losses import check_told, failed, rankable
from isptune.optimizers.refusals import refuse_several, refuse_sizes
from isptune.space import Candidate, Integer, Real, Space

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import nevergrad
    from nevergrad.optimization import metamodel

DEFAULT = "TBPSA"  # see benchmarks/README.md


class NevergradSearch:
    """One of nevergrad's optimizers, asked for whole populations.

    Reals are searched on [0, 1] (by their logarithm where so declared), integers in their own unit, choices by
    nevergrad's own `Choice`. Recommended is what nevergrad recommends: for most of its optimizers the best
    candidate seen (under noise, the luckiest), for a few (TBPSA, NaiveTBPSA's kin) an average.

    Raises, from `ask` and `tell` too:
        ConfigError: this optimizer of nevergrad fails, or cannot work on a population.
        MissingExtra: it needs a package that is not installed.
    """

    def __init__(self, space: Space, name: str, population: int, seed: int, budget: int):
        self.stop_reason: str | None = None
        self._space, self._name, self._population = space, name, population
        self._randomness = PrivateRandomness(seed)
        self._asked: list[Candidate] | None = None
        self._points: list[Any] = []
        self._worst = -np.inf
        self._optimizer = self._call(lambda: self._make(seed, budget))

    def ask(self) -> list[Candidate]:
        """The next population."""
        self._points = self._call(lambda: [self._optimizer.ask() for _ in range(self._population)])
        self._asked = [self._decode(point.value) for point in self._points]
        return [dict(candidate) for candidate in self._asked]

    def tell(self, population: list[Candidate], losses: Losses) -> None:
        """Pass the losses on; failed trials as worse than anything seen."""
        check_told(self._asked, population, losses)
        self._asked = None
        lost, values = failed(losses), rankable(losses)
        if not lost.all():
            self._worst = max(self._worst, float(values[~lost].max()))
        if not np.isfinite(self._worst):
            return  # nothing has succeeded yet: there is no scale on which to say how bad a failure is
        values = np.where(lost, np.maximum(values, self._worst), values)
        self._call(
            lambda: [self._optimizer.tell(*pair) for pair in zip(self._points, values.tolist(), strict=True)]
        )

    def recommend(self) -> Candidate:
        """nevergrad's recommendation; the default before it has been told anything."""
        if not np.isfinite(self._worst):
            return self._space.default
        return self._decode(self._call(self._optimizer.recommend).value)

    def _make(self, seed: int, budget: int) -> Any:
        parametrization = _parametrization(self._space)
        parametrization.random_state = np.random.RandomState(seed)
        make = nevergrad.optimizers.registry[self._name]
        return make(parametrization, budget=budget, num_workers=self._population)

    def _decode(self, value: dict[str, Any]) -> Candidate:
        reals, integers = iter(value.get("reals", ())), iter(value.get("integers", ()))
        unit = [float(next(reals)) if isinstance(p, Real) else 0.0 for p in self._space.numeric]
        whole = {p.name: int(next(integers)) for p in self._space.numeric if isinstance(p, Integer)}
        chosen = {choice.name: value[choice.name] for choice in self._space.choices}
        return self._space.check({**self._space.from_unit(unit), **whole, **chosen})

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            with self._randomness.lent(), _scalar_predictions():
                return action()
        except ImportError as error:
            raise MissingExtra(f"nevergrad:{self._name} needs a package: {error}") from error
        except Exception as error:  # 540 optimizers fail in as many ways
            versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("nevergrad", "numpy"))
            raise ConfigError(f"nevergrad:{self._name} does not work here ({versions}): {error}") from error


def build(
    argument: str | None, space: Space, *, population: int, seed: int, budget: int, objectives: int = 1
) -> NevergradSearch:
    """Build nevergrad's optimizer of that name.

    Raises:
        ConfigError: no such name, several objectives, or an optimizer that cannot work on a population.
        MissingExtra: it needs a package that is not installed.
    """
    name = argument or DEFAULT
    refuse_several(f"nevergrad:{name}", objectives)
    refuse_sizes(space, population, budget)
    known = list(nevergrad.optimizers.registry)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=5, cutoff=0.3)
        raise ConfigError(
            f"nevergrad has no optimizer {name!r}; the nearest of its {len(known)} names: {', '.join(near) or 'none'}"
        )
    return NevergradSearch(space, name, population, seed, budget)


def _parametrization(space: Space) -> Any:
    parts: dict[str, Any] = {}
    reals = [
        u for p, u in zip(space.numeric, space.to_unit(space.default), strict=True) if isinstance(p, Real)
    ]
    if reals:
        parts["reals"] = nevergrad.p.Array(init=np.array(reals), lower=0.0, upper=1.0)
    whole = [param for param in space.numeric if isinstance(param, Integer)]
    if whole:
        numbers = nevergrad.p.Array(
            init=np.array([float(param.default) for param in whole]),
            lower=np.array([float(param.low) for param in whole]),
            upper=np.array([float(param.high) for param in whole]),
        )
        parts["integers"] = numbers.set_integer_casting()
    for choice in space.choices:
        parts[choice.name] = nevergrad.p.Choice(list(choice.options))
    return nevergrad.p.Dict(**parts)


@contextmanager
def _scalar_predictions() -> Iterator[None]:
    """Let nevergrad 1.0.12's metamodel (NGOpt and others) turn an array of one number into a float.

    It calls `float(array)`, which numpy 2.3 and newer refuse. For the time of a call its module sees a `float`
    that takes the one element.
    """
    metamodel.float = lambda value: np.asarray(value).item()  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        del metamodel.float  # pyright: ignore[reportAttributeAccessIssue]
