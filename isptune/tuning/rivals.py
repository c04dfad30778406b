"""What objectives that compare compare with: the pictures of candidates that are evaluated together.

The rivals of a population are chosen and put in order by their parameters alone, so that neither its order nor how it
is cut into batches matters to a score. Every candidate meets the first of them that are not itself, as many as the
objective's facts say: all others of a population that is not larger than that.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool
from torch import Tensor

from isptune.arrays import Images, OtherImages, Scores
from isptune.errors import ScoreError
from isptune.interfaces import Objective, ScoresAmong
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.tuning.batches import batches, halves


def rivals_among(candidates: Sequence[Candidate], count: int) -> tuple[Candidate, ...]:
    """Those of a population that `count` rivals for each are taken from: one more, since nobody is its own.

    They stand in the order of the hashes of their parameters, which is as good as chance and always the same.
    """
    return tuple(sorted(candidates, key=_hash)[: count + 1]) if count else ()


def _hash(candidate: Candidate) -> bytes:
    return hashlib.sha256(json.dumps(candidate, sort_keys=True).encode()).digest()


@dataclass(frozen=True)
class Rivals:
    """Candidates with their pictures on one scene."""

    candidates: tuple[Candidate, ...]
    images: OtherImages

    def others(self, candidates: Sequence[Candidate]) -> Bool[Tensor, "batch other"]:
        """Which rivals each candidate can be compared with: not with itself."""
        rows = [[candidate != rival for rival in self.candidates] for candidate in candidates]
        return torch.tensor(rows, device=self.images.device)


@final
class RivalPictures:
    """Renders rivals, and keeps the last ones: all parts of a generation have the same on one scene.

    Args:
        render: candidates of equal choices, scene and seed to images.
    """

    def __init__(self, render: Callable[[tuple[Candidate, ...], int, int], Images]):
        self._render = render
        self._key: str | None = None
        self._rivals: Rivals | None = None

    def of(self, candidates: tuple[Candidate, ...], scene: int, seed: int, limit: int) -> Rivals:
        """The rivals without those that fail, rendered in batches of `limit`. Raises ScoreError if all fail."""
        key = json.dumps([scene, seed, candidates])
        if self._rivals is None or self._key != key:
            self._rivals = None  # its memory first
            working = [
                pair
                for batch in batches(candidates, limit)
                for pair in self._rendered(tuple(candidates[i] for i in batch), scene, seed)
            ]
            if not working:
                raise ScoreError("there is nothing to compare with: none of the rivals can be rendered")
            working.sort(key=lambda pair: candidates.index(pair[0]))  # their order counts; choices went apart
            kept, images = zip(*working, strict=True)
            self._key, self._rivals = key, Rivals(kept, torch.cat(images))
        return self._rivals

    def _rendered(
        self, candidates: tuple[Candidate, ...], scene: int, seed: int
    ) -> list[tuple[Candidate, Images]]:
        """Each candidate that can be rendered, with its picture."""
        with suppress(Exception):  # it costs its own trial, which says why
            images = self._render(candidates, scene, seed)
            return [(candidate, images[i : i + 1]) for i, candidate in enumerate(candidates)]
        if len(candidates) == 1:
            return []
        return [pair for half in halves(candidates) for pair in self._rendered(half, scene, seed)]


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
