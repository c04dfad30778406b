"""CMA-ES, CatCMA and the evolution strategy find optima that are known, from starts that are awkward."""

import math

import numpy as np
import pytest

from isptune.optimizers import catcma, cma, default_for, evolution_strategy
from isptune.optimizers.evolution_strategy import SelfAdaptation
from isptune.space import Choice, Integer, Real, Space

BUILDERS = {"cma": cma.build, "catcma": catcma.build, "es": evolution_strategy.build}


def minimise(build, space, loss, generations=50, population=20, seed=3, noise=0.0):
    random = np.random.default_rng(seed)
    optimizer = build(None, space, population=population, seed=seed, budget=population * generations)
    for _ in range(generations):
        asked = optimizer.ask()
        losses = np.array([[loss(candidate)] for candidate in asked])
        optimizer.tell(asked, losses + noise * random.standard_normal(losses.shape))
    return optimizer.recommend()


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_start_on_a_bound_does_not_hold_the_search_there(name):
    space = Space((Real("a", 0.0, 1.0, 0.0), Real("b", -2.0, 2.0, 2.0), Integer("k", 0, 9, 9)))

    def loss(c):
        return (c["a"] - 0.7) ** 2 + ((c["b"] + 0.5) / 4) ** 2 + ((c["k"] - 4) / 9) ** 2

    found = minimise(BUILDERS[name], space, loss)
    assert found["k"] == 4
    assert found["a"] == pytest.approx(0.7, abs=0.01)
    assert found["b"] == pytest.approx(-0.5, abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_optimum_on_a_bound_is_reached(name):
    space = Space((Real("a", 0.0, 1.0, 0.5), Integer("k", 0, 9, 5), Integer("flag", 0, 1, 0)))
    found = minimise(BUILDERS[name], space, lambda c: c["a"] + (9 - c["k"]) / 9 + (1 - c["flag"]))
    assert found["a"] == pytest.approx(
        0.0, abs=0.02 if name == "es" else 1e-3
    )  # half of its children reflect
    assert (found["k"], found["flag"]) == (9, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_logarithmic_parameters_are_searched_by_their_logarithm(name):
    space = Space((Real("s", 1e-4, 1.0, 1.0, log=True), Integer("iso", 100, 6400, 6400, log=True)))
    found = minimise(
        BUILDERS[name], space, lambda c: math.log(c["s"] / 1e-3) ** 2 + math.log(c["iso"] / 400) ** 2
    )
    assert found["s"] == pytest.approx(1e-3, rel=0.05)
    assert found["iso"] == pytest.approx(400, rel=0.02)


@pytest.mark.parametrize("name", ["catcma", "es"])
def test_right_options_are_found_together_with_the_numbers(name):
    space = Space(
        (Real("a", 0.0, 1.0, 0.5), Choice("c", ("x", "y", "z"), "x"), Choice("only", ("one",), "one"))
    )
    best = {"x": 0.9, "y": 0.6, "z": 0.2}  # the optimum of `a` depends on the option; only z reaches zero

    def loss(c):
        return (c["a"] - best[c["c"]]) ** 2 + {"x": 0.1, "y": 0.2, "z": 0.0}[c["c"]]

    found = minimise(BUILDERS[name], space, loss)
    assert found["c"] == "z"
    assert found["only"] == "one"
    assert found["a"] == pytest.approx(0.2, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_centre_beats_the_luckiest_candidate_under_noise(name):
    space = Space(tuple(Real(f"x{i}", 0.0, 1.0, 0.5) for i in range(5)))
    target = np.array([0.2, 0.7, 0.4, 0.6, 0.3])

    def error(candidate):
        return float(((space.to_unit(candidate) - target) ** 2).sum())

    centres, luckiest = [], []
    for seed in range(4):
        seen, noise = [], np.random.default_rng(seed)

        def loss(candidate, seen=seen, noise=noise):
            seen.append((error(candidate) + 0.02 * noise.standard_normal(), candidate))
            return seen[-1][0]

        centres.append(error(minimise(BUILDERS[name], space, loss, seed=seed, generations=30)))
        luckiest.append(error(min(seen, key=lambda pair: pair[0])[1]))
    assert np.mean(centres) < 0.7 * np.mean(luckiest), (centres, luckiest)


@pytest.mark.slow
def test_restarts_leave_a_local_minimum():
    """A deep narrow well far from the wide shallow one at which the search starts."""
    space = Space((Real("a", 0.0, 1.0, 0.2), Real("b", 0.0, 1.0, 0.2)))

    def loss(c):
        here, there = math.dist((c["a"], c["b"]), (0.2, 0.2)), math.dist((c["a"], c["b"]), (0.8, 0.8))
        return min(0.5 + here, 2 * there)

    found = minimise(cma.build, space, loss, generations=300, population=10)
    assert (found["a"], found["b"]) == pytest.approx((0.8, 0.8), abs=1e-3)


def test_search_that_has_converged_says_so_when_no_budget_is_left():
    space = Space((Real("a", 0.0, 1.0, 0.2),))
    optimizer = cma.build(None, space, population=10, seed=1, budget=10)
    while optimizer.stop_reason is None:
        asked = optimizer.ask()
        optimizer.tell(asked, np.array([[(c["a"] - 0.3) ** 2] for c in asked]))
    assert "too few to start again" in optimizer.stop_reason
    assert optimizer.recommend()["a"] == pytest.approx(0.3, abs=1e-4)


@pytest.mark.slow
def test_step_sizes_follow_the_extended_log_normal_rule():
    """ln(sigma~ / sigma) has variance tau0^2 + tau^2, and tau0^2 in common between parameters."""
    count = 4
    space = Space(tuple(Real(f"x{i}", 0.0, 1.0, 0.5) for i in range(count)))
    strategy = SelfAdaptation(space, space.default, 4000, 1)
    strategy._parents_s[:] = 1e-3
    strategy.sample()
    logs = np.log(strategy._s / 1e-3)
    common, single = 1 / (2 * count), 1 / (2 * math.sqrt(count))  # tau0^2 and tau^2
    covariance = np.cov(logs.T)
    assert np.diag(covariance) == pytest.approx(common + single, rel=0.1)
    assert covariance[~np.eye(count, dtype=bool)] == pytest.approx(common, rel=0.25)
    steps = (strategy._y - 0.5) / strategy._s
    assert steps.std() == pytest.approx(1.0, abs=0.03)


def test_parents_are_the_best_quarter_and_children_scatter_about_their_centroid():
    space = Space((Real("x", 0.0, 1.0, 0.5),))
    strategy = SelfAdaptation(space, space.default, 12, 1)
    points = np.array([candidate["x"] for candidate in strategy.sample()])
    strategy.update(np.abs(points - 0.9))
    nearest = points[np.argsort(np.abs(points - 0.9))[:3]]
    assert strategy.centre()["x"] == pytest.approx(nearest.mean())


def test_default_optimizer_suits_the_space():
    numbers = Space((Real("a", 0.0, 1.0, 0.5),))
    mixed = Space((*numbers.params, Choice("c", ("x", "y"), "x")))
    assert default_for(numbers) == "cma"
    assert default_for(mixed) == "catcma"
    assert default_for(numbers, 2) == default_for(mixed, 3) == "optuna:NSGA-II"
