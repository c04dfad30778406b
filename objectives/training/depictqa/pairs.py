"""Pairs of pictures for the compact DepictQA's rating, with the probability that the first is the better one.

| kind | which | what is known of them |
|---|---|---|
| versions | of one part of one photograph | FSIM, GMSD and severities, which stand in for people's scores |
| rated | two photographs with opinions | the difference of the opinions, which are known to within `OPINION_ERROR` |
| resized | a photograph and a smaller copy, two copies, or one with its sides swapped | the larger one is better |

The paper takes versions of one photograph from sets with people's scores of them, of which none is at hand here.
"""

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from objectives.training.depictqa.pictures import Pictures

OPINION_ERROR = 0.05
"""Of the difference of two mean opinions on a scale from 0 to 1, of some 30 observers each."""

SURE = 0.97
SHARES = {"versions": 0.7, "rated": 0.2, "resized": 0.1}
"""Of the pairs of a step."""


@final
@dataclass(frozen=True, eq=False)
class Drawn:
    """Pairs of rows.

    Attributes:
        first, second: rows of a table.
        wanted: the probability that the first is better.
        weight: how much a pair counts.
        same: whether both are versions of one picture, so that they have a reference.
    """

    first: Int[Tensor, " pairs"]
    second: Int[Tensor, " pairs"]
    wanted: Float[Tensor, " pairs"]
    weight: Float[Tensor, " pairs"]
    same: Bool[Tensor, " pairs"]

    def take(self, rows: Tensor) -> "Drawn":
        """Some of them."""
        parts = (self.first, self.second, self.wanted, self.weight, self.same)
        return Drawn(*(part[rows] for part in parts))


@final
class Pairs:
    """Draws pairs from a table."""

    def __init__(self, pictures: Pictures, original: Int[Tensor, " pictures"]):
        self.pictures, self.original = pictures, original
        resized = pictures.scale.isfinite()
        self.rated = pictures.opinion.isfinite().nonzero().flatten()
        self.resized = resized.nonzero().flatten()
        self.versions = (~resized & ~pictures.opinion.isfinite()).nonzero().flatten()
        self.cuts = _cuts(original, self.versions)
        self.copies = _cuts(original, self.resized)
        self.likeness = _by_rank(pictures.likeness)

    def draw(self, random: np.random.Generator, count: int) -> Drawn:
        """Of all kinds that the table has, by `SHARES`."""
        kinds = [self.draw_kind(kind, random, round(share * count)) for kind, share in SHARES.items()]
        found = [one for one in kinds if one is not None]
        names = ("first", "second", "wanted", "weight", "same")
        return Drawn(*(torch.cat([getattr(one, name) for one in found]) for name in names))

    def draw_kind(
        self, kind: str, random: np.random.Generator, count: int, beside: bool = False
    ) -> Drawn | None:
        """Of one kind; None where the table has none of it, or with a reference for other kinds than versions."""
        if kind == "versions" and len(self.cuts):
            return self._versions(random, count)
        if kind == "rated" and len(self.rated) > 1 and not beside:
            return self._rated(random, count)
        if kind == "resized" and len(self.copies) and not beside:
            return self._resized(random, count)
        return None

    def _versions(self, random: np.random.Generator, count: int) -> Drawn:
        first, second = _two_of(self.cuts, random, count)
        one = self.pictures
        severity = one.severities.sum(1).float()
        pristine = one.types[:, 0] < 0
        alone = one.types[:, 1] < 0
        like = self.likeness[first] - self.likeness[second]
        known = like.isfinite()
        more = severity[second] - severity[first]
        # Where both measures and the severities say the same, it is nearly certain.
        wanted = torch.sigmoid(2.0 * like.nan_to_num(nan=0.0) + 0.25 * more)
        weight = torch.where(known, 1.0, 0.0)
        type_alike = (
            (one.types[first] == one.types[second]).all(1) & alone[first] & alone[second] & (more != 0)
        )
        sure = type_alike | (pristine[first] ^ pristine[second])
        wanted = torch.where(sure, torch.where(more > 0, SURE, 1 - SURE), wanted)
        weight = torch.where(sure, 1.0, weight)
        return Drawn(first, second, wanted, weight, torch.ones(count, dtype=torch.bool))

    def _rated(self, random: np.random.Generator, count: int) -> Drawn:
        first, second = (self.rated[random.integers(len(self.rated), size=count)] for _ in range(2))
        difference = self.pictures.opinion[first] - self.pictures.opinion[second]
        wanted = 0.5 * (1 + torch.erf(difference / (OPINION_ERROR * math.sqrt(2))))
        weight = (difference != 0).float()
        return Drawn(first, second, wanted, weight, torch.zeros(count, dtype=torch.bool))

    def _resized(self, random: np.random.Generator, count: int) -> Drawn:
        first, second = _two_of(self.copies, random, count)
        a, b = self.pictures.scale[first], self.pictures.scale[second]
        wanted = torch.where(a > b, SURE, 1 - SURE)
        # Who has swapped sides loses against the original; beside smaller copies nothing is known.
        weight = ((a != b) & ((torch.minimum(a, b) > 0) | (torch.maximum(a, b) == 1))).float()
        return Drawn(first, second, wanted, weight, torch.zeros(count, dtype=torch.bool))


def _cuts(original: Int[Tensor, " pictures"], rows: Int[Tensor, " rows"]) -> list[Tensor]:
    if not len(rows):
        return []
    _, counts = torch.unique_consecutive(original[rows], return_counts=True)
    return [part for part in rows.split(counts.tolist()) if len(part) > 1]


def _two_of(cuts: list[Tensor], random: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
    """Two rows of one cut, `count` times."""
    pairs = [
        cuts[cut][torch.from_numpy(random.choice(len(cuts[cut]), 2, replace=False))]
        for cut in random.integers(len(cuts), size=count).tolist()
    ]
    first, second = torch.stack(pairs).unbind(1)
    return first, second


def _by_rank(likeness: Float[Tensor, "pictures measures"]) -> Float[Tensor, " pictures"]:
    """The mean over measures of how each picture stands among all, as deviations of a normal distribution."""
    columns = []
    for column in likeness.unbind(1):
        known = column.isfinite()
        ranks = column[known].argsort().argsort().float()
        normal = torch.special.ndtri((ranks + 0.5) / max(1, len(ranks)))
        columns.append(torch.full_like(column, torch.nan).index_put_((known,), normal))
    return torch.stack(columns, 1).mean(1)
