"""The contract of optimizers."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from isptune.errors import ConfigError
from isptune.interfaces import Optimizer, ParetoOptimizer
from isptune.space import Candidate, Choice, Integer, Real, Space

NUMBERS = Space(
    (
        Real("tone.gamma", 0.0, 1.0, 0.5),
        Real("noise.strength", 0.01, 10.0, 0.01, log=True),
        Integer("noise.radius", 0, 9, 0),
        Integer("sensor.iso", 100, 6400, 400, log=True),
    )
)
"""Reals and integers, linear and logarithmic, with defaults on bounds."""

MIXED = Space((*NUMBERS.params, Choice("demosaic.method", ("bilinear", "edges", "vng"), "bilinear")))
"""The same and a choice."""

ONE = Space((Real("tone.gamma", 0.0, 1.0, 0.0),))

BuildOptimizer = Callable[..., Any]


def check_optimizer(
    build: BuildOptimizer,
    argument: str | None = None,
    *,
    choices: bool = True,
    objectives: int = 1,
    learns: bool = True,
    generations: int = 8,
    population: int = 8,
) -> None:
    """Check everything that the loop relies on.

    Args:
        build: the factory that the entry point names.
        argument: what follows the colon in a spec.
        choices: it can tune choices; if not, it must refuse them.
        objectives: how many it is to minimise; an optimizer for one must refuse two.
        learns: its recommendation must be better than the default on a smooth function without noise.
        generations: asks per check; fewer for a slow optimizer.
        population: candidates per ask.
    """

    def make(space: Space, seed: int = 1, population: int = population) -> Any:
        options = {"population": population, "seed": seed, "budget": population * generations}
        return build(argument, space, objectives=objectives, **options)

    for space in (NUMBERS, ONE, MIXED) if choices else (NUMBERS, ONE):
        _check_populations(make, space, population, generations, objectives)
        _check_failures(make, space, generations, objectives)
    _check_seeds(make, MIXED if choices else NUMBERS, generations, objectives)
    _check_single_candidates(make, 4 + 2 * generations, objectives)
    _check_refusals(make, build, argument, choices, objectives)
    if learns:
        _check_learning(make, generations, objectives)
    if objectives > 1:
        _check_front(make, generations, objectives)


def distance(space: Space, candidate: Candidate) -> float:
    """A smooth loss with one optimum: the mean square distance from three tenths of every range."""
    wrong = [float(candidate[choice.name] != choice.options[-1]) for choice in space.choices]
    return float(np.mean([*((space.to_unit(candidate) - 0.3) ** 2), *wrong]))


def _losses(space: Space, population: list[Candidate], objectives: int) -> np.ndarray:
    near = np.array([distance(space, candidate) for candidate in population])
    other = np.array([1.0 - space.to_unit(candidate)[0] for candidate in population])
    return np.stack([near, other][:objectives], axis=1).astype(np.float64)


def _drive(optimizer: Any, space: Space, generations: int, objectives: int) -> list[list[Candidate]]:
    asked = []
    for _ in range(generations):
        population = optimizer.ask()
        asked.append([dict(candidate) for candidate in population])
        optimizer.tell(population, _losses(space, population, objectives))
    return asked


def _check_populations(make: Any, space: Space, population: int, generations: int, objectives: int) -> None:
    optimizer = make(space)
    assert isinstance(optimizer, Optimizer), "it lacks ask, tell, recommend or stop_reason"
    assert optimizer.stop_reason is None, "it has stopped before it began"
    _check_candidate(space, optimizer.recommend(), "the recommendation before the first ask")
    for asked in _drive(optimizer, space, generations, objectives):
        assert len(asked) == population, (
            f"it proposed {len(asked)} candidates, not the population of {population}"
        )
        for candidate in asked:
            _check_candidate(space, candidate, "a proposed candidate")
    _check_candidate(space, optimizer.recommend(), "the recommendation")
    assert optimizer.stop_reason is None or isinstance(optimizer.stop_reason, str), "stop_reason is no text"


def _check_candidate(space: Space, candidate: Candidate, what: str) -> None:
    assert list(space.check(candidate)) == space.names, f"{what} is not inside the space: {candidate}"
    kinds = {Real: float, Integer: int, Choice: str}
    for param in space:
        value = candidate[param.name]
        plain = type(value) is kinds[type(param)]
        assert plain, (
            f"{what} has {param.name} = {value!r}, a {type(value).__name__}, which a log cannot hold"
        )


def _check_seeds(make: Any, space: Space, generations: int, objectives: int) -> None:
    np.random.seed(12)
    random.seed(12)
    first = _drive(make(space), space, generations, objectives)
    state = _numpy_state()
    np.random.seed(34)
    random.seed(34)
    again, neighbour = make(space), make(space, seed=2)
    second, other = [], []
    for _ in range(generations):  # in lockstep with another instance
        second += _drive(again, space, 1, objectives)
        other += _drive(neighbour, space, 1, objectives)
    assert first == second, "the same seed and losses gave other candidates: a run could not be resumed"
    assert first != other, "another seed gave the same candidates"
    np.random.seed(12)
    assert state == _numpy_state(), "it uses numpy's global random state"


def _numpy_state() -> bytes:
    return np.asarray(np.random.get_state(legacy=False)["state"]["key"]).tobytes()  # pyright: ignore


def _check_failures(make: Any, space: Space, generations: int, objectives: int) -> None:
    """Everything in the upper half of the first parameter fails; it must not be recommended."""
    optimizer = make(space)
    name = space.names[0]
    succeeded = False
    for generation in range(generations):
        population = optimizer.ask()
        losses = _losses(space, population, objectives)
        losses[[float(candidate[name]) > 0.6 for candidate in population], -1] = np.nan
        if generation == 1:
            losses[:] = np.nan
        succeeded |= not np.isnan(losses).any(axis=1).all()
        optimizer.tell(population, losses)
    recommended = optimizer.recommend()
    _check_candidate(space, recommended, "the recommendation after failures")
    assert not succeeded or float(recommended[name]) <= 0.6, f"it recommends what always fails: {recommended}"
    infinite = make(space)
    population = infinite.ask()
    losses = _losses(space, population, objectives)
    losses[0], losses[-1] = -np.inf, np.inf
    infinite.tell(population, losses)
    for candidate in infinite.ask():
        _check_candidate(space, candidate, "a candidate after infinite losses")


def _check_single_candidates(make: Any, asks: int, objectives: int) -> None:
    optimizer = make(NUMBERS, population=1)
    for asked in _drive(optimizer, NUMBERS, asks, objectives):
        assert len(asked) == 1, f"it proposed {len(asked)} candidates for a population of one"


def _check_refusals(
    make: Any, build: BuildOptimizer, argument: str | None, choices: bool, objectives: int
) -> None:
    options = {"population": 8, "seed": 1, "budget": 80}
    if not choices:
        message = _refusal(lambda: make(MIXED), "it took choices, which it cannot tune")
        assert "catcma" in message, "its refusal of choices does not name an optimizer that can tune them"
    if objectives == 1:
        try:
            several, message = build(argument, NUMBERS, objectives=2, **options), ""
        except ConfigError as error:
            several, message = None, str(error)
        if several is not None:
            assert isinstance(several, ParetoOptimizer), "it took two objectives, but has no front to give"
        for way in ("optuna:NSGA-II", "weighted:"):
            said = several is not None or way in message
            assert said, f"its refusal of two objectives does not name the way out {way}"
    _refusal(lambda: make(Space(())), "it took a space without parameters")


def _refusal(action: Callable[[], Any], complaint: str) -> str:
    try:
        action()
    except ConfigError as error:
        return str(error)
    raise AssertionError(complaint)


def _check_learning(make: Any, generations: int, objectives: int) -> None:
    optimizer = make(NUMBERS)
    _drive(optimizer, NUMBERS, generations, objectives)
    start, end = distance(NUMBERS, NUMBERS.default), distance(NUMBERS, optimizer.recommend())
    assert end < start, f"it recommends a loss of {end:.4g}, not below the default's {start:.4g}"


def _check_front(make: Any, generations: int, objectives: int) -> None:
    optimizer = make(NUMBERS)
    assert isinstance(make(NUMBERS), ParetoOptimizer), "it minimises several objectives, but has no front"
    asked = _drive(optimizer, NUMBERS, generations, objectives)
    everything = [candidate for population in asked for candidate in population]
    losses = _losses(NUMBERS, everything, objectives)
    dominated = [bool(((losses <= row).all(axis=1) & (losses < row).any(axis=1)).any()) for row in losses]
    best = [candidate for candidate, worse in zip(everything, dominated, strict=True) if not worse]
    front = optimizer.front()
    assert all(candidate in best for candidate in front), (
        "its front holds a candidate that another one dominates"
    )
    assert all(candidate in front for candidate in best), "its front lacks a candidate that none dominates"
    assert optimizer.recommend() in front, "it recommends a candidate that is not on its front"
    assert all(math.isfinite(float(v)) for c in front for v in c.values() if not isinstance(v, str))
