"""From scored pictures to a file of learned prompts: what `isptune train scorenet` does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from isptune.errors import ConfigError, one_line
from objectives.checkpoints.reading import sha256_of
from objectives.encoders.build import build_encoder
from objectives.no_reference.lightweight_metrics import LightweightMetrics, Standardisation
from objectives.scorenet.files import LearnedFor, write_prompts
from objectives.scorenet.prompts import HEADS, Design, PromptLearner, plain_prompts, scorenet_learner
from objectives.training.pictures.agreement import (
    Estimate,
    difference,
    estimate,
    linear_correlation,
    rank_correlation,
    resamples,
)
from objectives.training.pictures.look_alikes import held_out, looks
from objectives.training.scorenet.feature_extraction import extract
from objectives.training.scorenet.feature_table import FeatureTable
from objectives.training.scorenet.picture_scores import read_scores
from objectives.training.scorenet.training import Recipe, fit, predict, samples, scale_of

STOPPING = 0.15
"""Share of the pictures that are not for validation by which the best epoch is found."""


@dataclass(frozen=True)
class Order:
    """What is to be learned from what, and how; see the options of the command.

    Attributes:
        scores, images, out: the table, the folder of its pictures, the file to write.
        file_column, score_column: heads in the table; None for those that are known.
        lower_is_better: direction of the scores; None for what the table says.
        preset: of a known data set, or None.
        encoder, head: spec and name.
        design: of the learner; without metrics there is no context from them.
        metrics: names.
        validation: share of the pictures that only figures are computed on.
        recipe: of learning.
        resume: whether features beside `out` are used.
        force: whether `out` may be replaced.
    """

    scores: Path
    images: Path
    out: Path
    file_column: str | None
    score_column: str | None
    lower_is_better: bool | None
    encoder: str
    head: str
    design: Design
    metrics: tuple[str, ...]
    validation: float
    recipe: Recipe
    resume: bool = True
    force: bool = False
    preset: str | None = None

    @property
    def cache(self) -> Path:
        """Where features are kept."""
        return self.out.with_name(f"{self.out.stem}.features.safetensors")


@final
@dataclass(frozen=True)
class Parts:
    """Rows of a table: to learn from, to find the best epoch by, to validate with."""

    train: np.ndarray
    stopping: np.ndarray
    validation: np.ndarray

    def counts(self) -> dict[str, int]:
        """How many pictures each has."""
        return {name: len(getattr(self, name)) for name in ("train", "stopping", "validation")}


@final
@dataclass(frozen=True)
class Outcome:
    """Figures on the validation part: of the plain prompts, the learned ones, and the paired difference.

    Attributes:
        counts: pictures in each part.
        epochs, kept: how many there were, and which was best.
        figures: by the name of a correlation.
        read_as: how the table was read.
        warning: where nobody says which way is better, and what the encoder sees without learning says that lower is.
    """

    counts: dict[str, int]
    epochs: int
    kept: int
    figures: dict[str, tuple[Estimate, Estimate, Estimate]] = field(default_factory=dict)
    read_as: str = ""
    warning: str = ""

    @property
    def written(self) -> bool:
        """Whether there is a file: not where what was learned orders other pictures the wrong way round."""
        return self.figures["SROCC"][1].value >= 0


def learn(
    order: Order,
    extracted: Callable[[int, int], None] = lambda done, count: None,
    learned: Callable[[int, float], None] = lambda epoch, agreement: None,
    tell: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Extract features, learn prompts, judge them, and write them unless their validation SROCC is below 0.

    Args:
        order: what to do.
        extracted: told how many of how many pictures are read.
        learned: told the epoch and its agreement with the stopping part.
        tell: gets lines on what was done to pictures.

    Raises:
        ConfigError: the output exists or has no folder, the table or a picture cannot be used, or the pictures
            cannot be divided.
        MissingExtra: the encoder's weights are not here.
    """
    _require_place(order)
    scores = read_scores(
        order.scores, order.images, order.file_column, order.score_column, order.lower_is_better, order.preset
    )
    rows = scores.pictures
    metrics = LightweightMetrics(order.metrics)
    encoder = build_encoder(order.encoder)
    if not order.resume:
        order.cache.unlink(missing_ok=True)
    table = extract([(row.name, row.path) for row in rows], encoder, metrics, order.cache, extracted, tell)
    table = table.with_scores(torch.tensor([row.score for row in rows], dtype=torch.float32))
    parts = divide(table, order.validation, order.recipe.seed)
    train, head, lower = table.take(parts.train), HEADS[order.head], scores.lower_was_better
    standardisation, warning = Standardisation.of(train.metrics), ""
    if not scores.direction_known:
        plain = predict(
            encoder, plain_prompts(encoder, head), head, samples(train, standardisation, scale_of(train))
        )
        warning = _wrong_way(plain.numpy()[None], train.scores.numpy())
        if warning:
            table, lower = table.with_scores(-table.scores), True
            train = table.take(parts.train)
    scale = scale_of(train)
    if scale[0] == scale[1]:
        raise ConfigError(
            f"{one_line(str(order.scores))}: all pictures of the training part have the same score"
        )
    inside, stopping, outside = (
        samples(table.take(part), standardisation, scale)
        for part in (parts.train, parts.stopping, parts.validation)
    )
    learner, history = fit(
        encoder,
        lambda: scorenet_learner(encoder, head, len(metrics.names), order.design),
        head,
        inside,
        stopping,
        order.recipe,
        learned,
    )
    predictions = [
        predict(encoder, prompts, head, outside).numpy()[None]
        for prompts in (plain_prompts(encoder, head), learner)
    ]
    figures = _figures(predictions[0], predictions[1], outside.scores.numpy())
    outcome = Outcome(
        parts.counts(), len(history.agreements) - 1, history.kept, figures, scores.told, warning
    )
    if not outcome.written:
        return outcome
    assert isinstance(learner, PromptLearner)  # what was made above
    write_prompts(
        order.out,
        learner,
        LearnedFor(
            encoder.name,
            dict(encoder.weights),
            head.name,
            metrics.names,
            standardisation,
            order.design,
            _notes(order, outcome, scale, lower),
        ),
    )
    return outcome


