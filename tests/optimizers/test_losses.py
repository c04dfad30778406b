"""Failed and infinite losses keep their place in the ranking."""

import numpy as np

from isptune.optimizers.losses import BestSeen, rankable


def test_failed_trials_rank_last_and_infinite_losses_at_their_ends():
    losses = np.array([[0.2], [np.nan], [-np.inf], [0.1], [np.inf]])
    values = rankable(losses)
    assert np.isfinite(values).all()
    assert np.argsort(values).tolist() == [2, 3, 0, 4, 1]
    assert values[[0, 3]].tolist() == [0.2, 0.1]


def test_equal_losses_still_rank_before_failed_trials():
    assert rankable(np.array([[5.0], [np.nan], [5.0]])).argmax() == 1


def test_failure_of_any_objective_fails_the_trial():
    assert rankable(np.array([[0.1, np.nan], [0.9, 0.0]])).argmax() == 0


def test_best_seen_passes_over_failed_trials():
    best = BestSeen({"x": 0.0})
    best.see([{"x": 1.0}, {"x": 2.0}], np.array([[np.nan], [3.0]]))
    best.see([{"x": 3.0}], np.array([[4.0]]))
    assert best.candidate == {"x": 2.0}
