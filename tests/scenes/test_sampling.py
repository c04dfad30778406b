"""Interval sampling as PromptIQA's authors describe and publish it."""

import pytest

from isptune.errors import ConfigError
from isptune.scenes.sampling import interval_ranks


def as_published(length, count):
    """Walk over the ranks, as one would by hand: the first, every step-th one, and at last the very last."""
    step = (length - 2) // (count - 2)
    taken, rank = [], 0
    while len(taken) < count - 1:
        taken.append(rank)
        rank += step
    return [*taken, length - 1]


@pytest.mark.parametrize(("length", "count"), [(100, 10), (11, 10), (12, 10), (1000, 7), (31, 20), (9, 3)])
def test_ranks_are_the_published_ones(length, count):
    assert interval_ranks(length, count) == as_published(length, count)


@pytest.mark.parametrize("count", [2, 3, 10, 20])
def test_ranks_rise_begin_at_the_first_and_end_at_the_last(count):
    for length in range(60):
        ranks = interval_ranks(length, count)
        assert ranks == sorted(set(ranks)), length
        assert len(ranks) == min(length, count), length
        assert ranks[:1] == ([0] if length else []), length
        assert ranks[-1:] == ([length - 1] if length else []), length


def test_fewer_than_two_have_no_steps():
    with pytest.raises(ConfigError, match="1 is under 2"):
        interval_ranks(10, 1)
