"""The network in training, and what it is trained for: the losses of a batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from isptune.arrays import Images
from objectives.encoders.bundled_network import TextNetwork, Widths
from objectives.encoders.quality_words import words_of
from objectives.training.pictures.captions import (
    AXES,
    LEVELS,
    OPPOSITES,
    QUALITY_TEMPLATES,
    SUBJECTS,
    caption,
    phrase,
)
from objectives.training.pictures.spoilings import VARIANTS, Spoiling

COST_TO_QUALITY = 0.9
"""Quality falls as exp(-this * cost)."""

Batch = tuple[Images, Images, Tensor, list[Spoiling], list[float], list[float]]
"""Pictures, small views, statistics, what was done, opinions before it (NaN: unknown), rated opinions."""


class Model(nn.Module):
    """The two networks, the temperature, and the layer for amounts that is only used in training.

    Attributes:
        image: gives features of pictures, and `embeddings` of these.
        text: reads prompts.
    """

    def __init__(self, image: nn.Module, widths: Widths, fused: int, words: Sequence[str]):
        super().__init__()
        self.words = {word: number for number, word in enumerate(words)}
        self.image: Any = image
        self.text = TextNetwork(widths, len(words))
        self.log_temperature = nn.Parameter(torch.tensor(2.7))
        self.amounts = nn.Linear(fused, len(AXES))

    @property
    def temperature(self) -> Tensor:
        return self.log_temperature.exp().clamp(max=40)

    def prompts(self, texts: Sequence[str]) -> Float[Tensor, "prompts embedding"]:
        rows = [[self.words[word] for word in words_of(text)] for text in texts]
        length = max(map(len, rows))
        tokens = torch.tensor([row + [0] * (length - len(row)) for row in rows])
        return self.text(self.text.words(tokens), torch.tensor([len(row) - 1 for row in rows]))

    def quality(
        self, embeddings: Float[Tensor, "batch embedding"], template: str = QUALITY_TEMPLATES[0]
    ) -> Float[Tensor, " batch"]:
        """Quality in [0, 1] by the five words."""
        classes = self.prompts([template.format(level) for level in LEVELS])
        shares = (self.temperature * embeddings @ classes.T).softmax(1)
        return shares @ torch.linspace(1, 0, len(LEVELS))


def losses(
    model: Model,
    drawn: Batch,
    random: np.random.Generator,
) -> dict[str, Tensor]:
    """The losses of one batch by name, weighted."""
    pictures, views, statistics, spoilings, before, rated = drawn
    with torch.autocast("cpu", torch.bfloat16):
        features = model.image(pictures.unsqueeze(1), views, statistics)
    features = features.float()
    embeddings = model.image.embeddings(features)
    count = len(spoilings)
    costs = torch.tensor([spoiling.cost for spoiling in spoilings])
    opinions = torch.tensor(rated)
    starts = torch.tensor([0.95 if np.isnan(one) else stretched(one) for one in before])
    targets = torch.cat([starts * (-COST_TO_QUALITY * costs).exp(), stretched(opinions)])

    quality = model.quality(embeddings)
    other = model.quality(embeddings, str(random.choice(QUALITY_TEMPLATES)))
    return {
        "quality": 4 * huber(quality[:count], targets[:count]),
        "wording": 2 * huber(other, targets),
        "order": 2 * order(quality[:count].view(-1, VARIANTS), costs.view(-1, VARIANTS)),
        "opinion": 4 * huber(quality[count:], targets[count:])
        + 0.5 * (1 - correlation(quality[count:], opinions)),
        "opposites": 0.5 * opposites_told(model, embeddings, targets, random),
        "grades": 0.4 * grades_told(model, embeddings[:count], spoilings, random),
        "captions": 0.3 * captions_told(model, embeddings, spoilings, targets, random),
        "amounts": 10 * amounts_told(model, features[:count], spoilings),
    }


def stretched(opinion: Any) -> Any:
    """Opinions of BIQ2021 lie between 0.1 and 0.9."""
    return (opinion - 0.1) / 0.78


def huber(one: Tensor, other: Tensor) -> Tensor:
    return functional.smooth_l1_loss(one, other, beta=0.05)


def correlation(one: Tensor, other: Tensor) -> Tensor:
    one, other = one - one.mean(), other - other.mean()
    return (one * other).sum() / (one.norm() * other.norm() + 1e-6)


def order(
    quality: Float[Tensor, "groups versions"], costs: Float[Tensor, "groups versions"], clear: float = 0.15
) -> Tensor:
    """Logistic loss on the order within each photograph, weighted by how clear it is: fully from this difference on."""
    worse = costs[:, None, :] - costs[:, :, None]
    better = quality[:, :, None] - quality[:, None, :]
    weight = (worse / clear).clamp(0, 1)
    return (weight * functional.softplus(-better / 0.04)).sum() / weight.sum().clamp_min(1)


def opposites_told(model: Model, embeddings: Tensor, targets: Tensor, random: np.random.Generator) -> Tensor:
    pair = OPPOSITES[int(random.integers(len(OPPOSITES)))]
    logits = model.temperature * embeddings @ model.prompts(pair).T
    target = targets.clamp(0, 1)
    return functional.binary_cross_entropy_with_logits(logits[:, 0] - logits[:, 1], target)


def grades_told(
    model: Model, embeddings: Tensor, spoilings: Sequence[Spoiling], random: np.random.Generator
) -> Tensor:
    """Cross-entropy over the grades of every axis, the label shared by the two nearest grades."""
    total = embeddings.new_zeros(())
    for name, axis in AXES.items():
        rows = [i for i, spoiling in enumerate(spoilings) if name in spoiling.amounts]
        places = torch.tensor([axis.place(spoilings[i].amounts[name]) for i in rows])
        prompts = [phrase(str(random.choice(grade)), str(random.choice(SUBJECTS))) for grade in axis.grades]
        logits = model.temperature * embeddings[rows] @ model.prompts(prompts).T
        nearness = (1 - (places[:, None] - torch.arange(len(prompts))).abs()).clamp_min(0)
        total = total - (nearness * logits.log_softmax(1)).sum(1).mean()
    return total / len(AXES)


def captions_told(
    model: Model,
    embeddings: Tensor,
    spoilings: Sequence[Spoiling],
    targets: Tensor,
    random: np.random.Generator,
) -> Tensor:
    texts, keys = [], []
    for row, quality in enumerate(targets.clamp(0, 1).tolist()):
        amounts = spoilings[row].amounts if row < len(spoilings) else {}
        text, key = caption(amounts, quality, random)
        texts.append(text)
        keys.append(key)
    same = torch.tensor([[one == other for other in keys] for one in keys]).float()
    logits = model.temperature * embeddings @ model.prompts(texts).T
    share = same / same.sum(1, keepdim=True)
    return (
        -((share * logits.log_softmax(1)).sum(1).mean() + (share * logits.T.log_softmax(1)).sum(1).mean()) / 2
    )


def amounts_told(model: Model, features: Tensor, spoilings: Sequence[Spoiling]) -> Tensor:
    known = torch.tensor([[float(name in s.amounts) for name in AXES] for s in spoilings])
    truth = torch.tensor([[s.amounts.get(name, 0.0) for name in AXES] for s in spoilings])
    # What is small is what the tuner ends at, and must not drown in what is large.
    truth = truth.sign() * truth.abs().pow(0.6)
    error = functional.smooth_l1_loss(model.amounts(features), truth, beta=0.1, reduction="none")
    return (known * error).sum() / known.sum()
