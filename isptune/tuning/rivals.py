"""What objectives that compare (`ScoresAmong`) compare with: the pictures of candidates that are evaluated together."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool
from torch import Tensor

from isptune.arrays import Images, OtherImages
from isptune.errors import ScoreError
from isptune.interfaces import Objective, ScoresAmong
from isptune.space import Candidate
from isptune.tuning.batches import batches, halves


def rival_indices(objectives: Mapping[str, Objective], count: int) -> list[int]:
    """Which of so many candidates are rivals: none, all, or evenly spaced ones."""
    wanted = max((o.rivals for o in objectives.values() if isinstance(o, ScoresAmong)), default=0)
    return list(range(count)) if wanted >= count else [i * count // wanted for i in range(wanted)]


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
