from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, t

from isptune.study.observers.simulation import Habits, SimulatedObserver
from isptune.study.scale.intervals import (
    bootstrap,
    differences,
    holm,
    limits,
    observer_weights,
    resampled_mean,
)
from isptune.study.scale.resampling import over_observers, over_votes
from isptune.study.scale.scale import fit, tally_of_wins, win_shares
from isptune.study.votes.votes import Pair
from tests.study.scale.test_scale import table

SHARE = {"first": 1.0, "second": 0.0, "none": 0.5}


def simulated(truth, habits, observers=6, votes=60, seed=0):
    """Votes of simulated observers on random pairs."""
    rng = np.random.default_rng(seed)
    scale = {("s", str(k)): value for k, value in enumerate(truth)}
    rows = []
    for observer in range(observers):
        simulation = SimulatedObserver(scale, habits, 100 * seed + observer)
        for _ in range(votes):
            i, j = (int(k) for k in rng.choice(len(truth), 2, replace=False))
            rows.append((observer, i, j, SHARE[simulation.answer(Pair("s", str(i), str(j)))]))
    return table(rows, len(truth), observers)


@pytest.mark.parametrize("side_bias", [False, True])
@pytest.mark.parametrize("reduce_bias", [False, True])
def test_resamples_are_fits_of_observers_drawn_with_replacement(side_bias, reduce_bias):
    votes = simulated([-1.0, 0.0, 0.4, 1.2], Habits(tie_threshold=0.4, side_bias=0.3))
    options = {"side_bias": side_bias, "reduce_bias": reduce_bias}
    scale = fit(votes, **options)
    weights = observer_weights(6, 3, seed=1)
    drawn = bootstrap(votes, scale, weights, **options)
    for row, weight in zip(drawn, weights, strict=True):
        rows = [
            (0, int(i), int(j), float(s))
            for o, i, j, s in zip(votes.observer, votes.first, votes.second, votes.share, strict=True)
            for _ in range(int(weight[o]))
        ]
        np.testing.assert_allclose(row, fit(table(rows, 4), **options).scores, atol=2e-3)


def test_every_resample_draws_as_many_observers_as_there_are():
    weights = observer_weights(15, 200, seed=0)
    assert (weights.sum(1) == 15).all()
    assert abs(weights.mean() - 1) < 1e-12
    assert weights.var() == pytest.approx(14 / 15, rel=0.1)


def test_intervals_of_normal_draws_are_those_of_student():
    draws = norm.ppf((np.arange(200_000) + 0.5) / 200_000)[:, None]
    low, high = limits(np.array([0.5]), draws, observers=15)
    assert high[0] - 0.5 == pytest.approx(t.ppf(0.975, 14) * np.sqrt(15 / 14), rel=1e-3)
    assert 0.5 - low[0] == pytest.approx(high[0] - 0.5)


def test_a_long_tail_on_one_side_makes_the_interval_longer_there_only():
    draws = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    low, high = limits(np.array([0.0]), np.where(draws > 0, 5 * draws, draws)[:, None], observers=15)
    assert high[0] == pytest.approx(-5 * low[0], rel=1e-3)


def test_a_single_observer_has_no_intervals_and_no_differences():
    low, high = limits(np.zeros(3), np.zeros((10, 3)), observers=1)
    assert np.isnan(low).all()
    assert np.isnan(high).all()
    assert differences(("a", "b", "c"), np.arange(3.0), np.zeros((10, 3)), 1, [np.arange(3)]) == []


def test_bias_reduction_is_that_of_firth_for_two_images():
    """For one pair with logistic differences it adds half a win to each side (Firth 1993)."""
    counts = np.array([[0.0, 7.0], [2.0, 0.0]])
    scores = fit(tally_of_wins(counts), "bradley-terry", prior_jod=np.inf, reduce_bias=True).scores
    assert scores[0] - scores[1] == pytest.approx(np.log(7.5 / 2.5) / np.log(3), abs=1e-6)


