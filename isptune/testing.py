"""Contract tests for plug-ins: call these from your own tests.

    from isptune.testing import check_optimizer
    from my_package import build

    def test_my_optimizer_keeps_the_contract():
        check_optimizer(build)

Each raises AssertionError with one sentence that says what was broken.
"""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isptune.arrays import Images
from isptune.errors import ConfigError
from isptune.interfaces import (
    Described,
    Diagnoses,
    Judge,
    KnownLevels,
    Objective,
    Optimizer,
    ParetoOptimizer,
    Pipeline,
)
from isptune.scenes.scene import Scene
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


def check_pipeline(pipeline: Any, scene: Scene, *, tolerance: float = 1e-6) -> None:
    """Check what the evaluator relies on.

    Args:
        pipeline: built.
        scene: one that it can render; small, for speed.
        tolerance: by how much an image may differ from the same one rendered alone.
    """
    assert isinstance(pipeline, Pipeline), "it lacks space, max_batch or render"
    assert len(pipeline.space) > 0, "its space is empty"
    assert pipeline.max_batch >= 1, f"max_batch = {pipeline.max_batch}"
    before = scene.image.clone()
    params = _batch_of_params(pipeline.space, 4)
    together = pipeline.render(scene, params, 1)
    _check_images(together, 4, scene)
    assert torch.equal(scene.image, before), "rendering writes into the scene"
    assert torch.equal(together, pipeline.render(scene, params, 1)), "the same seed gave another picture"
    for i in range(4):
        own = {name: p if isinstance(p, str) else p[i : i + 1] for name, p in params.items()}
        alone = pipeline.render(scene, own, 1)
        apart = float((alone[0] - together[i]).abs().max())
        assert apart <= tolerance, f"image {i} differs by {apart:.3g} from the same one rendered alone"
    if isinstance(pipeline, KnownLevels):
        levels = pipeline.levels(params)
        names, ranges = len(pipeline.level_names), len(pipeline.level_ranges)
        assert tuple(levels.shape) == (4, names), f"levels of shape {tuple(levels.shape)} for {names} names"
        assert ranges == names, f"{ranges} level ranges for {names} names"


def check_objective(objective: Any, images: Images, scene: Scene, *, tolerance: float = 1e-4) -> None:
    """Check what the evaluator relies on.

    Args:
        objective: built.
        images: at least two different ones, of the scene's size.
        scene: what they are pictures of.
        tolerance: by how much a score may differ, relative to its size, from that of the image alone.
    """
    assert isinstance(objective, Objective), "it lacks direction or score"
    assert objective.direction in ("minimize", "maximize"), f"direction = {objective.direction!r}"
    before = images.clone()
    scores = objective.score(images, scene)
    assert tuple(scores.shape) == (len(images),), (
        f"scores of shape {tuple(scores.shape)} for {len(images)} images"
    )
    assert torch.equal(images, before), "scoring writes into the images"
    assert torch.equal(scores, objective.score(images, scene)), "the same images gave other scores"
    for i in range(len(images)):
        alone = float(objective.score(images[i : i + 1], scene)[0])
        apart = abs(alone - float(scores[i])) / max(1.0, abs(alone))
        assert apart <= tolerance, f"image {i} scores {float(scores[i]):.6g} in a batch and {alone:.6g} alone"
    if isinstance(objective, Described):
        low, high = objective.range
        slack = 1e-5 * max(
            1.0, abs(low if math.isfinite(low) else 0.0), abs(high if math.isfinite(high) else 0.0)
        )
        inside = bool(((scores >= low - slack) & (scores <= high + slack)).all())
        assert inside, f"scores {scores.tolist()} outside the declared range {objective.range}"


def check_judge(judge: Any, images: Images, scene: Scene) -> None:
    """Check what comparisons and reports rely on.

    Args:
        judge: built; one that asks in one order only is not to be checked.
        images: at least two different ones, of the scene's size.
        scene: what they are pictures of.
    """
    assert isinstance(judge, Judge), "it lacks prefer"
    before, others = images.clone(), images.roll(1, 0)
    chances = judge.prefer(images, others, scene)
    assert tuple(chances.shape) == (len(images),), (
        f"probabilities of shape {tuple(chances.shape)} for {len(images)} pairs"
    )
    assert torch.equal(images, before), "judging writes into the images"
    assert bool(((chances >= 0) & (chances <= 1)).all()), f"it gave {chances.tolist()}: no probabilities"
    exchanged = judge.prefer(others, images, scene)
    assert torch.equal(exchanged, 1 - chances), (
        f"exchanged pictures have {exchanged.tolist()}, not one minus {chances.tolist()}"
    )
    same = judge.prefer(images, images, scene)
    assert bool((same == 0.5).all()), f"a picture is better than itself with {same.tolist()}, not 0.5"
    if isinstance(judge, Diagnoses):
        found = judge.describe(images, scene)
        assert len(found) == len(images), f"{len(found)} diagnoses for {len(images)} images"
        assert all(one.source for one in found), "a diagnosis does not say whose it is"


def _batch_of_params(space: Space, count: int) -> dict[str, Tensor | str]:
    random_points = np.random.default_rng(0).random((count, len(space.numeric)))
    candidates = [space.from_unit(point) for point in random_points]
    params: dict[str, Tensor | str] = {choice.name: choice.default for choice in space.choices}
    for param in space.numeric:
        values = [float(candidate[param.name]) for candidate in candidates]
        params[param.name] = torch.tensor(values, dtype=torch.float64)
    return params


def _check_images(images: Tensor, count: int, scene: Scene) -> None:
    shape = tuple(images.shape)
    assert shape[:2] == (count, 3), f"images of shape {shape} for {count} candidates"
    assert images.dtype == torch.float32, f"images of type {images.dtype}"
    assert bool(torch.isfinite(images).all()), "a picture has NaN or infinite pixels"
    assert torch.equal(images, images.clamp(0, 1)), "a picture leaves [0, 1]"
