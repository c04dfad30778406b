"""Requirements drawn at random: which pictures are shown with which scores, and which are to be scored.

Every row is a small data set of its own: a pool of pictures, something that is asked of them, some pictures that are
rated, and others whose scores are to be told. What is asked of pictures:

| kind | scores |
|---|---|
| reference | a full-reference metric, or a mixture of two |
| cost | how much was done to the picture in all |
| severity | of one type of distortion, other pictures have none of it |
| axis | signed amounts along one to three axes, as they are or their distance from a point that is liked best |
| taste | the same of what `objectives.training.promptiqa.tastes` measures, now and then mixed with a metric |
| opinion | people's |
| random | a random function of what the network sees |
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from objectives.training.pictures.captions import AXES
from objectives.training.promptiqa.pictures import FULL_REFERENCE, LABELS, SUBSETS, Pictures
from objectives.training.promptiqa.tastes import TASTES

KINDS: Mapping[str, float] = {
    "reference": 0.2, "cost": 0.05, "severity": 0.1, "axis": 0.15, "taste": 0.25, "opinion": 0.1, "random": 0.15,
}  # fmt: skip
"""How often each is asked."""

PSNR_MOST = 50.0
"""Decibels from which pictures count as equal."""

RANDOM_COMPONENTS = 64
"""First components that random functions are made of."""

Labels = Float[np.ndarray, " pool"]


@dataclass(frozen=True)
class Augmentation:
    """How scores are changed so that only the prompt tells what they mean.

    Attributes:
        scaling: probability that the scores of a row are scaled.
        flipping: probability that they are turned around.
        noise: probability that those of the prompt carry errors, as people's do.
    """

    scaling: float = 0.5
    flipping: float = 0.5
    noise: float = 0.3


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """Requirements of one step.

    Attributes:
        prompts, targets: numbers of pictures.
        rated, wanted: their scores; 0 and 1 are the ends of the data set, or of the prompt where scores were scaled.
        kinds: of `KINDS`, by row.
    """

    prompts: Int[Tensor, "rows prompts"]
    targets: Int[Tensor, "rows targets"]
    rated: Float[Tensor, "rows prompts"]
    wanted: Float[Tensor, "rows targets"]
    kinds: list[str]


@final
class Requirements:
    """Draws rows from a table.

    Args:
        pictures: the table.
        components: what the network sees of its pictures, for random functions.
        subsets: of the rated photographs whose opinions may be asked.
        augmentation: of the scores.
        kinds: what may be asked, with how often.
    """

    def __init__(
        self,
        pictures: Pictures,
        components: Float[Tensor, "pictures components"],
        subsets: tuple[str, ...],
        augmentation: Augmentation,
        kinds: Mapping[str, float] = KINDS,
    ):
        self.augmentation = augmentation
        if not subsets:
            kinds = {kind: share for kind, share in kinds.items() if kind != "opinion"}
        self.kinds = tuple(kinds)
        self.shares = np.array(list(kinds.values())) / sum(kinds.values())
        self.labels = {name: pictures.label(name).double().numpy() for name in LABELS}
        self.labels["psnr"] = np.minimum(self.labels["psnr"], PSNR_MOST)
        self.standard = {
            name: _standardised(self.labels[name])
            for name in (*(f"taste {t}" for t in TASTES), *FULL_REFERENCE)
        }
        seen = components[:, :RANDOM_COMPONENTS].double()
        self.components = ((seen - seen.mean(0)) / seen.std(0)).numpy()
        self.strengths = seen.std(0).numpy()
        self.cut, self.type = pictures.cut.numpy(), pictures.type.numpy()
        subset = pictures.subset.numpy()
        self.spoilt = np.flatnonzero(subset == 0)
        self.authentic = np.flatnonzero(subset > 0)
        self.rated = np.flatnonzero(np.isin(subset, [SUBSETS.index(name) for name in subsets]))
        self.by_subset = [np.flatnonzero(subset == SUBSETS.index(name)) for name in subsets]
        self.cuts = np.unique(self.cut[self.spoilt])
        self.of_cut = {int(cut): np.flatnonzero(self.cut == cut) for cut in self.cuts}
        types, counts = np.unique(self.type[self.type >= 0], return_counts=True)
        self.types = types[counts >= 12]
        self.asks: dict[str, Callable[[np.ndarray, np.random.Generator], Labels]] = {
            "reference": self._reference, "cost": self._cost, "axis": self._axis,
            "taste": self._taste, "random": self._random,
        }  # fmt: skip

    def draw(self, random: np.random.Generator, rows: int, prompts: int, targets: int) -> Rows:
        """Rows with the same number of prompts and of targets."""
        drawn = [self._row(random, prompts, targets) for _ in range(rows)]
        numbers, scores, kinds = zip(*drawn, strict=True)
        number, score = torch.from_numpy(np.stack(numbers)), torch.from_numpy(np.stack(scores)).float()
        return Rows(
            number[:, :prompts], number[:, prompts:], score[:, :prompts], score[:, prompts:], list(kinds)
        )

    def _row(
        self, random: np.random.Generator, prompts: int, targets: int
    ) -> tuple[np.ndarray, np.ndarray, str]:
        while True:  # until there are enough pictures that differ in what is asked
            kind = str(random.choice(self.kinds, p=self.shares))
            pool, labels = self._asked(kind, random, prompts + targets)
            known = np.isfinite(labels)
            pool, labels = pool[known], labels[known]
            if len(pool) >= prompts + targets:
                order = self._arranged(pool, labels, random, prompts, targets)
                pool, labels = pool[order], labels[order]
                if np.ptp(labels[:prompts]) > 0.02 * max(np.ptp(labels), 1e-9) and np.ptp(labels) > 1e-6:
                    return pool, self._scored(labels, random, prompts), kind

    def _asked(self, kind: str, random: np.random.Generator, count: int) -> tuple[np.ndarray, Labels]:
        if kind == "severity":
            return self._severity(random, count)
        if kind == "opinion":
            pool = (
                self.rated
                if random.random() < 0.5
                else self.by_subset[int(random.integers(len(self.by_subset)))]
            )
            return pool, self.labels["opinion"][pool]
        pool = self._pool(kind, random, count)
        return pool, self.asks[kind](pool, random)

    def _pool(self, kind: str, random: np.random.Generator, count: int) -> np.ndarray:
        if kind in ("taste", "random") and random.random() < 0.35:
            return random.choice(self.authentic, min(len(self.authentic), 4 * count), replace=False)
        if random.random() < 0.35:  # a few scenes, many versions of each
            scenes = random.choice(self.cuts, min(len(self.cuts), 2 + count // 4), replace=False)
            return np.concatenate([self.of_cut[int(scene)] for scene in scenes])
        return random.choice(self.spoilt, min(len(self.spoilt), 4 * count), replace=False)

    def _arranged(
        self, pool: np.ndarray, labels: Labels, random: np.random.Generator, prompts: int, targets: int
    ) -> np.ndarray:
        """Which pictures are rated: any, those at equal steps of rank, or those of one scene."""
        order = random.permutation(len(pool))
        way = random.random()
        if way < 0.3:
            chosen = order[: prompts + targets]
            ranked = chosen[np.argsort(labels[chosen], kind="stable")]
            steps = np.linspace(0, len(ranked) - 1, prompts).round().astype(int)
            rest = random.permutation(np.delete(ranked, steps))
            return np.concatenate([random.permutation(ranked[steps]), rest])
        if way < 0.6:
            one = self.cut[pool] == self.cut[pool[order[0]]]
            same, others = order[one[order]], order[~one[order]]
            if prompts <= len(same) and len(others) >= targets:
                return np.concatenate([same[:prompts], others[:targets]])
        return order[: prompts + targets]

    def _scored(self, labels: Labels, random: np.random.Generator, prompts: int) -> np.ndarray:
        low, high = np.quantile(labels, [0.02, 0.98])
        scores = (labels - low) / max(high - low, 1e-9)
        if random.random() < self.augmentation.scaling:
            if random.random() < 0.8:  # as a prompt is stretched that someone gives
                low, high = scores[:prompts].min(), scores[:prompts].max()
                scores = (scores - low) / max(high - low, 0.05)
            else:
                scores = scores / random.uniform(max(scores.max(), 0.05), 1) if scores.max() < 1 else scores
        if random.random() < self.augmentation.flipping:
            scores = 1 - scores
        if random.random() < self.augmentation.noise:
            scores = scores.copy()
            scores[:prompts] += random.normal(0, random.uniform(0.02, 0.2), prompts)
        return scores.clip(-1, 2)

    def _severity(self, random: np.random.Generator, count: int) -> tuple[np.ndarray, Labels]:
        kind = int(random.choice(self.types))
        one = np.flatnonzero(self.type == kind)
        severity = -self.labels["severity"][one]  # less is better, as in the other kinds
        if random.random() < 0.5 and len(one) >= count:
            return one, severity
        others = random.choice(self.spoilt, count, replace=False)
        others = others[self.type[others] != kind]
        return np.concatenate([one, others]), np.concatenate([severity, np.zeros(len(others))])

    def _reference(self, pool: np.ndarray, random: np.random.Generator) -> Labels:
        names = random.choice(FULL_REFERENCE, int(random.integers(1, 3)), replace=False)
        mixed = sum(float(random.random()) * self.standard[str(name)][pool] for name in names)
        return _bent(np.asarray(mixed), random)

    def _cost(self, pool: np.ndarray, random: np.random.Generator) -> Labels:
        return _bent(-self.labels["cost"][pool], random)

    def _axis(self, pool: np.ndarray, random: np.random.Generator) -> Labels:
        names = random.choice(list(AXES), int(random.integers(1, 4)), replace=False)
        return _liking([self.labels[f"amount {name}"][pool] for name in names], random, reach=0.6)

    def _taste(self, pool: np.ndarray, random: np.random.Generator) -> Labels:
        names = random.choice(list(TASTES), int(random.integers(1, 4)), replace=False)
        liked = _liking([self.standard[f"taste {name}"][pool] for name in names], random, reach=1.5)
        if random.random() < 0.25 and np.isfinite(self.labels["cost"][pool]).all():
            liked = liked - random.uniform(0.3, 2) * self.labels["cost"][pool]
        return liked

    def _random(self, pool: np.ndarray, random: np.random.Generator) -> Labels:
        count = int(random.integers(1, 24))
        chosen = random.choice(RANDOM_COMPONENTS, count, replace=False)
        weights = random.normal(0, 1, count) * self.strengths[chosen] ** random.uniform(0, 1)
        value = self.components[np.ix_(pool, chosen)] @ weights
        return np.tanh(value / value.std()) if random.random() < 0.5 else value


def _liking(values: list[Labels], random: np.random.Generator, reach: float) -> Labels:
    """A weighted sum of values, some of them as distances from where they are liked best."""
    total = np.zeros_like(values[0])
    for value in values:
        weight = random.normal(0, 1)
        way = random.random()
        if way < 0.5:
            total += weight * value
        else:
            away = np.abs(value - random.uniform(-reach, reach))
            total -= abs(weight) * (away if way < 0.75 else away**2)
    return total


def _bent(values: Labels, random: np.random.Generator) -> Labels:
    """The same order on another scale."""
    ways = random.random()
    low, high = np.nanmin(values), np.nanmax(values)
    unit = (values - low) / max(high - low, 1e-9)
    if ways < 0.4:
        return unit
    return unit ** float(np.exp(random.uniform(-1, 1)))


def _standardised(values: Labels) -> Labels:
    return (values - np.nanmean(values)) / max(float(np.nanstd(values)), 1e-9)
