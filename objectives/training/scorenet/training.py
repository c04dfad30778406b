"""Learns ScoreNet's prompts from a table of features: the encoder stays frozen, pictures are not needed.

What the authors do not say is chosen here. Loss: Huber (width 0.1) between scores and people's, both on 0 to 1, or one
minus their linear correlation in the batch; plus, where versions of one photograph are known in their order, the
logistic loss over pairs of them (Burges et al. 2005, Learning to rank using gradient descent). AdamW (Loshchilov and
Hutter 2019, Decoupled weight decay regularization); the state of the epoch that agrees best with the stopping part is
kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from isptune.arrays import Scores
from isptune.errors import ConfigError
from objectives.encoders.interface import ImageTextEncoder
from objectives.no_reference.lightweight_metrics import Standardisation
from objectives.scorenet.prompts import Head, PromptLearner, level_embeddings
from objectives.training.pictures.agreement import rank_correlation
from objectives.training.scorenet.feature_table import FeatureTable

LOSSES = ("huber", "plcc")

HUBER_WIDTH = 0.1
RANKING_UNIT = 0.1
"""A pair of versions is told apart well when their scores differ by more than this."""

SMALLEST_SPREAD = 1e-4
"""Added to deviations of scores in a batch, so that a constant batch has a slope."""


@dataclass(frozen=True)
class Recipe:
    """How prompts are learned.

    Attributes:
        loss: on people's scores.
        ranking: weight of the loss over pairs of versions of one photograph.
        epochs: at most.
        patience: epochs without an improvement on the stopping part, after which learning ends.
        batch: pictures a step; versions of one photograph are never parted.
        learning_rate, weight_decay: of AdamW; the rate falls to zero along a cosine.
        seed: of everything that is drawn.
    """

    loss: str = "huber"
    ranking: float = 1.0
    epochs: int = 60
    patience: int = 12
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ConfigError(f"loss = {self.loss!r}; it is {' or '.join(LOSSES)}")
        if self.epochs < 1 or self.patience < 1 or self.batch < 2:
            raise ConfigError(
                f"epochs = {self.epochs}, patience = {self.patience}, batch = {self.batch}; at least 1, 1 and 2"
            )
        if min(self.ranking, self.weight_decay) < 0 or self.learning_rate <= 0:
            raise ConfigError(
                f"ranking = {self.ranking}, weight_decay = {self.weight_decay}, learning_rate = {self.learning_rate}; "
                "none is below 0, and the rate is above it"
            )


@final
@dataclass(frozen=True, eq=False)
class Samples:
    """A table ready to learn from: metrics standardised, scores on 0 to 1 (beyond it outside the training part)."""

    images: Float[Tensor, "pictures embedding"]
    metrics: Float[Tensor, "pictures metrics"]
    scores: Float[Tensor, " pictures"]
    groups: Int[Tensor, " pictures"]
    distances: Float[Tensor, " pictures"]

    def take(self, rows: Int[Tensor, " rows"]) -> "Samples":
        """Some of the pictures."""
        columns = (self.images, self.metrics, self.scores, self.groups, self.distances)
        return Samples(*(column[rows] for column in columns))


@final
@dataclass(frozen=True)
class History:
    """How learning went: agreement with the stopping part before it, and after each epoch; which one was kept."""

    agreements: tuple[float, ...]
    kept: int


def scale_of(table: FeatureTable) -> tuple[float, float]:
    """The lowest and the highest score of a table; 0 and 1 where none is known."""
    known = table.scores[table.scores.isfinite()]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)


def samples(table: FeatureTable, standardisation: Standardisation, scale: tuple[float, float]) -> Samples:
    """A table on the scales of the training part."""
    low, high = scale
    scores = (table.scores - low) / max(high - low, 1e-9)
    metrics = standardisation.apply(table.metrics)
    return Samples(table.images, metrics, scores, table.groups, table.distances)


def predict(
    encoder: ImageTextEncoder, learner: nn.Module, head: Head, pictures: Samples, at_once: int = 256
) -> Scores:
    """Scores of pictures, without slopes; dropout is off."""
    was_training = learner.training
    learner.eval()
    with torch.no_grad():
        rows = torch.arange(len(pictures.images)).split(at_once)
        scores = [_scores(encoder, learner, head, pictures.take(part)) for part in rows]
    learner.train(was_training)
    return torch.cat(scores) if scores else torch.zeros(0)


def fit(
    encoder: ImageTextEncoder,
    make_learner: Callable[[], nn.Module],
    head: Head,
    train: Samples,
    stopping: Samples,
    recipe: Recipe,
    progress: Callable[[int, float], None] = lambda epoch, agreement: None,
) -> tuple[nn.Module, History]:
    """Learn prompts; the same arguments give the same ones on the same machine.

    Args:
        encoder: frozen.
        make_learner: an untrained module of `objectives.scorenet.prompts`; called under the recipe's seed.
        head: the scale.
        train: to learn from.
        stopping: decides which epoch is kept; shall share no look with `train`.
        recipe: how.
        progress: told the epoch and the agreement with the stopping part.

    Raises:
        ConfigError: one of the parts has neither scores nor ordered versions.
    """
    for name, part in (("training", train), ("stopping", stopping)):
        if int(part.scores.isfinite().sum()) < 2 and not len(ordered_pairs(part.groups, part.distances)):
            raise ConfigError(f"the {name} part has neither scores nor versions whose order is known")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        learner = make_learner()
        if isinstance(learner, PromptLearner):
            learner.standardise(train.images)
        learner.to(train.images.device).train()
        history = _learn(encoder, learner, head, train, stopping, recipe, progress)
    return learner.eval(), history


def _learn(
    encoder: ImageTextEncoder,
    learner: nn.Module,
    head: Head,
    train: Samples,
    stopping: Samples,
    recipe: Recipe,
    progress: Callable[[int, float], None],
) -> History:
    generator = torch.Generator().manual_seed(recipe.seed)
    agreements = [agreement(predict(encoder, learner, head, stopping), stopping, recipe.ranking)]
    best, state = 0, _copied(learner)
    parameters = list(learner.parameters())
    if not parameters:
        return History(tuple(agreements), 0)
    optimizer = torch.optim.AdamW(parameters, recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs)
    for epoch in range(1, recipe.epochs + 1):
        for rows in batches(train.groups, recipe.batch, generator):
            part = train.take(rows)
            loss = loss_of(_scores(encoder, learner, head, part), part, recipe)
            if loss is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        schedule.step()
        agreements.append(agreement(predict(encoder, learner, head, stopping), stopping, recipe.ranking))
        progress(epoch, agreements[-1])
        if agreements[-1] > agreements[best]:
            best, state = epoch, _copied(learner)
        if epoch - best >= recipe.patience:
            break
    learner.load_state_dict(state)
    return History(tuple(agreements), best)


def _copied(learner: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in learner.state_dict().items()}


def _scores(encoder: ImageTextEncoder, learner: nn.Module, head: Head, part: Samples) -> Scores:
    levels = level_embeddings(encoder, learner, part.images, part.metrics)  # pyright: ignore[reportArgumentType]
    return head.score(part.images, levels, encoder.temperature)


def loss_of(scores: Scores, part: Samples, recipe: Recipe) -> Float[Tensor, ""] | None:
    """The loss of a batch; None where nothing is known of it."""
    terms = []
    known = part.scores.isfinite()
    if int(known.sum()) >= 2:
        loss = huber if recipe.loss == "huber" else uncorrelated
        terms.append(loss(scores[known], part.scores[known]))
    pairs = ordered_pairs(part.groups, part.distances)
    if len(pairs) and recipe.ranking:
        better, worse = scores[pairs[:, 0]], scores[pairs[:, 1]]
        terms.append(recipe.ranking * F.softplus((worse - better) / RANKING_UNIT).mean())
    return torch.stack(terms).sum() if terms else None


def huber(scores: Scores, wanted: Scores) -> Float[Tensor, ""]:
    """Half the square of small errors, the magnitude of large ones, over `HUBER_WIDTH`."""
    return F.huber_loss(scores, wanted, delta=HUBER_WIDTH) / HUBER_WIDTH


def uncorrelated(scores: Scores, wanted: Scores) -> Float[Tensor, ""]:
    """One minus Pearson's correlation: 0 to 2."""
    a, b = scores - scores.mean(), wanted - wanted.mean()
    deviations = (a.square().mean() + SMALLEST_SPREAD**2).sqrt() * (
        b.square().mean() + SMALLEST_SPREAD**2
    ).sqrt()
    return 1 - (a * b).mean() / deviations


