"""The fit before Pearson's correlation adds nothing to it."""

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import pearsonr

from isptune.study.scale.linear_correlation import FEWEST_FOR_A_CURVE, bent, plcc


@pytest.mark.parametrize("images", [6, 20, 60])
def test_noise_has_no_correlation_on_average_and_the_spread_of_a_straight_one(images):
    rng = np.random.default_rng(images)
    values = [plcc(rng.normal(size=images), rng.normal(size=images)) for _ in range(200)]
    spread = 1 / np.sqrt(images - 1)  # of Pearson's own correlation of noise
    assert abs(np.mean(values)) < 3 * spread / np.sqrt(200)
    assert np.std(values) < 1.3 * spread


@pytest.mark.parametrize("images", [6, 50])
def test_a_metric_that_is_exactly_wrong_has_a_correlation_below_zero(images):
    scale = np.random.default_rng(0).normal(size=images)
    assert plcc(np.tanh(scale), scale) > 0.9
    assert plcc(-np.tanh(scale), scale) == pytest.approx(-plcc(np.tanh(scale), scale), abs=1e-9)


def test_few_images_are_not_bent():
    scores = np.arange(FEWEST_FOR_A_CURVE - 1.0)
    assert bent(scores, scores**3) is scores


def test_with_many_images_it_is_the_correlation_after_the_fields_logistic():
    """VQEG's curve of four parameters, fitted by scipy to all images."""
    rng = np.random.default_rng(1)
    opinions = rng.normal(size=600)
    scores = np.exp(1.5 * opinions + 0.5 * rng.normal(size=600))

    def logistic(x, top, bottom, middle, width):
        return bottom + (top - bottom) / (1 + np.exp(-(x - middle) / abs(width)))

    x = (scores - scores.mean()) / scores.std()
    fitted, _ = curve_fit(logistic, x, opinions, [2.0, -2.0, 0.0, 0.5], maxfev=20_000)
    theirs = pearsonr(logistic(x, *fitted), opinions)[0]
    assert theirs - pearsonr(scores, opinions)[0] > 0.1, "a bend that matters"
    assert plcc(scores, opinions) == pytest.approx(theirs, abs=0.01)


def test_scores_that_are_all_equal_have_none():
    assert plcc(np.ones(30), np.arange(30.0)) == 0.0
