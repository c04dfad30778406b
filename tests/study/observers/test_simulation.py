import math

import numpy as np
import pytest

from isptune.errors import ConfigError
from isptune.study.observers.simulation import Habits, SimulatedObserver
from isptune.study.scale.agreement import agreement_with_others, behaviour, kendalls_w
from isptune.study.scale.screening import Screening, screen
from isptune.study.votes.votes import Pair, VoteRecord
from tests.study.scale.test_intervals import simulated
from tests.study.scale.test_scale import table


def test_kendalls_w_is_that_of_the_textbook():
    """Siegel and Castellan's example: three judges, six applicants; W = 0.16 without ties."""
    ranks = np.array([[1, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]], dtype=float)
    assert kendalls_w(ranks).w == pytest.approx(0.162, abs=1e-3)


def test_kendalls_w_is_1_for_equal_opinions_and_leaves_out_what_not_all_saw():
    alike = np.tile(np.array([1.0, 2, 2, 5, 7]), (4, 1))
    assert kendalls_w(alike).w == pytest.approx(1.0)
    alike[0, 4] = np.nan
    found = kendalls_w(alike)
    assert (found.w, found.images) == (pytest.approx(1.0), 4)
    assert math.isnan(kendalls_w(alike[:1]).w)


def record(number, first, second, answer, kind="vote", ms=1000):
    return VoteRecord(1, number, "1", "sky", first, second, answer, kind, ms, None)


def test_repeats_anchors_sides_and_times_are_counted():
    votes = [
        record(1, "a", "b", "first", ms=1000),
        record(2, "b", "c", "second", ms=3000),
        record(3, "c", "a", "none", ms=5000),
        record(4, "b", "a", "second", "repeat"),
        record(5, "c", "b", "none", "repeat"),
        record(6, "c", "a", "first", "anchor"),
        record(7, "a", "b", "first", "training"),
    ]
    found = behaviour(votes, {("sky", "a"): 0.9, ("sky", "c"): 0.1}, agreement=0.8)
    assert (found.votes, found.repeats, found.anchors) == (3, 2, 1)
    assert found.no_difference == pytest.approx(1 / 3)
    assert found.left == 0.5
    assert found.response_s == 3.0
    assert found.consistency == 0.75
    assert found.anchors_right == 0
    assert found.agreement == 0.8


@pytest.mark.slow
def test_an_observer_who_answers_at_random_agrees_with_half_and_is_unlikely():
    good = simulated(np.linspace(-2, 2, 8), Habits(), observers=12, votes=80)
    rng = np.random.default_rng(0)
    rows = list(
        zip(good.observer.tolist(), good.first.tolist(), good.second.tolist(), good.share, strict=True)
    )
    rows += [(12, *map(int, rng.choice(8, 2, replace=False)), float(rng.random() < 0.5)) for _ in range(80)]
    votes = {"s": table(rows, 8, 13)}
    agreement = agreement_with_others(votes)
    assert agreement[12] < 0.65 < min(agreement[k] for k in range(12))
    screened = screen(votes)
    assert screened[12].unlikely
    assert screened[12].distance == max(s.distance for s in screened.values())
    assert sum(s.unlikely for s in screened.values()) <= 2


def test_the_likelihood_of_an_observer_is_given_by_the_others():
    """Two observers who agree fully: each is as likely as the other's scale says."""
    votes = table([(o, 0, 1, s) for o in (0, 1) for s in (1.0, 1.0, 1.0, 0.0)], 2, 2)
    found = screen({"s": votes})
    # The others' scale has 75 %: three of four wins have the chance C(4, 3) 0.75^3 0.25.
    assert found[0].log_likelihood == pytest.approx(math.log(4 * 0.75**3 * 0.25) / 4, abs=1e-4)


def test_the_test_of_bt500_wants_far_opinions_on_both_sides():
    assert Screening(0.0, 0.0, 3, 3, 100).erratic
    assert not Screening(0.0, 0.0, 6, 0, 100).erratic
    assert not Screening(0.0, 0.0, 2, 2, 100).erratic
    assert Screening(0.0, 1.6, 0, 0, 100).unlikely


def test_simulated_observers_have_the_habits_they_are_given():
    scale = {("s", "a"): 1.0, ("s", "b"): 0.0}

    def shares(habits):
        observer = SimulatedObserver(scale, habits, seed=1)
        answers = [observer.answer(Pair("s", "a", "b")) for _ in range(4000)]
        return answers.count("first") / 4000, answers.count("none") / 4000

    assert shares(Habits())[0] == pytest.approx(0.75, abs=0.03)
    assert shares(Habits(lapse=1.0))[0] == pytest.approx(0.5, abs=0.03)
    assert shares(Habits(side_bias=1.0))[0] == pytest.approx(0.911, abs=0.03)
    assert shares(Habits(tie_threshold=0.5))[1] > 0.15
    with pytest.raises(ConfigError, match="lapse = 1.5 is not in"):
        Habits(lapse=1.5)