def ordered_pairs(
    groups: Int[Tensor, " pictures"], distances: Float[Tensor, " pictures"]
) -> Int[Tensor, "pairs 2"]:
    """All pairs of versions of one photograph of which the first is known to be nearer to the best."""
    rows = (groups >= 0) & distances.isfinite()
    index = rows.nonzero()[:, 0]
    group, distance = groups[index], distances[index]
    pairs = []
    # Group by group: a table of many groups has no room for all pairs of its pictures.
    order = torch.argsort(group, stable=True)
    sizes = torch.unique_consecutive(group[order], return_counts=True)[1]
    for members in order.split(sizes.tolist()):
        better, worse = (distance[members][:, None] < distance[members][None, :]).nonzero(as_tuple=True)
        pairs.append(torch.stack([index[members[better]], index[members[worse]]], 1))
    return torch.cat(pairs) if pairs else torch.zeros(0, 2, dtype=torch.long, device=groups.device)


def agreement(scores: Scores, part: Samples, ranking: float) -> float:
    """What decides which epoch is kept: SROCC with people, and how far pairs of versions are in order, -1 to 1.

    Weighted by 1 and `ranking` where both are known.
    """
    total, weight = 0.0, 0.0
    known = part.scores.isfinite()
    if int(known.sum()) >= 2:
        rows = [x[known].cpu().numpy()[None] for x in (scores, part.scores)]
        total, weight = float(rank_correlation(*rows)[0]), 1.0
    pairs = ordered_pairs(part.groups, part.distances)
    if len(pairs):
        in_order = torch.sign(scores[pairs[:, 0]] - scores[pairs[:, 1]]).mean()
        share = ranking if weight else 1.0
        total, weight = total + share * float(in_order), weight + share
    return total / weight if weight else float("nan")


def batches(
    groups: Int[Tensor, " pictures"], size: int, generator: torch.Generator
) -> Iterator[Int[Tensor, " rows"]]:
    """All pictures in random order, in batches of about this size; a group is never parted.

    A last batch of one picture is left out, since it tells nothing of order.
    """
    own = torch.arange(len(groups)) + int(groups.max()) + 1 if len(groups) else groups
    units = torch.unique(torch.where(groups.cpu() >= 0, groups.cpu(), own), return_inverse=True)[1]
    rank = torch.randperm(int(units.max()) + 1 if len(units) else 0, generator=generator)
    order = torch.argsort(rank[units], stable=True)
    sizes = np.bincount(rank[units].numpy())
    start, count = 0, 0
    for unit in sizes:
        if count and count + unit > size:
            yield order[start : start + count].to(groups.device)
            start, count = start + count, 0
        count += int(unit)
    if count > 1:
        yield order[start : start + count].to(groups.device)
