"""nevergrad and Optuna by name: what is passed on, what is refused, and how."""

import sys
import time

import numpy as np
import optuna
import pytest

from isptune.errors import ConfigError, MissingExtra
from isptune.optimizers import nevergrad_search, optuna_search
from isptune.optimizers.optuna_search import build
from isptune.space import Choice, Integer, Real, Space

SPACE = Space((Real("a", 0.0, 1.0, 0.5), Real("b", 0.0, 1.0, 0.5)))
OPTIONS = {"population": 10, "seed": 1, "budget": 300}


def test_unknown_nevergrad_name_brings_the_nearest():
    with pytest.raises(ConfigError, match=r"no optimizer 'NGOptt'; the nearest of its \d+ names: .*NGOpt"):
        nevergrad_search.build("NGOptt", SPACE, **OPTIONS)


def test_nevergrad_optimizer_without_its_package_is_a_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fcmaes", None)
    with pytest.raises(MissingExtra, match="fcmaes"):
        nevergrad_search.build("FCMA", SPACE, **OPTIONS).ask()


def test_nevergrad_failure_names_the_versions():
    optimizer = nevergrad_search.build("DE", SPACE, **OPTIONS)
    with pytest.raises(
        ConfigError, match=r"nevergrad:DE does not work here \(nevergrad .*, numpy .*\): broken"
    ):
        optimizer._call(lambda: (_ for _ in ()).throw(TypeError("broken")))


@pytest.mark.slow
def test_metamodel_of_nevergrad_works_with_this_numpy_and_is_left_as_it_was():
    from nevergrad.optimization import metamodel

    optimizer = nevergrad_search.build("MetaModel", SPACE, **OPTIONS)
    for _ in range(8):
        asked = optimizer.ask()
        optimizer.tell(asked, np.array([[(c["a"] - 0.3) ** 2 + (c["b"] - 0.6) ** 2] for c in asked]))
    found = optimizer.recommend()
    assert (found["a"], found["b"]) == pytest.approx((0.3, 0.6), abs=0.1)
    assert "float" not in vars(metamodel)


def test_unknown_sampler_brings_the_list():
    with pytest.raises(
        ConfigError, match="no sampler 'SOBOL'; there are: TPE, CMA-ES, NSGA-II, NSGA-III, GP, QMC"
    ):
        optuna_search.build("SOBOL", SPACE, **OPTIONS)


def test_cma_es_of_optuna_refuses_choices_that_it_would_draw_at_random():
    mixed = Space((*SPACE.params, Choice("c", ("x", "y"), "x")))
    with pytest.raises(ConfigError, match="cannot tune c: use the optimizer 'catcma'"):
        optuna_search.build("cma-es", mixed, **OPTIONS)


def test_optuna_is_as_talkative_afterwards_as_before():
    before = optuna.logging.get_verbosity()
    optimizer = optuna_search.build(None, SPACE, **OPTIONS)
    optimizer.tell(optimizer.ask(), np.zeros((10, 1)))
    assert optuna.logging.get_verbosity() == before


def test_first_candidate_of_optuna_is_the_default():
    assert optuna_search.build("QMC", SPACE, **OPTIONS).ask()[0] == SPACE.default


def test_tpe_batches_are_not_near_duplicates():
    """The constant liar spreads a batch: neighbours inside it are no nearer than those of the best points."""
    optimizer = optuna_search.build("TPE", SPACE, **OPTIONS)
    for _ in range(6):
        asked = optimizer.ask()
        optimizer.tell(asked, np.array([[(c["a"] - 0.3) ** 2 + (c["b"] - 0.6) ** 2] for c in asked]))
    points = np.array([SPACE.to_unit(candidate) for candidate in asked])
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(10, 1)]
    assert apart.min() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["NSGA-II", "NSGA-III"])
def test_front_of_two_spheres_lies_on_the_line_between_their_centres(sampler):
    """Minimising the distances to (0.2, 0.2) and (0.8, 0.8): the Pareto set is the segment between them."""
    optimizer = optuna_search.build(sampler, SPACE, **OPTIONS, objectives=2)
    for _ in range(30):
        asked = optimizer.ask()
        points = np.array([SPACE.to_unit(candidate) for candidate in asked])
        losses = np.stack([((points - c) ** 2).sum(axis=1) for c in (0.2, 0.8)], axis=1)
        optimizer.tell(asked, losses)
    front = np.array([SPACE.to_unit(candidate) for candidate in optimizer.front()])
    beside = np.abs(front[:, 0] - front[:, 1]) / np.sqrt(2)
    assert np.median(beside) < 0.1
    assert np.ptp(front.sum(axis=1) / 2) > 0.3  # it spans the segment
    balanced = SPACE.to_unit(optimizer.recommend())
    assert balanced.mean() == pytest.approx(0.5, abs=0.2)


def test_losses_of_the_wrong_number_of_objectives_are_refused():
    optimizer = optuna_search.build("NSGA-II", SPACE, **OPTIONS, objectives=2)
    with pytest.raises(ConfigError, match="1 objectives for an optimizer of 2"):
        optimizer.tell(optimizer.ask(), np.zeros((10, 1)))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["TPE", "NSGA-II"])
def test_trials_of_a_log_are_taken_up_as_they_are_and_the_search_goes_on_the_same(sampler):
    space = Space((Real("a", 0.001, 1.0, 0.1, log=True), Integer("n", 1, 9, 3), Choice("c", ("x", "y"), "x")))

    def build_one():
        return build(sampler, space, population=6, seed=3, budget=600)

    def losses(population, generation):
        found = np.array([[abs(one["a"] - 0.3) + one["n"] / 9 + (one["c"] == "x")] for one in population])
        if generation % 3 == 1:
            found[generation % len(found)] = np.nan  # one failed
        return found

    whole, log = build_one(), []
    for generation in range(14):
        log.append(whole.ask())
        whole.tell(log[-1], losses(log[-1], generation))
    again = build_one()
    for generation, population in enumerate(log[:9]):
        assert again.take_up(population)
        again.tell(population, losses(population, generation))
    for generation, population in enumerate(log[9:], 9):
        assert again.ask() == population
        again.tell(population, losses(population, generation))
    assert again.recommend() == whole.recommend()


def test_to_take_up_a_long_log_takes_little_time():
    space = Space(tuple(Real(f"p{i}", 0.0, 1.0, 0.5) for i in range(8)))
    rng, search = np.random.default_rng(0), build("TPE", space, population=10, seed=0, budget=4000)
    began = time.monotonic()
    for _ in range(200):
        population = [{name: float(rng.random()) for name in space.names} for _ in range(10)]
        search.take_up(population)
        search.tell(population, rng.random((10, 1)))
    assert time.monotonic() - began < 10  # asked for one by one: more than half a minute
