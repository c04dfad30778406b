"""Data sets that no network here was trained on: pictures and what is asked of them, both kept out.

| data set | pictures | scores |
|---|---|---|
| vif, fsim, gmsd | kept-out photographs, distortions not trained on | a metric not trained on; gmsd: lower is better |
| people | validation pictures of BIQ2021 | mean opinions; the two networks that are compared were trained on none |
| warmth, falloff | as for vif | tastes of kinds that are not trained on: warm light, light in the middle |
| ssim | as for vif | a metric that is trained on, to compare with |

A photograph's versions are either to take prompts from or to be scored, never both; ten divisions in halves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from objectives.promptiqa.compact import CompactNetwork
from objectives.training.promptiqa.pictures import Pictures, read_pictures

DIVISIONS = 10
RESAMPLES = 1000
PAIRS = 10

DATA_SETS = ("vif", "fsim", "gmsd", "people", "warmth", "falloff", "ssim")

Plcc = Float64[np.ndarray, "divisions resamples"]
"""The first column is that of the pictures themselves; the others of resamples of photographs."""


@dataclass(frozen=True, eq=False)
class Relabelled:
    """A data set.

    Attributes:
        name: see above.
        features: descriptions of the pictures.
        scores: what is asked, higher is better.
        photograph: the same number for versions of one photograph.
    """

    name: str
    features: Float[Tensor, "pictures description"]
    scores: Float64[np.ndarray, " pictures"]
    photograph: Int[np.ndarray, " pictures"]


def read_sets(folder: Path) -> dict[str, Relabelled]:
    """All data sets, from `unseen.safetensors` and `validation.safetensors`."""
    unseen = read_pictures([folder / "unseen.safetensors"])
    columns = {name: name for name in ("vif", "fsim", "gmsd", "ssim")}
    columns |= {name: f"taste {name}" for name in ("warmth", "falloff")}
    sets = {name: _relabelled(name, unseen, column) for name, column in columns.items()}
    rated = read_pictures([folder / "validation.safetensors"])
    return sets | {"people": _relabelled("people", rated, "opinion")}


def _relabelled(name: str, pictures: Pictures, column: str) -> Relabelled:
    scores = pictures.label(column).double().numpy()
    scores = (
        -scores if name == "gmsd" else scores
    )  # the table turns it around; here it is as its authors have it
    return Relabelled(name, pictures.features, scores, pictures.photograph.numpy())


def divisions(data: Relabelled) -> Iterator[tuple[Bool[np.ndarray, " pictures"], np.random.Generator]]:
    """Which pictures may be in a prompt, and a source of randomness, for each division."""
    names = np.unique(data.photograph)
    for number in range(DIVISIONS):
        random = np.random.default_rng([7, number])
        chosen = random.permutation(names)[: len(names) // 2]
        yield np.isin(data.photograph, chosen), random


def unit(scores: Float64[np.ndarray, " prompts"]) -> Float64[np.ndarray, " prompts"]:
    """0 for the worst to 1 for the best, as the objective stretches a prompt."""
    return (scores - scores.min()) / (scores.max() - scores.min())


@torch.no_grad()
def predicted(
    network: CompactNetwork,
    components: Float[Tensor, "pictures components"],
    prompt: Float[Tensor, "prompts components"],
    scores: Float[Tensor, " prompts"],
) -> Float64[np.ndarray, " pictures"]:
    """Scores beside a prompt; the network without prompts does not look at it."""
    state = network.prompt(prompt.unsqueeze(0), scores.unsqueeze(0)) if network.size.prompted else None
    return network(components.unsqueeze(0), state).squeeze(0).double().numpy()


def plcc_resampled(
    data: Relabelled, rows: Int[np.ndarray, " scored"], scores: Float64[np.ndarray, " scored"], seed: int
) -> Float64[np.ndarray, " resamples"]:
    """Pearson's correlation, then in resamples of whole photographs, from sums over each photograph."""
    names, place = np.unique(data.photograph[rows], return_inverse=True)
    a, b = scores - scores.mean(), data.scores[rows] - data.scores[rows].mean()
    parts = np.stack([np.ones_like(a), a, b, a * a, b * b, a * b], 1)
    sums = np.stack([np.bincount(place, weights=column, minlength=len(names)) for column in parts.T], 1)
    random = np.random.default_rng(seed)
    counts = np.vstack(
        [np.ones(len(names)), random.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)]
    )
    n, sa, sb, saa, sbb, sab = (counts @ sums).T
    scale = np.sqrt(np.maximum((saa - sa * sa / n) * (sbb - sb * sb / n), 1e-18))
    return (sab - sa * sb / n) / scale


def told(plcc: Plcc) -> tuple[float, float, float]:
    """Mean over divisions, and its 95 % interval over resampled photographs."""
    means = plcc.mean(0)
    low, high = np.quantile(means[1:], [0.025, 0.975])
    return float(means[0]), float(low), float(high)


Networks = Mapping[str, CompactNetwork]
