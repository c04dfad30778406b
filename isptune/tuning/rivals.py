"""Who is compared with whom, where scores hold among candidates only that are evaluated together.

The rivals of a population are chosen and put in order by their parameters alone, so that neither its order nor how it
is cut into batches matters to a score. Every candidate meets the first of them that are not itself, as many as the
objective's facts say: all others of a population that is not larger than that.
"""

import hashlib
import json
from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from isptune.arrays import Images, OtherImages, Scores
from isptune.errors import ScoreError
from isptune.interfaces import Objective, ScoresAmong
from isptune.scenes.scene import Scene
from isptune.space import Candidate


def rivals_among(candidates: Sequence[Candidate], count: int) -> tuple[Candidate, ...]:
    """Those of a population that `count` rivals for each are taken from: one more, since nobody is its own.

    They stand in the order of the hashes of their parameters, which is as good as chance and always the same.
    """
    if not count:
        return ()
    return tuple(sorted(candidates, key=_hash)[: count + 1])


def _hash(candidate: Candidate) -> bytes:
    return hashlib.sha256(json.dumps(candidate, sort_keys=True).encode()).digest()


def others_than(
    candidates: Sequence[Candidate], rivals: Sequence[Candidate]
) -> Bool[Tensor, "candidates rivals"]:
    """Which rivals each candidate can be compared with: not with itself."""
    return torch.tensor([[candidate != rival for rival in rivals] for candidate in candidates])


def first_of(others: Bool[Tensor, "batch other"], count: int) -> Bool[Tensor, "batch other"]:
    """Of each row's true entries the first, at most so many."""
    return others & (others.cumsum(1) <= count)


def score_beside(
    objective: Objective,
    images: Images,
    rivals: OtherImages,
    others: Bool[Tensor, "batch other"],
    scene: Scene,
) -> Scores:
    """The scores of any objective where there are rivals: it gets as many as its facts ask for, which may be none.

    Args:
        objective: what scores.
        images, scene: what is scored.
        rivals: pictures in the order of `rivals_among`, enough of them for the objective.
        others: which of them each image can be compared with.

    Raises:
        ScoreError: the objective does, or cannot compare though its facts say so.
    """
    count = objective.facts.rivals
    if not count:
        return objective.score(images, scene)
    if not isinstance(objective, ScoresAmong):
        raise ScoreError(f"its facts say that it compares with {count} rivals, but it has no score_among")
    wanted = first_of(others, count)
    needed = 1 + int(torch.nonzero(wanted.any(0)).max()) if bool(wanted.any()) else 0
    return objective.score_among(images, rivals[:needed], wanted[:, :needed], scene)
