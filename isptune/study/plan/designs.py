"""Which pairs of one scene are compared: the designs behind the schedules.

Pairs are index pairs (i, j) of a scene's images without order; sides are decided by `isptune.study.plan.schedule`.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int

from isptune.study.scale.posterior import Posterior, information_gain

IndexPair = tuple[int, int]


def every_image_in(count: int, images: int, rng: np.random.Generator) -> list[IndexPair]:
    """A random pairing in which every image stands in `count` pairs and no two images meet twice.

    With 100 images and 9 pairs each these are the 450 comparisons of the DMC data set. Where images * count is odd,
    one image has one pair fewer, or one more. `count` is cut at images - 1, at which every two images meet.

    Source: Rashidi et al. 2026, ScoreNet: Netting Lightweight Quality Scores for Better Visual Assessment, supplement,
    section 2; drawn by Steger and Wormald 1999, Generating random regular graphs quickly,
    doi:10.1017/S0963548399003867.
    """
    if count >= images - 1:
        return all_pairs(images)
    if (
        count > (images - 1) / 2
    ):  # dense pairings seldom work out at random; those that are left out are sparse
        left_out = {frozenset(pair) for pair in every_image_in(images - 1 - count, images, rng)}
        return [pair for pair in all_pairs(images) if frozenset(pair) not in left_out]
    while True:  # a drawing seldom ends with images that have met already
        places = np.full(images, count)
        if places.sum() % 2:
            places[rng.integers(images)] -= 1
        pairs = _pair_up(places, rng)
        if pairs is not None:
            return pairs


def all_pairs(images: int) -> list[IndexPair]:
    """Every two images once."""
    return [(i, j) for i in range(images) for j in range(i + 1, images)]


def swiss_round(
    points: Sequence[float], met: set[frozenset[int]], rng: np.random.Generator
) -> list[IndexPair]:
    """One round of a tournament: neighbours in the standing meet, if they have not met yet.

    With an odd number of images the last one in the standing rests. Equal points are ordered at random.

    Source: Ponomarenko et al. 2015, Image database TID2013: peculiarities, results and perspectives,
    doi:10.1016/j.image.2014.10.009.
    """
    order = sorted(range(len(points)), key=lambda image: (-points[image], rng.random()))
    pairs = []
    while len(order) > 1:
        image = order.pop(0)
        place = next((k for k, other in enumerate(order) if frozenset((image, other)) not in met), 0)
        pairs.append((image, order.pop(place)))
    return pairs


def spanning_tree(wins: Float64[np.ndarray, "images images"], rng: np.random.Generator) -> list[IndexPair]:
    """The pairs from which most is learnt: a spanning tree of the largest expected information gain.

    The tree connects all images, so that a batch never leaves one out.

    Source: Mikhailiuk, Wilmot, Perez-Ortiz, Yue and Mantiuk 2021, Active Sampling for Pairwise Comparisons via
    Approximate Message Passing and Information Gain Maximization, arXiv:2004.05691. Their gain is computed here from
    the Gaussian posterior of all scores at once, see `isptune.study.scale.posterior`.
    """
    from scipy.sparse.csgraph import minimum_spanning_tree

    gain = information_gain(Posterior.of_wins(wins))
    jitter = rng.uniform(1 - 1e-6, 1 + 1e-6, gain.shape)  # so that equal pairs are not always the first ones
    cost = np.triu(jitter / np.maximum(gain, 1e-12), 1)
    rows, columns = minimum_spanning_tree(cost).nonzero()
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True)]


def _pair_up(places: Int[np.ndarray, " images"], rng: np.random.Generator) -> list[IndexPair] | None:
    """Pair free places at random, never the same two images twice; None if the last places cannot be paired."""
    free = np.repeat(np.arange(len(places)), places)
    met: set[frozenset[int]] = set()
    pairs = []
    while len(free):
        rng.shuffle(free)
        left = []
        for i, j in free.reshape(-1, 2).tolist():
            if i == j or frozenset((i, j)) in met:
                left += [i, j]
            else:
                met.add(frozenset((i, j)))
                pairs.append((i, j))
        if len(left) == len(free) and not _some_pair_is_free(left, met):
            return None
        free = np.array(left, dtype=int)
    return pairs


def _some_pair_is_free(left: Sequence[int], met: set[frozenset[int]]) -> bool:
    images = sorted(set(left))
    return any(frozenset((i, j)) not in met for k, i in enumerate(images) for j in images[k + 1 :])
