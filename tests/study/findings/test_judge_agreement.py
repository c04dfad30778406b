"""What a judge has in common with observers, against the same figures counted vote by vote."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import spearmanr

from isptune.study.findings.judge_agreement import judge_agreement, people_agreement
from isptune.study.scale.agreement import agreement_with_others
from isptune.study.votes.votes import FIRST_JUDGE, Observer
from tests.study.scale.test_scale import table

JUDGE = Observer(FIRST_JUDGE, "t", "toy", "judge", "now")


def drawn(seed, images=6, people=4, votes=30):
    """Votes of people, those of a judge on every pair, and a scale; also as plain rows."""
    rng = np.random.default_rng(seed)
    pairs = list(combinations(range(images), 2))
    rows = []
    for person in range(people):
        for k in rng.permutation(len(pairs))[: min(votes, len(pairs) - 3)]:
            i, j = pairs[k] if rng.random() < 0.5 else pairs[k][::-1]
            rows.append((person, i, j, float(rng.choice([0.0, 0.5, 1.0]))))
    own = [
        (0, *(pair if rng.random() < 0.5 else pair[::-1]), float(rng.choice([0.0, 0.5, 1.0])))
        for pair in pairs
    ]
    return rows, own, rng.normal(size=images)


def found(seed, **options):
    rows, own, scale = drawn(seed, **options)
    images = len(scale)
    return judge_agreement(
        JUDGE,
        {"sky": table(own, images, 1)},
        {"sky": table(rows, images, 1 + max(r[0] for r in rows))},
        {"sky": scale},
        200,
        0,
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_shares_and_the_correlation_are_those_counted_by_hand(seed):
    _, own, scale = drawn(seed)
    right, wins, count = 0.0, np.zeros(6), np.zeros(6)
    for _, i, j, share in own:
        right += 0.5 if share == 0.5 else float((share == 1) == (scale[i] > scale[j]))
        wins[i] += share
        wins[j] += 1 - share
        count[[i, j]] += 1
    result = found(seed)
    assert result.votes == len(own) == 15
    assert result.agreement.value == pytest.approx(right / 15)
    assert result.srocc.value == pytest.approx(spearmanr(wins / count, scale).statistic)
    assert result.no_difference == pytest.approx(sum(row[3] == 0.5 for row in own) / 15)
    decided = [row[3] for row in own if row[3] != 0.5]
    assert result.left == pytest.approx(sum(decided) / len(decided))
    assert result.agreement.low < result.agreement.value < result.agreement.high


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_answers_alike_are_those_counted_vote_by_vote(seed):
    rows, own, _ = drawn(seed)
    judge = {(i, j): s for _, i, j, s in own} | {(j, i): 1 - s for _, i, j, s in own}
    by_judge, by_other = [], []
    for person, i, j, share in rows:
        others = [s if (a, b) == (i, j) else 1 - s for p, a, b, s in rows if p != person and {a, b} == {i, j}]
        if others:
            by_judge.append(1 - abs(share - judge[i, j]))
            by_other.append(np.mean([1 - abs(share - s) for s in others]))
    people = people_agreement({"sky": table(rows, 6, 4)})
    assert found(seed).same_answer == pytest.approx(np.mean(by_judge))
    assert people.same_answer == pytest.approx(np.mean(by_other))
    each = agreement_with_others({"sky": table(rows, 6, 4)}).values()
    assert (people.median, people.low, people.high) == (np.median(list(each)), min(each), max(each))


@pytest.mark.slow
def test_a_judge_that_votes_by_the_scale_agrees_fully_and_its_opposite_never():
    scale = np.linspace(-2, 2, 6)
    pairs = list(combinations(range(6), 2))
    people = table([(o, i, j, 0.0) for o in range(2) for i, j in pairs], 6, 2)
    for share, right, rank in ((0.0, 1.0, 1.0), (1.0, 0.0, -1.0)):
        own = table([(0, i, j, share) for i, j in pairs], 6, 1)
        result = judge_agreement(JUDGE, {"sky": own}, {"sky": people}, {"sky": scale}, 100, 0)
        assert (result.agreement.value, result.same_answer) == (right, right)
        assert (result.agreement.low, result.agreement.high) == (right, right)
        assert result.srocc.value == pytest.approx(rank)


def test_images_that_nobody_else_saw_do_not_count():
    scale = np.array([1.0, 0.0, 99.0])
    own = table([(0, 0, 1, 1.0), (0, 2, 0, 0.0), (0, 2, 1, 0.0)], 3, 1)
    people = table([(0, 0, 1, 1.0)], 3, 1)
    result = judge_agreement(JUDGE, {"sky": own, "sea": own}, {"sky": people}, {"sky": scale}, 20, 0)
    assert (result.votes, result.agreement.value) == (1, 1.0)
    assert math.isnan(result.srocc.value)
    assert math.isnan(result.same_answer), "no pair has two observers"
    assert math.isnan(people_agreement({"sky": people}).median)
