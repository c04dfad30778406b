"""Statistics of the comparison against SciPy's, and against counting by hand."""

import itertools

import numpy as np
import pytest
import scipy.stats

from isptune.report.resampling import holm, mean_interval, sign_flip_p, smallest_p

VALUES = np.random.default_rng(5).gamma(2.0, 0.02, 10).tolist()


def test_the_interval_is_scipys_percentile_bootstrap():
    ours = mean_interval(VALUES)
    theirs = scipy.stats.bootstrap(
        (VALUES,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(9)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.mean == pytest.approx(np.mean(VALUES))
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)
    assert ours.n == 10


def test_the_interval_is_the_same_every_time_and_missing_for_one_value():
    assert mean_interval(VALUES) == mean_interval(VALUES)
    one = mean_interval([0.5])
    assert one.mean == 0.5
    assert np.isnan([one.low, one.high]).all()


def test_the_flip_test_is_scipys_exact_permutation_test():
    differences = np.array([0.3, -0.1, 0.4, 0.2, 0.05, 0.3, -0.2])
    theirs = scipy.stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert sign_flip_p(differences.tolist()) == pytest.approx(theirs.pvalue)


def test_three_repeats_that_point_one_way_are_not_larger_than_chance_though_their_interval_holds_no_zero():
    differences = [0.1, 0.11, 0.12]
    assert mean_interval(differences).low > 0
    assert sign_flip_p(differences) == 0.25


def test_many_repeats_are_tested_by_random_flips():
    differences = np.random.default_rng(1).normal(0.3, 1.0, 40)
    normal = 2 * scipy.stats.norm.sf(abs(differences.mean()) / np.sqrt((differences**2).sum()) * 40)
    assert sign_flip_p(differences.tolist()) == pytest.approx(normal, abs=0.02)


def test_no_difference_is_no_evidence():
    assert sign_flip_p([0.0, 0.0]) == 1.0
    assert sign_flip_p([]) == 1.0


def test_holm_corrects_as_published_and_never_reorders():
    # Holm 1979: smallest times 3, next times 2, then times 1, each at least the one before.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_the_smallest_p_is_what_the_clearest_differences_reach():
    for repeats, pairs in itertools.product((2, 5, 8), (1, 3)):
        p = sign_flip_p([1.0 + 0.01 * i for i in range(repeats)])
        assert holm([p] * pairs)[0] == pytest.approx(smallest_p(repeats, pairs))