def divide(table: FeatureTable, validation: float, seed: int) -> Parts:
    """By picture, with look-alikes in one part. Raises ConfigError where that cannot be done."""
    look = looks(table.thumbnails.double().numpy())
    outside = held_out(look, validation, seed)
    rest = np.flatnonzero(~outside)
    stopping = held_out(look[rest], STOPPING, seed + 1)
    parts = Parts(rest[~stopping], rest[stopping], np.flatnonzero(outside))
    if min(parts.counts().values()) < 2:
        raise ConfigError(f"too few pictures to divide: {parts.counts()}; every part needs two")
    return parts


def _figures(
    plain: np.ndarray, learned: np.ndarray, opinions: np.ndarray
) -> dict[str, tuple[Estimate, Estimate, Estimate]]:
    drawn = resamples(len(opinions), seed=0)
    return {
        name: (
            estimate(correlation, plain, opinions, drawn),
            estimate(correlation, learned, opinions, drawn),
            difference(correlation, learned, plain, opinions, drawn),
        )
        for name, correlation in (("SROCC", rank_correlation), ("PLCC", linear_correlation))
    }


def _require_place(order: Order) -> None:
    shown = one_line(str(order.out))
    if not order.out.parent.is_dir():
        raise ConfigError(f"{shown}: its folder does not exist")
    if order.out.is_dir():
        raise ConfigError(f"{shown}: is a folder")
    if order.out.exists() and not order.force:
        raise ConfigError(f"{shown}: exists; --force replaces it")


def _wrong_way(plain: np.ndarray, opinions: np.ndarray) -> str:
    """What to say where scores run against what the encoder sees without learning, by more than chance; else empty.

    They are differences from a reference then, as DMOS is, whatever their column is called.
    """
    found = estimate(rank_correlation, plain, opinions, resamples(len(opinions), seed=0))
    if found.high >= 0:
        return ""
    return (
        f"lower scores are taken for better: they run against what the encoder sees without learning (SROCC "
        f"{found.value:.2f}); if higher ones are, say --higher-is-better"
    )


def _notes(order: Order, outcome: Outcome, scale: tuple[float, float], lower: bool) -> dict[str, Any]:
    """What stands in the file beside what is needed to use it."""
    sign = -1.0 if lower else 1.0
    return {
        "scores": {"file": order.scores.name, "sha256": sha256_of(order.scores)},
        "lower_is_better": lower,
        "worst_and_best_score": [sign * end for end in scale],
        "pictures": outcome.counts,
        "loss": order.recipe.loss,
        "seed": order.recipe.seed,
        "epoch_kept": outcome.kept,
        "validation": {
            name: dict(zip(("plain", "learned", "difference"), map(str, estimates), strict=True))
            for name, estimates in outcome.figures.items()
        },
    }
