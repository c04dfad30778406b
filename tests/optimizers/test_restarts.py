"""Restarts, checked with a scripted descent."""

import numpy as np
import pytest

from isptune.errors import ConfigError
from isptune.optimizers.restarts import Restarted
from isptune.space import Real, Space

SPACE = Space((Real("x", 0.0, 1.0, 0.5),))


class Scripted:
    """Stays where it starts and stalls after a given number of iterations."""

    made: list["Scripted"]

    def __init__(self, start, size, patience):
        self.start, self.size, self.patience, self.updates = start, size, patience, []

    def sample(self):
        return [dict(self.start) for _ in range(self.size)]

    def update(self, losses):
        self.updates.append(losses)

    def centre(self):
        return dict(self.start)

    def stopped(self):
        return "bored" if len(self.updates) >= self.patience else None


def restarted(population, budget, patience=2):
    made = []

    def begin(start, size, seed):
        made.append(Scripted(start, size, patience))
        return made[-1]

    return Restarted(SPACE, begin, population, 1, budget), made


def drive(optimizer, rounds, loss):
    for _ in range(rounds):
        population = optimizer.ask()
        optimizer.tell(population, np.array([[loss(c["x"])] for c in population]))


def test_restart_begins_elsewhere_with_twice_the_points_and_asks_for_as_many_as_before():
    optimizer, made = restarted(10, 1000)
    drive(optimizer, 2, abs)
    assert [d.size for d in made] == [10, 20]
    assert made[0].start == {"x": 0.5}
    assert made[1].start != {"x": 0.5}
    assert len(optimizer.ask()) == 10


def test_iteration_of_a_grown_descent_gathers_several_asks_in_order():
    optimizer, made = restarted(10, 1000)
    drive(optimizer, 2, abs)
    for values in (np.arange(10.0), np.arange(10.0, 20.0)):
        population = optimizer.ask()
        assert not made[1].updates
        optimizer.tell(population, values[:, None])
    assert made[1].updates[0].tolist() == list(range(20))


def test_population_too_small_to_rank_is_gathered():
    optimizer, made = restarted(1, 1000)
    assert made[0].size == 6
    drive(optimizer, 5, abs)
    assert not made[0].updates
    drive(optimizer, 1, abs)
    assert len(made[0].updates[0]) == 6


def test_restart_keeps_its_size_where_the_budget_is_short_and_stops_where_it_is_spent():
    optimizer, made = restarted(10, 140)
    drive(optimizer, 2, abs)  # 120 left: too few for ten iterations of 20, enough for ten of 10
    assert [d.size for d in made] == [10, 10]
    drive(optimizer, 2, abs)  # 100 left: just enough
    assert optimizer.stop_reason is None
    drive(optimizer, 2, abs)
    assert optimizer.stop_reason == "converged (bored), and 80 evaluations are too few to start again"
    assert len(optimizer.ask()) == 10  # whoever asks on is served


def test_best_descent_is_recommended_even_after_worse_ones():
    optimizer, made = restarted(10, 10000)
    best = {"x": 0.5}

    def loss(x):
        return 0.0 if x == best["x"] else 1.0

    drive(optimizer, 6, loss)  # the second descent needs two asks an iteration
    assert len(made) == 3
    assert optimizer.recommend() == best


def test_later_descent_is_recommended_once_it_is_better():
    optimizer, made = restarted(10, 10000)
    drive(optimizer, 6, lambda x: 1.0 if x == 0.5 else 0.0)
    assert optimizer.recommend() == made[1].start


def test_iteration_in_which_all_failed_teaches_nothing_and_is_drawn_again():
    optimizer, made = restarted(10, 1000)
    optimizer.tell(optimizer.ask(), np.full((10, 1), np.nan))
    assert not made[0].updates
    assert len(optimizer.ask()) == 10


def test_losses_of_another_population_are_refused():
    optimizer, _ = restarted(10, 1000)
    with pytest.raises(ConfigError, match="before it was asked"):
        optimizer.tell([{"x": 0.5}], np.zeros((1, 1)))
    population = optimizer.ask()
    with pytest.raises(ConfigError, match="another population"):
        optimizer.tell(population[:-1], np.zeros((9, 1)))
    with pytest.raises(ConfigError, match=r"shape \(9, 1\)"):
        optimizer.tell(population, np.zeros((9, 1)))
