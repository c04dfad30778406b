"""Learning prompts: losses and pairs against plain loops, seeds, early stopping, and that it learns."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from isptune.errors import ConfigError
from objectives.no_reference.lightweight_metrics import Standardisation
from objectives.scorenet.prompts import HEADS, Design, cocoop_learner, plain_prompts, scorenet_learner
from objectives.training.pictures import agreement
from objectives.training.scorenet.training import (
    Recipe,
    Samples,
    batches,
    fit,
    loss_of,
    ordered_pairs,
    predict,
    samples,
    scale_of,
)
from tests.objectives.fake_encoder import FakeEncoder
from tests.objectives.training.scorenet.feature_tables import METRICS, table

HEAD = HEADS["align"]
QUICK = Recipe(epochs=8, batch=32, learning_rate=2e-2)


def parts(**options):
    """To learn from, to stop by, to validate with, on the scales of the first."""
    tables = [table(count=count, seed=seed, **options) for seed, count in enumerate((160, 60, 60))]
    standardisation, scale = Standardisation.of(tables[0].metrics), scale_of(tables[0])
    return [samples(each, standardisation, scale) for each in tables]


def learn(recipe=QUICK, design=None, make=None, **options):
    encoder, (train, stopping, validation) = FakeEncoder(), parts(**options)
    make = make or (lambda: scorenet_learner(encoder, HEAD, len(METRICS), design or Design()))
    learner, history = fit(encoder, make, HEAD, train, stopping, recipe)
    return predict(encoder, learner, HEAD, validation), history, validation, learner


def srocc(scores, part):
    return spearmanr(scores.numpy(), part.scores.numpy()).statistic


@pytest.mark.slow
@pytest.mark.parametrize("expansion", ["sum", "product"])
@pytest.mark.parametrize("loss", ["huber", "plcc"])
def test_learned_prompts_agree_better_than_plain_ones(expansion, loss):
    recipe = Recipe(loss, epochs=8, batch=32, learning_rate=2e-2)
    scores, history, validation, _ = learn(recipe, Design(expansion))
    plain = predict(FakeEncoder(), plain_prompts(FakeEncoder(), HEAD), HEAD, validation)
    # The quality is mostly a function of the metrics, which the plain prompts do not see.
    assert srocc(plain, validation) < 0.4
    assert srocc(scores, validation) > 0.8
    assert history.agreements[0] < history.agreements[history.kept]


@pytest.mark.slow
def test_metrics_help_where_the_image_does_not_tell():
    without = Design(use_metrics=False)
    scores, _, validation, _ = learn(design=without)
    cocoop, _, _, _ = learn(make=lambda: cocoop_learner(FakeEncoder(), HEAD))
    full, _, _, _ = learn()
    assert srocc(full, validation) > srocc(scores, validation) + 0.2
    assert srocc(full, validation) > srocc(cocoop, validation) + 0.2


@pytest.mark.slow
def test_versions_in_a_known_order_teach_without_any_score():
    scores, _, validation, _ = learn(scored=False, versions=4)
    plain = predict(FakeEncoder(), plain_prompts(FakeEncoder(), HEAD), HEAD, validation)
    better, worse = ordered_pairs(validation.groups, validation.distances).T
    shares = [float((x[better] > x[worse]).float().mean()) for x in (plain, scores)]
    # Of 90 pairs: chance has half of them in order, give or take 5 %.
    assert shares[1] > max(0.7, shares[0] + 0.2)


@pytest.mark.slow
def test_the_same_seed_learns_the_same_and_leaves_the_global_stream_alone():
    before = torch.random.get_rng_state()
    first, history, _, _ = learn()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(5)
    second, again, _, _ = learn()
    other, _, _, _ = learn(Recipe(epochs=8, batch=32, learning_rate=2e-2, seed=1))
    assert torch.equal(first, second)
    assert history == again
    assert not torch.equal(first, other)
    torch.random.set_rng_state(before)


def test_the_epoch_that_agrees_best_is_kept_and_patience_ends_learning():
    recipe = Recipe(epochs=200, patience=2, batch=32, learning_rate=0.3)  # so large that it wanders
    encoder, (train, stopping, _) = FakeEncoder(), parts()
    learner, history = fit(
        encoder,
        lambda: scorenet_learner(encoder, HEAD, len(METRICS), Design()),
        HEAD,
        train,
        stopping,
        recipe,
    )
    assert len(history.agreements) == history.kept + 3 < 200
    assert history.agreements[history.kept] == max(history.agreements)
    assert srocc(predict(encoder, learner, HEAD, stopping), stopping) == pytest.approx(
        max(history.agreements), abs=1e-9
    )


def test_plain_prompts_have_nothing_to_learn():
    _, history, _, _ = learn(make=lambda: plain_prompts(FakeEncoder(), HEAD))
    assert history.kept == 0
    assert len(history.agreements) == 1


def test_a_part_that_tells_nothing_is_refused():
    with pytest.raises(ConfigError, match="neither scores nor versions"):
        learn(scored=False)


def some_samples():
    groups = torch.tensor([0, 0, 0, -1, -1, 1, 1, -1])
    distances = torch.tensor([0.0, 1.0, 1.0, 0.0, 2.0, 3.0, torch.nan, torch.nan])
    scores = torch.tensor([0.9, 0.1, torch.nan, 0.5, 0.45, torch.nan, 0.2, 0.7])
    return Samples(torch.zeros(8, 1), torch.zeros(8, 0), scores, groups, distances)


def test_ordered_pairs_are_those_of_a_plain_loop():
    drawn = torch.Generator().manual_seed(0)
    groups = torch.randint(-1, 4, (40,), generator=drawn)
    distances = torch.randint(0, 3, (40,), generator=drawn).float()
    distances[::5] = torch.nan
    expected = {
        (i, j)
        for i, j in itertools.permutations(range(40), 2)
        if groups[i] == groups[j] >= 0 and distances[i] < distances[j]
    }
    found = ordered_pairs(groups, distances).tolist()
    assert len(found) == len(expected)
    assert set(map(tuple, found)) == expected


@pytest.mark.parametrize("loss", ["huber", "plcc"])
def test_the_loss_is_that_of_its_formula(loss):
    part, given = some_samples(), [0.3, 0.35, 0.2, 0.5, 0.8, 0.1, 0.6, 0.65]
    wanted = part.scores.tolist()
    known = [(s, w) for s, w in zip(given, wanted, strict=True) if not math.isnan(w)]
    if loss == "huber":
        errors = [abs(s - w) for s, w in known]
        on_scores = sum(e * e / 2 if e < 0.1 else 0.1 * (e - 0.05) for e in errors) / len(errors) / 0.1
    else:
        on_scores = 1 - pearsonr(*zip(*known, strict=True)).statistic
    on_pairs = sum(math.log1p(math.exp((given[worse] - given[0]) / 0.1)) for worse in (1, 2)) / 2
    value = loss_of(torch.tensor(given), part, Recipe(loss, ranking=0.5))
    assert float(value) == pytest.approx(on_scores + 0.5 * on_pairs, abs=1e-4)  # the spread added in plcc


def test_a_batch_of_which_nothing_is_known_has_no_loss():
    part = some_samples().take(torch.tensor([2, 5]))
    assert loss_of(torch.tensor([0.1, 0.2]), part, Recipe()) is None


def test_batches_hold_every_picture_once_and_part_no_group():
    groups = torch.tensor([5] * 7 + [-1] * 30 + [0] * 3 + [2] * 12)
    generator = torch.Generator().manual_seed(0)
    first, second = (list(batches(groups, 8, generator)) for _ in range(2))
    assert sorted(torch.cat(first).tolist()) == list(range(52))
    assert not torch.equal(torch.cat(first), torch.cat(second))
    assert all(len(rows) <= 8 or (groups[rows] == 2).all() for rows in first)
    for group in (0, 2, 5):
        assert sum(bool((groups[rows] == group).any()) for rows in first) == 1


def test_correlations_are_scipys_and_zero_for_a_constant():
    drawn = np.random.default_rng(0)
    a, b = np.round(drawn.normal(size=(2, 3, 50)), 1)  # with ties
    for ours, theirs in ((agreement.rank_correlation, spearmanr), (agreement.linear_correlation, pearsonr)):
        np.testing.assert_allclose(
            ours(a, b), [theirs(x, y).statistic for x, y in zip(a, b, strict=True)], atol=1e-12
        )
        assert ours(np.ones((1, 5)), a[:1, :5]).tolist() == [0]


def test_intervals_are_those_of_resamples_drawn_in_pairs():
    drawn = np.random.default_rng(0)
    opinions = drawn.normal(size=60)
    good, bad = (opinions + spread * drawn.normal(size=(2, 60)) for spread in (0.5, 2.0))
    picked = agreement.resamples(60, seed=1)
    gain = agreement.difference(agreement.rank_correlation, good, bad, opinions, picked)
    differences = [
        np.mean([spearmanr(run[rows], opinions[rows]).statistic for run in good])
        - np.mean([spearmanr(run[rows], opinions[rows]).statistic for run in bad])
        for rows in picked[:50]
    ]
    assert gain.low < np.mean(differences) < gain.high
    assert gain.value == pytest.approx(
        np.mean([spearmanr(run, opinions).statistic for run in good])
        - np.mean([spearmanr(run, opinions).statistic for run in bad])
    )
    sampled = agreement.over_samples(agreement.rank_correlation, good, opinions, picked[:50])
    other = agreement.over_samples(agreement.rank_correlation, bad, opinions, picked[:50])
    np.testing.assert_allclose(sampled - other, differences, atol=1e-12)
    assert agreement.difference(agreement.rank_correlation, good, good, opinions, picked).high == 0


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "mse"},
        {"epochs": 0},
        {"batch": 1},
        {"ranking": -1.0},
        {"learning_rate": 0.0},
        {"patience": 0},
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Recipe(**options)
