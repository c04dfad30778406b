"""Objectives beside scales of several scenes, and which of them differ by more than chance."""

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from isptune.study.findings.correlation import correlations


def test_correlations_are_the_means_over_scales_of_what_could_be_scored():
    rng = np.random.default_rng(0)
    scales = [rng.normal(size=8), rng.normal(size=9)]
    scores = [scale + rng.normal(size=len(scale)) for scale in scales]
    scores[0][3] = np.nan
    (row,), differences = correlations({"m": scores}, scales, 50, 0)
    known = np.isfinite(scores[0])
    pairs = [(scores[0][known], scales[0][known]), (scores[1], scales[1])]
    assert row.srocc.value == pytest.approx(np.mean([spearmanr(*pair).statistic for pair in pairs]))
    assert row.krocc.value == pytest.approx(np.mean([kendalltau(*pair).statistic for pair in pairs]))
    assert row.plcc.value == pytest.approx(np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs]))
    assert (row.images, differences) == (16, [])
    assert row.srocc.low < row.srocc.value < row.srocc.high


def test_objectives_that_differ_by_chance_only_are_rarely_told_apart():
    rng = np.random.default_rng(2)
    found = []
    for seed in range(60):
        opinions = rng.normal(size=25)
        noise = {name: [rng.normal(size=25)] for name in "ab"}
        found.append(correlations(noise, [opinions], 60, seed)[1][0].p < 0.05)
    assert np.mean(found) < 0.15


def test_a_good_objective_is_told_from_noise_and_what_both_share_is_no_error():
    rng = np.random.default_rng(3)
    opinions = rng.normal(size=40)
    shared = opinions + rng.normal(size=40)
    scored = {"noise": [rng.normal(size=40)], "good": [shared], "twin": [shared + 0.01 * rng.normal(size=40)]}
    pairs = {frozenset((d.better, d.worse)): d for d in correlations(scored, [opinions], 100, 0)[1]}
    assert pairs[frozenset(("noise", "good"))].better == "good"
    assert pairs[frozenset(("noise", "good"))].p_holm < 0.01
    twins = pairs[frozenset(("good", "twin"))].difference
    assert twins.high - twins.low < 0.05
