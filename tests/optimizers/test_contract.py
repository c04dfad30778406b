"""Every optimizer that isptune offers keeps the contract that it publishes for plug-ins."""

import numpy as np
import pytest

from isptune.registry import factory, installed
from isptune.space import Real, Space
from isptune.spec import split_name
from isptune.testing import check_optimizer

SPECS = {
    "cma": {"choices": False},
    "catcma": {},
    "es": {},
    "random": {"learns": False},
    "nevergrad": {},
    "nevergrad:TwoPointsDE": {},
    "nevergrad:NGOpt": {"generations": 5},
    "optuna": {"generations": 4},
    "optuna:tpe": {"generations": 2, "learns": False},
    "optuna:CMA-ES": {"choices": False},
    "optuna:NSGA-II": {},
    "optuna:NSGA-III": {"generations": 5},
    "optuna:QMC": {"learns": False},
}


SIBLINGS = ("nevergrad:TwoPointsDE", "nevergrad:NGOpt", "optuna:CMA-ES", "optuna:NSGA-III", "optuna:QMC")
"""Run by the same code as one that is tried each time, and slow."""


@pytest.mark.parametrize(
    "spec", [pytest.param(s, marks=pytest.mark.slow) if s in SIBLINGS else s for s in SPECS]
)
def test_optimizer_keeps_the_contract(spec):
    name, argument = split_name(spec)
    check_optimizer(factory("optimizer", name), argument, **SPECS[spec])


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["optuna:NSGA-II", "optuna:nsga-iii"])
def test_optimizer_for_several_objectives_keeps_the_contract(spec):
    name, argument = split_name(spec)
    check_optimizer(factory("optimizer", name), argument, objectives=2, learns=False)


def test_gaussian_process_keeps_the_contract_before_it_begins_to_model():
    name, argument = split_name("optuna:GP")
    check_optimizer(factory("optimizer", name), argument, generations=2, population=4, learns=False)


@pytest.mark.slow
def test_gaussian_process_models_and_is_reproducible():
    name, argument = split_name("optuna:GP")
    space = Space((Real("a", 0.0, 1.0, 0.5),))

    def asked():
        optimizer = factory("optimizer", name)(argument, space, population=11, seed=1, budget=44)
        first = optimizer.ask()
        optimizer.tell(first, np.array([[(candidate["a"] - 0.3) ** 2] for candidate in first]))
        optimizer._population = 2  # the model is slow, two of its proposals are enough
        return first, optimizer.ask()

    first, second = asked()
    assert (first, second) == asked()
    nearest = min(abs(candidate["a"] - 0.3) for candidate in first)
    assert min(abs(candidate["a"] - 0.3) for candidate in second) < max(nearest, 0.02)


def test_every_installed_optimizer_is_held_to_the_contract():
    assert set(installed("optimizer")) <= {split_name(spec)[0] for spec in SPECS}
