from collections import Counter

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from isptune.errors import ConfigError
from isptune.study.plan import designs
from isptune.study.plan.folder import Plan
from isptune.study.plan.schedule import schedule_of
from isptune.study.scale.posterior import JOD_SIGMA, Posterior, information_gain
from isptune.study.votes.answers import Answers
from tests.study.studies import study_of

BARE = {"repeats": 0, "anchors": 0, "training": 0}


def unordered(pairs):
    return [(p.scene, frozenset((p.first, p.second))) for p in pairs]


def test_the_dmc_schedule_asks_450_pairs_of_100_images_each_in_nine(tmp_path):
    study = study_of(tmp_path / "s", images=100, plan=Plan(**BARE))
    pairs = schedule_of(study).batch(1, 0, list)
    assert len(pairs) == 450
    assert len(set(unordered(pairs))) == 450
    assert set(Counter(c for p in pairs for c in (p.first, p.second)).values()) == {9}
    lead = Counter(p.first for p in pairs)
    lead.subtract(p.second for p in pairs)
    assert max(abs(v) for v in lead.values()) <= 5
    assert abs(np.mean([lead[f"c{k:03d}"] for k in range(100)])) < 0.01


def test_observers_get_other_pairs_and_the_same_observer_the_same(tmp_path):
    schedule = schedule_of(study_of(tmp_path / "s", images=20, plan=Plan(**BARE)))
    assert schedule.batch(1, 0, list) == schedule.batch(1, 0, list)
    assert schedule.batch(1, 0, list) != schedule.batch(2, 0, list)
    assert schedule.batch(1, 90, list) == []


@pytest.mark.parametrize(
    ("images", "count"), [(7, 3), (10, 9), (10, 20), (3, 1), (2, 9), (11, 9), (40, 37), (9, 7)]
)
def test_a_random_pairing_is_regular_up_to_one_image(images, count):
    for seed in range(20):
        pairs = designs.every_image_in(count, images, np.random.default_rng(seed))
        assert len({frozenset(p) for p in pairs}) == len(pairs)
        met = Counter(i for p in pairs for i in p)
        short = [images - 1 if count >= images - 1 else count - met[i] for i in range(images)]
        if count < images - 1:
            assert sorted(map(abs, short)) == [0] * (images - 1) + [(images * count) % 2]
        else:
            assert len(pairs) == images * (images - 1) // 2


def test_pairs_stay_within_a_scene_and_scenes_mix(tmp_path):
    study = study_of(tmp_path / "s", scenes=("sky", "sea"), images=6, plan=Plan(schedule="complete", **BARE))
    pairs = schedule_of(study).batch(1, 0, list)
    assert len(set(unordered(pairs))) == len(pairs) == 30
    order = [p.scene for p in pairs]
    assert order != sorted(order)
    assert order != sorted(order, reverse=True)


def test_a_share_of_the_complete_design_covers_it_over_observers(tmp_path):
    plan = Plan(schedule="complete", pairs_per_observer=15, **BARE)
    schedule = schedule_of(study_of(tmp_path / "s", images=10, plan=plan))
    asked = [pair for observer in (1, 2, 3) for pair in unordered(schedule.batch(observer, 0, list))]
    assert schedule.total == 15
    assert len(set(asked)) == 45


def test_repeats_change_sides_and_anchors_are_the_widest_pairs(tmp_path):
    plan = Plan(repeats=4, anchors=2, training=3, pairs_per_image=5)
    schedule = schedule_of(study_of(tmp_path / "s", images=12, plan=plan))
    pairs = schedule.batch(1, 0, list)
    kinds = Counter(p.kind for p in pairs)
    assert kinds == {"training": 3, "vote": 30, "repeat": 4, "anchor": 2}
    assert len(pairs) == schedule.total
    assert [p.kind for p in pairs[:3]] == ["training"] * 3
    votes = {(p.first, p.second): k for k, p in enumerate(pairs) if p.kind == "vote"}
    for k, pair in enumerate(pairs):
        if pair.kind == "repeat":
            assert votes[pair.second, pair.first] < k
    anchors = {frozenset((p.first, p.second)) for p in pairs if p.kind == "anchor"}
    assert anchors == {frozenset(("c000", "c011")), frozenset(("c001", "c010"))}


def test_anchors_without_known_scores_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="anchors = 2 needs images with known scores"):
        schedule_of(study_of(tmp_path / "s", scored=False))


