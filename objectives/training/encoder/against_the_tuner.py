"""Finds out where an optimizer ends that follows the network's score, so that training can tell it better.

The tuner walks wherever the score rises, and so finds the pictures that the network is wrong about. These, with
their true levels, are the most valuable ones to train on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cmaes
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from objectives.training.pictures.photographs import Photograph
from objectives.training.pictures.spoilings import CHAIN, WAYS, Way, draw_cut, render, spoiling_of

POPULATION = 14
GENERATIONS = 16
Score = Callable[[Images], Scores]
"""Higher is better."""


@dataclass(frozen=True)
class Walk:
    """Where a tuner ended on one picture: the ways it had, and the signed amounts."""

    ways: tuple[Way, ...]
    end: tuple[float, ...]


def draw_ways(random: np.random.Generator) -> tuple[Way, ...]:
    """The default chain in two of three cases; else one way for each of five axes."""
    if random.random() < 2 / 3:
        return CHAIN
    axes = random.permutation(sorted({way.axis for way in WAYS}))[:5]
    choices = [[way for way in WAYS if way.axis == axis] for axis in axes]
    return tuple(ways[int(random.integers(len(ways)))] for ways in choices)


def walk(
    score: Score, picture: Float[Tensor, "3 height width"], ways: Sequence[Way], seed: int
) -> Float[np.ndarray, " ways"]:
    """Maximise a score over the amounts by CMA-ES from a random start; the end of its mean.

    Args:
        score: of rendered pictures.
        picture: untouched.
        ways: applied in this order.
        seed: of the start, the search and the noise.
    """
    random = np.random.default_rng(seed)
    low = np.array([-1.0 if way.two_sided else 0.0 for way in ways])
    high = np.ones(len(ways))
    # One-sided amounts are searched about zero too, and their magnitude taken, as the synthetic ISP does it.
    search = cmaes.CMA(
        mean=random.uniform(-0.6, 0.6, len(ways)),
        sigma=0.35,
        bounds=np.stack([-high, high], 1),
        population_size=POPULATION,
        seed=int(random.integers(2**31)),
    )
    for generation in range(GENERATIONS):
        asked = [search.ask() for _ in range(POPULATION)]
        amounts = np.where(low < 0, asked, np.abs(asked))
        spoilings = [spoiling_of(list(zip(ways, map(float, row), strict=True))) for row in amounts]
        pictures = render(picture.expand(len(asked), -1, -1, -1), spoilings, seed + generation)
        losses = (-score(pictures)).tolist()
        search.tell(list(zip(asked, losses, strict=True)))
    return np.where(low < 0, search.mean, np.abs(search.mean))


def walk_all(
    score: Score,
    pictures: Sequence[Float[Tensor, "3 height width"]],
    ways: Sequence[tuple[Way, ...]],
    seed: int,
) -> list[Walk]:
    """A walk on every picture, each with its own ways."""
    with torch.inference_mode():
        return [
            Walk(tuple(own), tuple(walk(score, picture, own, seed + 1000 * i).tolist()))
            for i, (picture, own) in enumerate(zip(pictures, ways, strict=True))
        ]


def ends_on(score: Score, photographs: Sequence[Photograph]) -> dict[str, float]:
    """Where the tuner ends on one part of each of these photographs, on the default chain: the same for every score."""
    random = np.random.default_rng(0)
    pictures = [draw_cut(i, one, random).pixels(photographs) for i, one in enumerate(photographs)]
    return mean_ends(walk_all(score, pictures, [CHAIN] * len(pictures), seed=77))


def mean_ends(walks: Sequence[Walk]) -> dict[str, float]:
    """Mean magnitude of the amounts at the ends, for each way of the default chain and over all."""
    ends = np.abs([walked.end for walked in walks if walked.ways == CHAIN])
    if not len(ends):
        return {}
    names = [way.distortion for way in CHAIN]
    return {
        **dict(zip(names, ends.mean(0).round(4).tolist(), strict=True)),
        "l1": round(float(ends.mean()), 4),
    }
