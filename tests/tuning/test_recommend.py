from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from isptune.errors import AllFailed
from isptune.runs.answer import Interval, SecondOpinion
from isptune.runs.log import Trial
from isptune.tuning.recommend import Reevaluated, best, best_seen, disagreement, verdict


def _entry(values, error=None):
    scores = {} if error else {"ssim": values}
    return Reevaluated({"x": 0.5}, scores, (), None, None, error)


def test_the_interval_is_students():
    values = np.random.default_rng(0).normal(3, 2, 7).tolist()
    interval = Interval.of(values)
    low, high = stats.t.interval(0.95, 6, loc=np.mean(values), scale=stats.sem(values))
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert interval.n == 7


@pytest.mark.slow
def test_the_interval_covers_the_mean_in_95_of_100_cases():
    rng = np.random.default_rng(1)
    intervals = [Interval.of(rng.normal(1, 1, 5).tolist()) for _ in range(2000)]
    covered = np.mean([interval.low <= 1 <= interval.high for interval in intervals])
    assert covered == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 2000))


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0, 2.0]])
def test_equal_values_have_an_interval_of_no_width(values):
    interval = Interval.of(values)
    assert (interval.low, interval.mean, interval.high) == (2.0, 2.0, 2.0)


def test_the_best_entry_is_chosen_by_its_mean_and_direction():
    entries = [_entry([0.5, 0.9]), _entry([0.6, 0.7]), _entry([], "it broke")]
    assert best(entries, "ssim", "maximize") == 0
    assert best(entries, "ssim", "minimize") == 1
    with pytest.raises(AllFailed, match="it broke"):
        best(entries[2:], "ssim", "maximize")


def test_the_best_trials_come_in_order_each_once_and_without_failures_and_known_ones():
    trials = [Trial(0, {"x": x}) for x in (0.1, 0.2, 0.3, 0.3, 0.4, 0.5)]
    losses = [0.5, float("nan"), 0.1, 0.2, 0.0, 0.9]
    assert best_seen(trials, losses, [{"x": 0.4}], 2) == [{"x": 0.3}, {"x": 0.1}]
    assert best_seen(trials, losses, [], 9) == [{"x": 0.4}, {"x": 0.3}, {"x": 0.1}, {"x": 0.5}]


@pytest.mark.parametrize(
    ("default", "recommended", "direction", "says"),
    [
        ([1.0, 1.1, 1.2], [2.0, 2.1, 2.2], "maximize", "better"),
        ([1.0, 1.1, 1.2], [2.0, 2.1, 2.2], "minimize", "worse"),
        ([1.0, 1.1, 1.2], [1.05, 1.0, 1.25], "maximize", "same"),
        ([1.0, 1.0], [1.0, 1.0], "maximize", "same"),
        ([1.0, 1.0], [1.0 + 1e-7, 1.0 + 1e-7], "maximize", "same"),
        ([0.0], [0.0], "minimize", "same"),
    ],
)
def test_a_verdict_needs_more_than_chance(default, recommended, direction, says):
    assert verdict(_entry(default), _entry(recommended), "ssim", direction) == says


def test_what_a_change_costs_has_to_be_gained_first():
    start, found = _entry([1.0, 1.1, 1.2]), _entry([2.0, 2.1, 2.2])
    assert verdict(start, found, "ssim", "maximize", cost=0.9) == "better"
    assert verdict(start, found, "ssim", "maximize", cost=1.0) == "same"
    assert verdict(found, start, "ssim", "minimize", cost=1.1) == "worse"


def test_without_noise_the_interval_is_that_of_the_crops_about_the_whole_picture():
    crops = {"one": {"ssim": [0.5, 0.7]}, "other": {"ssim": [0.6, 0.8]}}
    better = {"one": {"ssim": [0.6, 0.8]}, "other": {"ssim": [0.7, 0.9]}}
    start = replace(_entry([0.9]), crops=crops, scenes={"one": {"ssim": [0.8]}, "other": {"ssim": [1.0]}})
    found = replace(_entry([0.95]), crops=better, scenes={"one": {"ssim": [0.85]}, "other": {"ssim": [1.05]}})
    low, high = stats.t.interval(0.95, 3, loc=0.9, scale=stats.sem([0.5, 0.7, 0.6, 0.8]))
    interval = start.interval("ssim")
    assert (interval.mean, interval.low, interval.high, interval.n) == pytest.approx((0.9, low, high, 4))
    assert start.interval("ssim", "one").mean == 0.8
    assert found.gain(start, "ssim").mean == pytest.approx(0.05)
    assert found.gain(start, "ssim").half_width == pytest.approx(0.0, abs=1e-12)  # every crop gains the same
    assert verdict(start, found, "ssim", "maximize") == "better"
    assert replace(start, pooled=False).interval("ssim") == Interval(0.9, 0.9, 0.9, 1)  # the worst scene, say


def _opinions(**verdicts):
    return [SecondOpinion(name, "maximize", 0.0, 1.0, says) for name, says in verdicts.items()]


def test_a_warning_comes_only_where_most_disagree():
    assert disagreement("tv", _opinions(ssim="worse", niqe="better")) is None
    assert disagreement("tv", _opinions(ssim="same")) is None
    assert disagreement("tv", []) is None
    warning = disagreement("tv", _opinions(ssim="worse", psnr="worse", niqe="better", fsim=None))
    assert "2 of 3 second opinions (ssim, psnr)" in warning
    assert "tv may have been gamed" in warning
