import math

import choix
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from isptune.study.scale.likelihood import Likelihood
from isptune.study.scale.pwcmp import pwcmp_scale
from isptune.study.scale.scale import DMC_PAIRS, fit, refit, tally_of_wins, win_shares
from isptune.study.votes.comparisons import Comparisons
from tests.study.scale.published_votes import JOD, JOD_BOUNDED, WINS


def table(rows, images, observers=1):
    who, first, second, share = (np.array(column) for column in zip(*rows, strict=True))
    names = tuple(f"c{k}" for k in range(images))
    return Comparisons("sky", names, tuple(range(observers)), who, first, second, share.astype(np.float64))


@pytest.fixture
def wins():
    counts = np.random.default_rng(3).integers(1, 8, (6, 6)).astype(float)
    np.fill_diagonal(counts, 0)
    return counts


def test_bradley_terry_agrees_with_choix(wins):
    ours = fit(tally_of_wins(wins), "bradley-terry", prior_jod=math.inf).scores
    theirs = choix.ilsr_pairwise_dense(wins, tol=1e-12) / math.log(3)
    np.testing.assert_allclose(ours, theirs - theirs.mean(), atol=1e-6)


def test_a_gaussian_prior_is_that_of_choix(wins):
    """choix subtracts alpha times the sum of squared log odds; a prior of s JOD has alpha 1 / (2 (s ln 3)^2)."""
    data = [(i, j) for i in range(6) for j in range(6) for _ in range(int(wins[i, j]))]
    theirs = choix.opt_pairwise(6, data, alpha=1 / (2 * (2 * math.log(3)) ** 2), tol=1e-10) / math.log(3)
    ours = fit(tally_of_wins(wins), "bradley-terry", prior_jod=2.0).scores
    np.testing.assert_allclose(ours, theirs - theirs.mean(), atol=1e-5)


def test_two_images_are_one_jod_apart_when_three_of_four_prefer_the_better():
    counts = np.array([[0.0, 75.0], [25.0, 0.0]])
    for model in ("thurstone", "bradley-terry"):
        scores = fit(tally_of_wins(counts), model, prior_jod=math.inf).scores
        assert scores[0] - scores[1] == pytest.approx(1.0, abs=1e-4)


def test_the_chain_in_the_manual_of_pwcmp():
    """Its example: 75 of 100 prefer the second to the first, and the third to the second."""
    counts = np.array([[0, 25, 0], [75, 0, 25], [0, 75, 0]], dtype=float)
    np.testing.assert_allclose(fit(tally_of_wins(counts)).scores, [-1, 0, 1], atol=2e-3)
    np.testing.assert_allclose(pwcmp_scale(counts), [-1, 0, 1], atol=2e-3)


@pytest.mark.parametrize("scene", list(WINS))
def test_the_scale_of_pwcmp_is_that_of_its_present_prior(scene):
    wins = np.array(WINS[scene], dtype=np.float64)
    found = pwcmp_scale(wins)
    np.testing.assert_allclose(found, JOD[scene], atol=1e-3)
    np.testing.assert_allclose(found, JOD_BOUNDED[scene], atol=0.34)  # its former prior
    best = loss_of_pwcmp(found, wins)
    rng = np.random.default_rng(0)
    assert all(loss_of_pwcmp(found + rng.normal(0, 0.01, len(found)), wins) > best for _ in range(20))


def loss_of_pwcmp(scores, wins):
    """Pair by pair, as its manual describes it."""
    pairs = [(i, j) for i, j in np.ndindex(wins.shape) if wins[i, j] + wins[j, i] > 0]
    chance = {(i, j): norm.cdf(scores[i] - scores[j], scale=1.4826) for i, j in pairs}

    def likely(at, votes):
        won, lost = wins[votes], wins[votes[::-1]]
        if won == 0:
            won, lost = 1, lost - 1
        elif lost == 0:
            won, lost = won - 1, 1
        return chance[at] ** won * (1 - chance[at]) ** lost

    whole = {votes: sum(likely(at, votes) for at in pairs) + 1e-8 for votes in pairs}
    total = 0.01 * np.mean(scores) ** 2
    for i, j in pairs:
        prior = sum((likely((i, j), votes) + 1e-8) / whole[votes] for votes in pairs)
        total -= (
            wins[i, j] * np.log(chance[i, j]) + wins[j, i] * np.log(1 - chance[i, j]) + np.log(prior + 0.1)
        )
    return total


def test_the_scale_of_pwcmp_takes_large_tables_and_parts_that_no_vote_connects():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=120)
    wins = np.zeros((120, 120))
    for i, j in np.argwhere(np.triu(np.ones((120, 120)), 1)):
        wins[i, j] = rng.binomial(6, norm.cdf(truth[i] - truth[j], scale=1.4826))
        wins[j, i] = 6 - wins[i, j]
    assert np.corrcoef(pwcmp_scale(wins), truth)[0, 1] > 0.99
    apart = np.array([[0, 6, 0, 0], [2, 0, 0, 0], [0, 0, 0, 6], [0, 0, 2, 0]], dtype=float)
    found = pwcmp_scale(apart)
    np.testing.assert_allclose(found[:2], found[2:], atol=1e-5)


def likelihood_with_ties(point, rows, images, sides):
    _, first, second, share = (np.array(column) for column in zip(*rows, strict=True))
    scores, threshold = point[:images], point[images]
    gap = scores[first] - scores[second] + (point[images + 1] if sides else 0.0)
    low, high = norm.cdf(gap - threshold, scale=1.4826), norm.cdf(gap + threshold, scale=1.4826)
    chance = np.select([share == 1.0, share == 0.5], [low, high - low], 1 - high)
    return np.log(chance).sum() - ((scores / 10.0) ** 2).sum() / 2


