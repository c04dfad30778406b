"""Who is drawn in the resamples behind intervals: observers, or, where nobody says who voted, single votes."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from isptune.study.scale.intervals import observer_weights
from isptune.study.scale.scale import win_shares
from isptune.study.votes.comparisons import Comparisons


@dataclass(frozen=True, eq=False)
class Resampling:
    """Resamples of the votes of a scene.

    Attributes:
        table: the votes by what is drawn.
        weights: how often the votes of each count, in each resample.
        opinions: the share of its pairs that each image won, for each of what is drawn.
        opinion_weights: how often these count.
        drawn: how many were drawn each time; intervals are so sure.
    """

    table: Comparisons
    weights: Float64[np.ndarray, "draws who"]
    opinions: Float64[np.ndarray, "who images"]
    opinion_weights: Float64[np.ndarray, "draws who"]
    drawn: int


def over_observers(table: Comparisons, draws: int, seed: int) -> Resampling:
    """Observers are drawn, with all their votes: would it hold for other people?"""
    count = len(table.observers)
    weights = observer_weights(count, draws, seed)
    return Resampling(table, weights, win_shares(table), weights, count)


def over_votes(table: Comparisons, draws: int, seed: int) -> Resampling:
    """Votes are drawn, as if each came from somebody else; equal ones together, which is the same and faster."""
    outcome = (2 * table.share).astype(np.int64)
    keys = np.stack([table.first, table.second, outcome], 1)
    cells, place, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    by_cell = replace(table, observers=tuple(range(len(cells))), observer=place.reshape(-1))
    rng = np.random.default_rng([seed, 77])
    drawn = rng.multinomial(len(keys), counts / len(keys), size=draws).astype(np.float64)
    return Resampling(by_cell, drawn / counts, win_shares(by_cell), drawn, len(keys))
