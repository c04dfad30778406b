"""Pictures ranked by a judge: how often each is preferred to the others."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.errors import ScoreError
from isptune.interfaces import Judge
from isptune.scenes.scene import Scene


@torch.inference_mode()
def preferences(
    judge: Judge,
    pictures: Sequence[Float[Tensor, "1 3 _ _"]],
    scene: Scene | None = None,
    on_pair: Callable[[int, int], None] = lambda done, total: None,
) -> Float[np.ndarray, "pictures pictures"]:
    """The probability that each picture (row) is better than each other one (column); 0.5 on the diagonal.

    Every pair is judged once: the answer to the same pair turned around is its complement.

    Args:
        judge: what compares.
        pictures: [1, 3, H, W] each, of any sizes that the judge takes.
        scene: what they are of, with the reference where there is one; None where that is not known.
        on_pair: told of the progress.

    Raises:
        ScoreError: there are not two pictures, the judge cannot judge a pair, or gives what is no probability.
    """
    count = len(pictures)
    if count < 2:
        raise ScoreError(f"a ranking needs two pictures at least, got {count}")
    found = np.full((count, count), 0.5)
    pairs = list(itertools.combinations(range(count), 2))
    for done, (i, j) in enumerate(pairs, 1):
        probability = float(judge.prefer(pictures[i], pictures[j], scene or Scene("", pictures[i]))[0])
        if not 0 <= probability <= 1:
            raise ScoreError(f"the judge gave {probability}, which is no probability")
        found[i, j], found[j, i] = probability, 1 - probability
        on_pair(done, len(pairs))
    return found


def win_rates(preferred: Float[np.ndarray, "pictures pictures"]) -> Float[np.ndarray, " pictures"]:
    """Each picture's mean probability to be better than another one; 0.5 on the average of all."""
    count = len(preferred)
    return (preferred.sum(1) - 0.5) / (count - 1)