@pytest.mark.parametrize("sides", [False, True])
def test_ties_and_sides_are_fitted_to_the_highest_likelihood(sides):
    rng = np.random.default_rng(5)
    truth = np.array([-1.0, -0.3, 0.4, 0.9])
    rows = []
    for _ in range(300):
        i, j = rng.choice(4, 2, replace=False)
        felt = truth[i] - truth[j] + 0.4 + 1.4826 * rng.standard_normal()
        rows.append((0, int(i), int(j), 0.5 if abs(felt) < 0.5 else float(felt > 0)))
    ours = fit(table(rows, 4), side_bias=sides)
    start = np.concatenate([np.zeros(4), [0.3], [0.0] * sides])
    found = minimize(lambda x: -likelihood_with_ties(x, rows, 4, sides), start, method="BFGS")
    np.testing.assert_allclose(ours.scores, found.x[:4] - found.x[:4].mean(), atol=2e-4)
    assert ours.tie_threshold == pytest.approx(found.x[4], abs=2e-4)
    if sides:
        assert ours.side_bias == pytest.approx(found.x[5], abs=2e-4)
        assert 0.1 < ours.side_bias < 0.7


def test_an_image_that_always_wins_gets_a_finite_score():
    rows = [(0, 0, 1, 1.0)] * 5 + [(0, 1, 2, 1.0), (0, 1, 2, 0.0)]
    scores = fit(table(rows, 3)).scores
    assert np.isfinite(scores).all()
    assert scores[0] > scores[1] + 1
    assert scores.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("apart", [16.0, -16.0])
def test_a_tie_of_images_that_lie_far_apart_is_unlikely_but_not_impossible(apart):
    counts = np.array([[[0.0, 1.0, 0.0]]])
    likelihood = Likelihood(2, np.array([0]), np.array([1]), counts, "thurstone")
    point = likelihood.start(np.array([apart / 2, -apart / 2]), 0.5, 0.0)
    expected = norm.logcdf(-15.5 / 1.4826) + np.log1p(
        -np.exp(norm.logcdf(-16.5 / 1.4826) - norm.logcdf(-15.5 / 1.4826))
    )
    assert likelihood.log_likelihood(point)[0] == pytest.approx(
        expected, rel=1e-4
    )  # JOD_SIGMA is 1.4826 rounded


def test_half_wins_for_ties_are_what_a_matrix_of_wins_holds():
    rows = [(0, 0, 1, 1.0), (0, 1, 0, 0.5), (0, 1, 2, 0.5), (0, 2, 0, 0.0), (0, 2, 1, 1.0)]
    votes = table(rows, 3)
    by_votes = fit(votes, ties="half").scores
    np.testing.assert_allclose(by_votes, fit(tally_of_wins(votes.wins())).scores, atol=1e-7)


def test_the_share_of_wins_times_nine_is_the_opinion_score_of_dmc():
    rows = [(0, 0, k, 1.0) for k in range(1, 8)] + [(0, 8, 0, 0.5), (0, 9, 0, 1.0)]
    rows += [(1, 0, k, 0.0) for k in range(1, 10)]
    opinions = DMC_PAIRS * win_shares(table(rows, 10, observers=2))
    assert opinions[0, 0] == pytest.approx(7.5)
    assert opinions[1, 0] == 0
    assert opinions[0, 9] == 9
    assert opinions[:, 0].mean() == pytest.approx(3.75)


def test_an_image_without_votes_of_an_observer_has_no_opinion():
    opinions = win_shares(table([(0, 0, 1, 1.0), (1, 1, 2, 1.0)], 3, observers=2))
    assert np.isnan(opinions[0, 2])
    assert np.isnan(opinions[1, 0])


def test_groups_that_no_vote_connects_are_found():
    votes = table([(0, 0, 1, 1.0), (0, 2, 3, 1.0)], 5)
    assert [members.tolist() for members in votes.groups()] == [[0, 1], [2, 3]]


def test_observers_can_be_left_out_and_weighed():
    votes = table([(0, 0, 1, 1.0), (1, 0, 1, 0.0), (1, 1, 2, 0.5)], 3, observers=2)
    assert votes.without([0]).observers == (1,)
    np.testing.assert_array_equal(votes.only([1]).wins(), votes.wins(np.array([0.0, 1.0])))
    assert votes.counts.tolist() == [2, 3, 1]


@pytest.mark.parametrize("reduce_bias", [False, True])
@pytest.mark.parametrize("model", ["thurstone", "bradley-terry"])
def test_a_side_that_always_wins_leaves_scales_of_finite_numbers(model, reduce_bias):
    rows = [(o, i, j, 1.0) for o in range(3) for i in range(3) for j in range(3) if i != j for _ in range(20)]
    rows[7] = (*rows[7][:3], 0.5)
    votes = table(rows, 3, observers=3)
    scale = fit(votes, model, side_bias=True, reduce_bias=reduce_bias)
    without_the_tie = np.array([[0.0, 2.0, 1.0], [0.0, 0.0, 3.0]])
    resampled = refit(votes, scale, without_the_tie, model, side_bias=True, reduce_bias=reduce_bias)
    assert np.isfinite([*scale.scores, *resampled.ravel()]).all()
    assert scale.side_bias > 1