@pytest.mark.slow
def test_bias_reduction_brings_scores_closer_to_the_truth_on_average():
    truth = np.array([-1.5, -0.5, 0.5, 1.5])
    slopes = {True: [], False: []}
    for seed in range(60):
        votes = simulated(truth, Habits(), observers=3, votes=16, seed=seed)
        for reduced, found in slopes.items():
            found.append(np.polyfit(truth, fit(votes, reduce_bias=reduced).scores, 1)[0])
    assert abs(np.mean(slopes[True]) - 1) < 0.6 * abs(np.mean(slopes[False]) - 1)


def test_differences_come_with_their_own_error_and_are_corrected_after_holm():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(4000, 1))
    draws = np.array([[1.0, 0.9, -1.0]]) + shared + 0.02 * rng.normal(size=(4000, 3))
    found = differences(("a", "b", "c"), np.array([1.0, 0.9, -1.0]), draws, 10, [np.arange(3)])
    close = next(d for d in found if {d.better, d.worse} == {"a", "b"})
    assert (close.better, close.worse) == ("a", "b")
    assert close.p < 0.02, "what both scores share is no error of their difference"
    assert close.low < 0.1 < close.high
    assert found[0].mean >= found[-1].mean


def test_holm_is_the_textbook_example():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_the_mean_opinion_score_leaves_out_who_did_not_see_the_image():
    opinions = np.array([[9.0, np.nan], [3.0, 6.0]])
    np.testing.assert_allclose(resampled_mean(opinions, np.array([[1.0, 1.0], [2.0, 0.0]]))[0], [6.0, 6.0])
    assert np.isnan(resampled_mean(opinions, np.array([[2.0, 0.0]]))[0, 1])


@pytest.mark.slow
def test_intervals_of_simulated_observers_hold_the_truth():
    """A rough check of what experiments/studies/coverage.py measures: 40 studies of 6 images, 240 true values."""
    inside = []
    for seed in range(40):
        truth = np.random.default_rng(seed).uniform(0, 3, 6)
        truth -= truth.mean()
        votes = simulated(truth, Habits(), observers=15, votes=30, seed=seed)
        scale = fit(votes, reduce_bias=True)
        low, high = limits(scale.scores, bootstrap(votes, scale, observer_weights(15, 200, seed)), 15)
        inside += ((low <= truth) & (truth <= high)).tolist()
    assert 0.90 <= np.mean(inside) <= 0.99  # 0.95 with a standard error of about 0.017


def test_shares_of_wins_reach_from_0_to_1():
    votes = simulated([-3.0, 0.0, 3.0], Habits())
    wins = resampled_mean(win_shares(votes), np.ones((1, 6)))[0]
    assert 0 <= wins[0] < 0.25 < 0.75 < wins[2] <= 1


@pytest.mark.parametrize("seed", [4, 12, 13])
def test_resamples_without_a_tie_have_scales_too(seed):
    """Few observers with few ties: where nobody drawn has one, the tie threshold goes to 0, and no scale breaks."""
    votes = simulated([3.2, 1.9, 0.9, 0.04, 0.0], Habits(tie_threshold=0.2), observers=4, votes=10, seed=seed)
    scale = fit(votes, side_bias=True, reduce_bias=True)
    drawn = bootstrap(votes, scale, observer_weights(4, 50, 0), side_bias=True)
    assert np.isfinite(drawn).all()
    assert drawn.mean(0) == pytest.approx(scale.scores, abs=1.5)


def test_resamples_of_votes_are_those_of_observers_with_one_vote_each():
    """Equal votes are drawn together, which must spread scores as single ones do."""
    rng = np.random.default_rng(0)
    votes = simulated([-0.7, 0.0, 0.7], Habits())
    single = replace(
        votes, observers=tuple(range(len(votes.share))), observer=rng.permutation(len(votes.share))
    )
    scale = fit(votes, reduce_bias=True)
    together, alone = over_votes(votes, 800, 0), over_observers(single, 800, 1)
    assert together.drawn == alone.drawn == len(votes.share)
    spreads = [bootstrap(each.table, scale, each.weights).std(0) for each in (together, alone)]
    np.testing.assert_allclose(spreads[0], spreads[1], rtol=0.15)  # of 800 resamples: 2.5 % each
    wins = [resampled_mean(each.opinions, each.opinion_weights).std(0) for each in (together, alone)]
    np.testing.assert_allclose(wins[0], wins[1], rtol=0.15)
