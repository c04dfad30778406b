"""Lightweight metrics as a vector: what ScoreNet's prompts learn from beside the image.

| objective | squashed by | ms for 512x384 |
|---|---|---|
| tv | log(1 + x / 0.05) | 0.4 |
| sharpness | log(1 + x / 100) | 0.7 |
| colourfulness | log(1 + x / 20) | 0.5 |
| noise | log(1 + x) | 1.4 |
| blockiness | as it is | 0.7 |
| jpeg_trace | as it is | 2.0 |
| entropy | as it is | 0.5 |
| brisque | as it is | 4.5 |
| niqe | log(1 + x) | 4.3 |

The default is the first seven, 6.2 ms together; the last two cost as much each (AMD EPYC, 2 threads, by
benchmarks/scoring.py). Which metrics the authors of ScoreNet took is not known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, ScoreError, UnknownName
from isptune.facts import gathered_weights
from isptune.interfaces import Objective
from isptune.scenes.scene import Scene
from objectives.no_reference.blockiness import blockiness
from objectives.no_reference.brisque import brisque
from objectives.no_reference.colourfulness import colourfulness
from objectives.no_reference.entropy import entropy
from objectives.no_reference.jpeg_trace import jpeg_trace
from objectives.no_reference.niqe import niqe
from objectives.no_reference.noise import noise
from objectives.no_reference.sharpness import sharpness
from objectives.no_reference.tv import tv

OUTLIER = 4.0
"""Standardised values are cut off at this many deviations: a tuner shall not drive a network where it has no data."""

SMALLEST_DEVIATION = 1e-3
"""Of squashed values; a metric that hardly differs between the training pictures says nothing."""

RawMetrics = Float[Tensor, "batch metrics"]
"""Squashed but not standardised; NaN where the image is too small for the metric."""


def _as_it_is(scores: Scores) -> Scores:
    return scores


def _log1p(unit: float) -> Callable[[Scores], Scores]:
    return lambda scores: (scores.clamp_min(0) / unit).log1p()


_KNOWN: Mapping[str, tuple[Callable[[], Any], Callable[[Scores], Scores]]] = {
    "tv": (tv, _log1p(0.05)),
    "sharpness": (sharpness, _log1p(100.0)),
    "colourfulness": (colourfulness, _log1p(20.0)),
    "noise": (noise, _log1p(1.0)),
    "blockiness": (blockiness, _as_it_is),
    "jpeg_trace": (jpeg_trace, _as_it_is),
    "entropy": (entropy, _as_it_is),
    "brisque": (brisque, _as_it_is),
    "niqe": (niqe, _log1p(1.0)),
}

KNOWN = tuple(_KNOWN)
DEFAULT = ("tv", "sharpness", "colourfulness", "noise", "blockiness", "jpeg_trace", "entropy")


@final
class LightweightMetrics:
    """Measures some of the metrics of `KNOWN`.

    Attributes:
        names: of the metrics, in the order of the vector.
        weights: files that they were fitted to, with their hashes.
    """

    def __init__(self, names: Sequence[str] = DEFAULT):
        """Raises UnknownName for a metric that is none of `KNOWN`, ConfigError for one given twice."""
        for name in names:
            if name not in _KNOWN:
                raise UnknownName("lightweight metric", name, list(_KNOWN))
        if len(set(names)) < len(names):
            raise ConfigError(f"lightweight metrics: one is given twice in {', '.join(names)}")
        self.names = tuple(names)
        self._measures = [(make(), squash) for make, squash in (_KNOWN[name] for name in names)]
        self.weights = gathered_weights(
            {name: objective.facts for name, (objective, _) in zip(names, self._measures, strict=True)}
        )

    @torch.no_grad()
    def measure(self, images: Images) -> RawMetrics:
        """One row an image, NaN for a metric that the images are too small for."""
        scene = Scene("", images[:1])  # none of them looks at it
        columns = [squash(_scores(objective, images, scene)) for objective, squash in self._measures]
        return torch.stack(columns, 1) if columns else images.new_zeros(len(images), 0)


def _scores(objective: Objective, images: Images, scene: Scene) -> Scores:
    try:
        return objective.score(images, scene).float()
    except ScoreError:  # their only reason is the size, which all images of a batch share
        return images.new_full((len(images),), torch.nan, dtype=torch.float32)


@final
@dataclass(frozen=True)
class Standardisation:
    """Mean and deviation of squashed metrics over the training pictures, in the metrics' order."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, values: Float[Tensor, "pictures metrics"]) -> "Standardisation":
        """That of a table; pictures that are too small for a metric do not count for it."""
        table = values.double()
        known = table.isfinite()
        count = known.sum(0).clamp_min(1)
        filled = torch.where(known, table, 0.0)
        mean = filled.sum(0) / count
        variance = torch.where(known, (filled - mean).square(), 0.0).sum(0) / count
        deviation = torch.where(known.any(0), variance.sqrt().clamp_min(SMALLEST_DEVIATION), 1.0)
        return cls(tuple(mean.tolist()), tuple(deviation.tolist()))

    def apply(self, values: RawMetrics) -> RawMetrics:
        """Standardised and cut off at `OUTLIER`; 0, the mean, where a metric is not known."""
        mean, deviation = (values.new_tensor(row) for row in (self.mean, self.deviation))
        return ((values - mean) / deviation).clamp(-OUTLIER, OUTLIER).nan_to_num(nan=0.0)