@pytest.mark.parametrize("kind", ["swiss", "active"])
def test_adaptive_schedules_ask_what_they_announce(tmp_path, kind):
    plan = Plan(schedule=kind, pairs_per_image=5, repeats=2, anchors=1, training=1)
    study = study_of(tmp_path / "s", scenes=("sky", "sea"), images=7, plan=plan)
    with Answers(study.answers_path, schedule_of(study)) as answers:
        for _ in range(2):
            token, number = answers.add_observer().token, 0
            while pairs := answers.open_pairs(token):
                number = pairs[0].number
                better = "first" if pairs[0].pair.first > pairs[0].pair.second else "second"
                answers.vote(token, number, f"client-{number}", better)
            progress = answers.progress(token)
            assert progress.finished
            assert progress.done == progress.total == number
        kinds = Counter(vote.kind for vote in answers.votes())
    votes = {"swiss": 2 * 2 * 5 * 3, "active": 2 * 2 * 18}[kind]
    assert kinds == {"vote": votes, "repeat": 4, "anchor": 2, "training": 2}


def test_swiss_neighbours_meet_and_nobody_meets_twice():
    met = {frozenset((0, 1))}
    pairs = designs.swiss_round([3, 3, 2, 2, 0, 0], met, np.random.default_rng(0))
    assert frozenset((0, 1)) not in {frozenset(p) for p in pairs}
    assert frozenset((4, 5)) in {frozenset(p) for p in pairs}
    assert sorted(i for p in pairs for i in p) == list(range(6))


def test_a_spanning_tree_connects_all_and_prefers_close_images():
    wins = np.zeros((8, 8))
    for i in range(8):
        for j in range(8):
            wins[i, j] = 4 * (i > j) if abs(i - j) > 1 else 2 * (i != j)
    tree = designs.spanning_tree(wins, np.random.default_rng(0))
    assert len(tree) == 7
    reached = {0}
    for _ in range(8):
        reached |= {k for pair in tree for k in pair if set(pair) & reached}
    assert reached == set(range(8))
    assert np.mean([abs(i - j) for i, j in tree]) < 2


def test_the_information_gain_is_the_expected_divergence_of_the_posterior():
    mean, covariance = np.array([0.5, -0.4]), np.array([[1.0, 0.3], [0.3, 0.8]])
    step = 0.02  # far below the width of the peak: the sum over a grid is exact to rounding
    x, y = np.meshgrid(np.arange(-7, 8, step), np.arange(-7, 7, step), indexing="ij")
    density = multivariate_normal(mean, covariance).pdf(np.stack([x, y], -1)) * step**2

    def expect(f):
        return float((density * f(x - y)).sum())

    win = expect(lambda d: norm.cdf(d / JOD_SIGMA))
    gain = 0.0
    for chance, sign in ((win, 1), (1 - win, -1)):
        likelihood = lambda d, s=sign: norm.cdf(s * d / JOD_SIGMA)  # noqa: E731
        gain += expect(lambda d, f=likelihood, c=chance: f(d) * np.log(np.maximum(f(d), 1e-300) / c))
    found = information_gain(Posterior(mean, covariance))
    assert found[0, 1] == pytest.approx(gain, rel=1e-4)
    assert found[0, 0] == 0


def test_the_posterior_is_the_curvature_at_its_peak():
    rng = np.random.default_rng(1)
    wins = rng.integers(0, 5, (5, 5)).astype(float)
    np.fill_diagonal(wins, 0)
    posterior = Posterior.of_wins(wins)

    def log_posterior(scores):
        chance = norm.logcdf((scores[:, None] - scores[None]) / JOD_SIGMA)
        return (wins * chance).sum() - (scores**2).sum() / 18

    step = 1e-3
    for i in range(5):
        unit = step * np.eye(5)[i]
        slope = (log_posterior(posterior.mean + unit) - log_posterior(posterior.mean - unit)) / (2 * step)
        assert abs(slope) < 1e-5
        for j in range(5):
            other = step * np.eye(5)[j]
            bend = sum(
                s * t * log_posterior(posterior.mean + s * unit + t * other) for s in (1, -1) for t in (1, -1)
            ) / (4 * step**2)
            assert -bend == pytest.approx(np.linalg.inv(posterior.covariance)[i, j], abs=1e-4)
